package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// Open opens a file of the draft for reading.
func (d *Draft) Open(name string) (io.ReadCloser, error) {
	if d.dir == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := d.dir.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Link gives a file of the draft, which is closed, another name in a directory of the
// same file system.
func (d *Draft) Link(name string, to *durable.Dir, as string) error {
	return d.dir.Link(name, to, as)
}

// Add makes a file of the draft from a file in a directory: a link to it, or a copy
// where the file system has no links.
func (d *Draft) Add(name string, from *durable.Dir, file string) error {
	if err := snapshot.CheckFileName(name); err != nil {
		return fmt.Errorf("add %q to %s: %w", name, d.path, err)
	}
	source, err := from.OpenRegular(file)
	if err != nil {
		return err
	}
	defer source.Close()
	err = from.Link(file, d.dir, name)
	if isLinkless(err) {
		to, err := d.Create(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, source)
		return errors.Join(err, to.Close())
	}
	if err != nil {
		return err
	}
	f := &draftFile{File: snapshot.File{Name: name}}
	d.mu.Lock()
	d.files = append(d.files, f) // also if reading fails: it is to be removed
	d.mu.Unlock()
	_, err = io.Copy(summer{f}, source)
	return err
}

// summer adds what is written to a file's size and checksum.
type summer struct{ f *draftFile }

func (s summer) Write(p []byte) (int, error) {
	s.f.Size += int64(len(p))
	s.f.CRC = snapshot.Sum(s.f.CRC, p)
	return len(p), nil
}

// isLinkless reports whether an error means that a file can't be linked there.
func isLinkless(err error) bool {
	return slices.ContainsFunc([]error{unix.EXDEV, unix.EPERM, unix.EOPNOTSUPP, unix.EMLINK}, func(e error) bool { return errors.Is(err, e) })
}

// Sync makes the files that the draft has so far durable. Commit does not sync them
// again.
func (d *Draft) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return fmt.Errorf("sync %s: %w", d.path, fs.ErrClosed)
	}
	if err := d.syncFiles(d.unsynced()); err != nil {
		return fmt.Errorf("sync %s: %w", d.path, err)
	}
	for _, f := range d.files {
		f.synced = true
	}
	return nil
}

// unsynced returns the names of the files that were not synced.
func (d *Draft) unsynced() []string {
	var names []string
	for _, f := range d.files {
		if !f.synced {
			names = append(names, f.Name)
		}
	}
	return names
}
