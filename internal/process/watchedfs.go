package process

import "io/fs"

// watchedFS records each use of a snapshot's files as progress.
type watchedFS struct {
	fs.FS
	p *progress
}

// Open implements [fs.FS].
func (f watchedFS) Open(name string) (fs.File, error) {
	f.p.at("reading " + name)
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if dir, ok := file.(fs.ReadDirFile); ok && name == "." {
		return dir, nil
	}
	return watchedFile{file, f.p}, nil
}

type watchedFile struct {
	fs.File
	p *progress
}

// Read implements [fs.File].
func (w watchedFile) Read(b []byte) (int, error) {
	n, err := w.File.Read(b)
	w.p.step()
	return n, err
}
