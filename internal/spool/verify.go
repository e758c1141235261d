package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"haproxystats/internal/durable"
)

// readManifest returns the files that the entry's manifest names, or nil if
// nothing in it can be verified: it has none, as in a spool of another program's,
// or one that only a later version knows.
func (f *entryFS) readManifest() (map[string]File, error) {
	file, err := f.dir.OpenRegular(ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxManifest+1))
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(text)
	if errors.Is(err, ErrNewerManifest) {
		f.log.Warn("entry can't be verified, its writer is newer", "entry", f.path, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	known := make(map[string]File, len(m.Files))
	for _, file := range m.Files {
		known[file.Name] = file
	}
	return known, nil
}

// checkFiles looks whether all files are there and have their lengths, before
// any of them is read.
func (f *entryFS) checkFiles(known map[string]File) error {
	for name, want := range known {
		info, err := f.dir.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %w: it is missing", f.join(name), ErrDamaged)
		case err != nil:
			return err
		case info.Kind != durable.Regular:
			return fmt.Errorf("%s: %w: %w", f.join(name), ErrDamaged, durable.ErrNotRegular)
		case info.Size != want.Size:
			return fmt.Errorf("%s: %w: it has %d bytes, not %d", f.join(name), ErrDamaged, info.Size, want.Size)
		}
	}
	return nil
}

// hidden reports whether a name is none of the entry's files, but our own or for
// nobody.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// verifiedDir lists an entry without what was not handed over.
type verifiedDir struct {
	*os.File
	known   map[string]File
	log     *slog.Logger
	strange []string
}

// ReadDir implements [fs.ReadDirFile].
func (d *verifiedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	for {
		entries, err := d.File.ReadDir(n)
		kept := entries[:0]
		for _, e := range entries {
			if _, ok := d.known[e.Name()]; ok || hidden(e.Name()) {
				kept = append(kept, e)
			} else if len(d.strange) < 10 {
				d.strange = append(d.strange, e.Name())
			}
		}
		if n <= 0 || err != nil || len(kept) > 0 {
			return kept, err
		}
	}
}

// Close implements [fs.File].
func (d *verifiedDir) Close() error {
	if len(d.strange) > 0 {
		slices.Sort(d.strange)
		d.log.Warn("entry holds what was not handed over, ignoring it", "entry", d.Name(), "names", d.strange)
		d.strange = nil
	}
	return d.File.Close()
}

// verifiedFile is a file that must end as its manifest says.
type verifiedFile struct {
	file      *os.File
	got, want File
}

// Stat implements [fs.File].
func (f *verifiedFile) Stat() (fs.FileInfo, error) { return f.file.Stat() }

// Read implements [fs.File]. At the end of a file that is not as it was handed
// over, and behind it, the error is not [io.EOF].
func (f *verifiedFile) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	f.got.Size += int64(n)
	f.got.CRC = crc32.Update(f.got.CRC, castagnoli, p[:n])
	if f.got.Size > f.want.Size || errors.Is(err, io.EOF) && f.got != f.want {
		return n, fmt.Errorf("read %s: %w: %d bytes with CRC-32C %08x, not %d with %08x",
			f.file.Name(), ErrDamaged, f.got.Size, f.got.CRC, f.want.Size, f.want.CRC)
	}
	return n, err
}

// Close implements [fs.File].
func (f *verifiedFile) Close() error { return f.file.Close() }
