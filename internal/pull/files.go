package pull

import (
	"context"
	"fmt"
	"io"
)

// files writes the files of one snapshot; workers bounds the concurrent writes.
type files struct {
	stage   Stage
	ctx     context.Context // ends with the round
	workers chan struct{}
}

// work waits for a worker and runs do on it. A disk that hangs keeps the worker, but
// the caller waits no longer than the round lasts.
func (f *files) work(do func() error) error {
	select {
	case f.workers <- struct{}{}: // also after the round: the disk is not to blame
	default:
		select {
		case f.workers <- struct{}{}:
		case <-f.ctx.Done():
			return fmt.Errorf("wait for the disk: %w", f.ctx.Err())
		}
	}
	defer func() { <-f.workers }()
	return do()
}

func (f *files) create(name string) (*file, error) {
	var w io.WriteCloser
	err := f.work(func() (err error) {
		w, err = f.stage.Create(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{files: f, to: w}, nil
}

type file struct {
	files *files
	to    io.WriteCloser
	size  int64        // bytes written
	heard func([]byte) // gets what was written; may be nil
}

// Write writes p when a worker is free.
func (f *file) Write(p []byte) (n int, err error) {
	err = f.files.work(func() (err error) {
		n, err = f.to.Write(p)
		f.size += int64(n)
		return err
	})
	if err == nil && f.heard != nil {
		f.heard(p)
	}
	return n, err
}

// Close closes the file, also after the end of the round.
func (f *file) Close() error { return f.to.Close() }
