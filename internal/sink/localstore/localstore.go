// Package localstore writes batches into files: <dir>/<epoch>/stats has the lines
// that Graphite gets. The batch of a cluster is in stats.cluster.NAME, and that of a node
// in a cluster in stats.node.NAME.
//
// A file appears under its name once it is complete and fsynced, so a reader sees
// all of a batch or nothing. The package does not remove files, and has no queue: if
// a batch can't be written, it returns an error, and the snapshot stays in the
// spool.
package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"

	"haproxystats/internal/durable"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
)

const (
	fileName = "stats"
	tempName = ".stats.tmp"
)

// fileOf returns the name of a batch's file.
func fileOf(b *metric.Batch) string {
	switch {
	case b.Cluster == "":
		return fileName
	case b.Node == "":
		return fileName + ".cluster." + plaintext.Component(b.Cluster)
	}
	return fileName + ".node." + plaintext.Component(b.Node)
}

// Sink is a [haproxystats/internal/sink.Sink] that writes into a directory.
type Sink struct {
	dir  string
	sync func(*os.File) error // makes a file or a directory durable

	mu      sync.Mutex // one batch is written at a time
	encoder *plaintext.Encoder

	counting sync.Mutex
	status   sink.Status
}

// New returns a sink that writes below dir. It makes dir when it needs it.
func New(dir string, paths plaintext.Paths) *Sink {
	return &Sink{dir: dir, sync: (*os.File).Sync, encoder: plaintext.New(paths)}
}

// Name returns "local-store".
func (s *Sink) Name() string { return "local-store" }

// Deliver writes the file of the batch, in place of an existing one.
func (s *Sink) Deliver(ctx context.Context, b *metric.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := ctx.Err()
	if err == nil {
		var w written
		w, err = s.store(b)
		s.count(w, err)
	}
	if err != nil {
		return fmt.Errorf("local-store: %w", hinted(err))
	}
	return nil
}

func hinted(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space, or move option dir of section local-store", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: check owner and mode of the directory", err)
	}
	return err
}

func (s *Sink) store(b *metric.Batch) (w written, err error) {
	if err := durable.MakeDir(s.dir); err != nil {
		return w, err
	}
	// The dot makes a link in the operator's path be followed; links below it are not.
	root, err := durable.OpenDir(s.dir + "/.")
	if err != nil {
		return w, err
	}
	defer root.Close()

	name := strconv.FormatInt(b.Epoch, 10)
	err = root.Mkdir(name)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return w, err
	}
	dir, err := root.OpenDir(name)
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		err = fmt.Errorf("%s/%s is %w: move it away", s.dir, name, durable.ErrNotDir)
	}
	if err != nil {
		return w, err
	}
	defer dir.Close()
	if w, err = s.write(dir, b); err != nil {
		if made {
			_ = root.RemoveDir(name) // it stays if it has a file by now
		}
		return w, err
	}
	// An existing directory is synced, too: its maker may have died before it did so.
	return w, s.sync(root.File())
}

// write makes the file in its directory, both durable.
func (s *Sink) write(dir *durable.Dir, b *metric.Batch) (w written, err error) {
	// A process that died while it wrote has left this file.
	if err := dir.Remove(tempName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	f, err := dir.Create(tempName)
	if err != nil {
		return w, err
	}
	w.Result, err = s.encoder.Encode(f, b)
	if err == nil {
		w.bytes, err = f.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		err = s.sync(f)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = dir.Rename(tempName, fileOf(b))
	}
	if err != nil {
		return w, errors.Join(err, dir.Remove(tempName))
	}
	return w, s.sync(dir.File())
}
