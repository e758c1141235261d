package sink

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// noted is a file of which each sync is noted.
type noted struct {
	file
	sync func() error
}

func (n noted) Sync() error { return n.sync() }

// TestQueueIsDurable checks that Append syncs the file and then its name, and that a
// batch whose sync failed is not in the queue.
func TestQueueIsDurable(t *testing.T) {
	for fails := range 3 {
		dir := t.TempDir()
		q := open(t, QueueOptions{Dir: dir})
		var synced []string
		note := func(what string, sync func() error) error {
			if synced = append(synced, what+" of "+strings.Join(files(t, dir), " ")); len(synced) == fails {
				return syscall.EIO
			}
			return sync()
		}
		q.create = func(d directory, name string) (file, error) {
			f, err := createFile(d, name)
			return noted{f, func() error { return note("content", f.Sync) }}, err
		}
		q.sync = func(d directory) error { return note("name", d.Sync) }
		err := q.Append(1, text(1, 5))
		batches, _ := q.Len()
		if fails > 0 {
			if !errors.Is(err, syscall.EIO) || batches != 0 || len(files(t, dir)) != 0 {
				t.Errorf("step %d fails: error %v, %d batches, files %q", fails, err, batches, files(t, dir))
			}
			continue
		}
		if err != nil || batches != 1 {
			t.Errorf("error %v, %d batches", err, batches)
		}
		want := []string{"content of " + fileName(1, extTemp), "name of " + fileName(1, extBatch)}
		equal(t, synced, want...)
	}
}
