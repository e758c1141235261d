package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// syncers bounds the files that are synced at once. Concurrent syncs share the
// commits of the file system's journal, which take nearly all of the time.
const syncers = 16

// Draft is a directory being staged. It ends with [Draft.Commit] or
// [Draft.Discard]. It is safe for concurrent use.
type Draft struct {
	w           *Writer
	name        string
	path, final string
	dir         *durable.Dir

	mu    sync.Mutex
	files []*draftFile
	done  bool
}

// draftFile records size and checksum of what is written, so that nothing is read
// again.
type draftFile struct {
	to *os.File // nil: a link
	snapshot.File
	synced bool
}

// Write implements [io.Writer].
func (f *draftFile) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	f.Size += int64(n)
	f.CRC = snapshot.Sum(f.CRC, p[:n])
	return n, err
}

// Close implements [io.Closer].
func (f *draftFile) Close() error { return f.to.Close() }

func (d *Draft) open() error {
	_, err := os.Lstat(d.path)
	switch {
	case err == nil:
		err = d.replaceLeftover()
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	d.w.recordDraft(d.name)
	err = os.Mkdir(d.path, durable.DirMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.w.remake(d.w.tmp); err == nil {
			err = os.Mkdir(d.path, durable.DirMode)
		}
	}
	if err != nil {
		return err
	}
	d.dir, err = durable.OpenDir(d.path)
	return err
}

// replaceLeftover removes a draft of the same name.
func (d *Draft) replaceLeftover() error {
	state, err := d.w.lookAtDraft(d.path)
	if err == nil && state != unfinished {
		err = fmt.Errorf("%w: it is not an unfinished snapshot of ours. Move it away", fs.ErrExist)
	}
	if err == nil {
		err = removeDraft(d.path)
	}
	return err
}

// Create makes a new file of that name in the directory. The caller closes it
// before [Draft.Commit].
func (d *Draft) Create(name string) (io.WriteCloser, error) {
	if err := snapshot.CheckFileName(name); err != nil {
		return nil, fmt.Errorf("create %q in %s: %w", name, d.path, err)
	}
	to, err := d.dir.Create(name)
	if err != nil {
		return nil, err
	}
	f := &draftFile{to: to, File: snapshot.File{Name: name}}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files = append(d.files, f)
	return f, nil
}

// Remove removes a file that was created and is closed.
func (d *Draft) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.files, func(f *draftFile) bool { return f.Name == name })
	if i < 0 {
		return &fs.PathError{Op: "remove", Path: filepath.Join(d.path, name), Err: fs.ErrNotExist}
	}
	if err := d.dir.Remove(name); err != nil {
		return err
	}
	d.files = slices.Delete(d.files, i, i+1)
	return nil
}

// Commit adds the manifest, makes the files and their directory durable, and hands
// the directory over by one rename. After an error nothing has been handed over, and
// the caller discards the draft; the error satisfies errors.Is(err, fs.ErrExist) if
// the queue has that name already.
func (d *Draft) Commit(r snapshot.Round) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return fmt.Errorf("commit %s: %w", d.path, fs.ErrClosed)
	}
	if err := d.describe(r); err != nil {
		return fmt.Errorf("commit %s: %w", d.path, err)
	}
	if err := d.sync(); err != nil {
		return fmt.Errorf("commit %s: %w", d.path, err)
	}
	if err := d.w.checkNoLinks(); err != nil {
		return fmt.Errorf("commit %s: %w", d.path, err)
	}
	d.w.recordNewest(d.name)
	err := durable.RenameNoReplace(d.path, d.final)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.w.remake(d.w.dir); err == nil {
			err = durable.RenameNoReplace(d.path, d.final)
		}
	}
	if errors.Is(err, unix.EXDEV) {
		return fmt.Errorf("commit %s: %w. Put tmp-dst-dir and dst-dir on one file system", d.path, err)
	}
	if err != nil {
		return fmt.Errorf("commit %s: %w", d.path, err)
	}
	d.finish()
	if err := d.w.syncQueue(); err != nil {
		// The snapshot is complete and in the queue: an error would make the caller believe
		// that it is not.
		d.w.log.Error("a power cut may take back the last entries", "dir", d.w.dir, "error", err)
	}
	return nil
}

// describe writes the manifest.
func (d *Draft) describe(r snapshot.Round) error {
	var files []snapshot.File
	for _, f := range d.files {
		files = append(files, f.File)
	}
	text, err := snapshot.NewManifest(r, files).Append(nil)
	if err != nil {
		return err
	}
	f, err := d.dir.Create(snapshot.ManifestName)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// sync makes all files and the directory durable.
func (d *Draft) sync() error {
	return d.syncFiles(append([]string{snapshot.ManifestName}, d.unsynced()...))
}

func (d *Draft) syncFiles(names []string) error {
	var g errgroup.Group
	g.SetLimit(syncers)
	for _, name := range names {
		g.Go(func() error {
			f, err := d.dir.OpenRegular(name)
			if err != nil {
				return err
			}
			defer f.Close()
			return d.w.sync(f)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return d.w.sync(d.dir.File())
}

// Discard removes the draft with all its files. After Commit it does nothing.
func (d *Draft) Discard() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return nil
	}
	if d.dir == nil { // another file has its name
		d.finish()
		return nil
	}
	err := durable.CheckDir(d.w.tmp)
	if err == nil {
		err = d.remove()
	}
	d.finish()
	if err != nil {
		// The draft is not staged any more, so the writer may try again.
		if first, again := d.w.litter.Remove(d.path); first {
			d.w.log.Warn("unfinished snapshots can't be removed, will try again", "dir", d.w.tmp, "error", again)
		}
		return fmt.Errorf("discard %s: %w", d.path, err)
	}
	return nil
}

// remove removes the files of the draft, and its directory. It fails if the
// directory has other files.
func (d *Draft) remove() error {
	for _, f := range d.files {
		if err := d.dir.Remove(f.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := d.dir.Remove(snapshot.ManifestName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := unix.Rmdir(d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "remove", Path: d.path, Err: err}
	}
	return nil
}

// finish ends the draft.
func (d *Draft) finish() {
	d.done = true
	if d.dir != nil {
		d.dir.Close()
	}
	d.w.unstage(d.name)
}
