package forward

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// linker is an [fs.FS] whose files can get another name.
type linker interface {
	// Link gives a file another name in a directory.
	Link(name string, to *durable.Dir) error
}

// Add stores a snapshot. When Add returns nil it is on disk, fsynced. After an error
// nothing is stored.
func (q *LinkQueue) Add(s snapshot.Snapshot) error {
	q.adding.Lock()
	defer q.adding.Unlock()
	var i *queued
	err := q.settle()
	if err == nil {
		i, err = q.store(s)
	}
	if errors.Is(err, fs.ErrNotExist) && q.dir.Displaced() { // since then
		if err = q.settle(); err == nil {
			i, err = q.store(s)
		}
	}
	if err != nil {
		return fmt.Errorf("append to queue %s: %w", q.opt.Dir, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, i)
	q.bytes += i.size
	q.trim()
	q.signal()
	return nil
}

// signal wakes Wait.
func (q *LinkQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// store makes the directory of a snapshot durable.
func (q *LinkQueue) store(s snapshot.Snapshot) (*queued, error) {
	if s.Epoch < 0 || q.next >= maxSeq {
		return nil, fmt.Errorf("snapshot %d: %w", s.Epoch, fs.ErrInvalid)
	}
	i := &queued{epoch: s.Epoch, seq: q.next}
	q.next++
	i.name = i.dirName()
	temp := i.name + extTemp
	if err := q.dir.Mkdir(temp); err != nil {
		return nil, err
	}
	size, err := q.fill(temp, s.Files)
	if err == nil {
		i.size = size
		err = q.dir.RenameNoReplace(temp, i.name)
	}
	if err == nil {
		if err = q.dir.Sync(); err != nil {
			temp = i.name
		}
	}
	if err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.discard(temp)
		return nil, err
	}
	return i, nil
}

// fill links the files of a snapshot, or copies those that can't be linked.
func (q *LinkQueue) fill(temp string, files fs.FS) (size int64, err error) {
	to, err := q.dir.OpenDir(temp)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range entries {
		name := e.Name()
		if name != snapshot.ManifestName && snapshot.CheckFileName(name) != nil || !e.Type().IsRegular() {
			continue
		}
		if n++; n > maxFiles {
			return 0, fmt.Errorf("more than %d files", maxFiles)
		}
		if err := put(files, name, to); err != nil {
			return 0, err
		}
		bytes, err := syncFile(to, name)
		if err != nil {
			return 0, err
		}
		size += bytes
	}
	return size, to.Sync()
}

// put gives a file a name in a directory.
func put(files fs.FS, name string, to *durable.Dir) error {
	if l, ok := files.(linker); ok {
		err := l.Link(name, to)
		// The queue may be on another file system, and the kernel may protect the files of
		// another user from links.
		if err == nil || !errors.Is(err, unix.EXDEV) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EMLINK) &&
			!errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSYS) {
			return err
		}
	}
	from, err := files.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := to.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// syncFile makes a file durable, and returns its size.
func syncFile(dir *durable.Dir, name string) (int64, error) {
	f, err := dir.OpenRegular(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Sync()
}

// sizeOf returns the size of a snapshot's files.
func sizeOf(queue *durable.Dir, name string) (size int64, err error) {
	dir, err := queue.OpenDir(name)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	listed := dir.List(func(e fs.DirEntry) {
		if info, statErr := dir.Stat(e.Name()); statErr == nil {
			size += info.Size
		}
	})
	return size, listed
}
