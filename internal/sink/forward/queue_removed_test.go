package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

// TestQueueOutlivesItsDirectory adds to a queue whose directory was removed, also while a
// snapshot is sent.
func TestQueueOutlivesItsDirectory(t *testing.T) {
	for _, sending := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "queue")
		var log bytes.Buffer
		q := linkQueue(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		q.write = writeNames
		add := func(epoch int64) {
			t.Helper()
			if err := q.Add(memory(epoch, 10)); err != nil {
				t.Fatal(err)
			}
		}
		again := func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
			add(300)
		}
		add(100)
		add(200)
		if sending {
			if err := q.First(func(i sink.Item) error {
				_, err := i.Content.WriteTo(io.Discard)
				again()
				return err
			}); err != nil {
				t.Error(err)
			}
		} else {
			again()
		}
		if got := q.Stats(); got.Batches != 1 || got.DroppedBatches != 2 || got.DamagedBatches != 0 || got.Bytes != 14 {
			t.Errorf("got %+v, want two lost ones and one that waits", got)
		}
		if got := epochs(t, q); !slices.Equal(got, []int64{300}) {
			t.Errorf("got %v, want the one that was added last", got)
		}
		if !strings.Contains(log.String(), "snapshots_lost=2") {
			t.Errorf("got no message of what is lost: %s", &log)
		}
		if _, err := OpenLinkQueue(QueueOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "its own queue-dir") {
			t.Errorf("the new directory, opened twice: got %v, want that another process uses it", err)
		}
		q.Close()
	}
}

// writeNames writes the names of the files of a snapshot.
func writeNames(w io.Writer, s snapshot.Snapshot) error {
	entries, err := fs.ReadDir(s.Files, ".")
	for _, e := range entries {
		fmt.Fprintln(w, e.Name())
	}
	return err
}

// TestQueueTriesAgainToMakeItsDirectory has a first attempt that fails.
func TestQueueTriesAgainToMakeItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	q := linkQueue(t, QueueOptions{Dir: dir})
	defer q.Close()
	if err := errors.Join(q.Add(memory(100, 10)), os.RemoveAll(dir), os.WriteFile(dir, nil, 0o640)); err != nil {
		t.Fatal(err)
	}
	if err := q.Add(memory(200, 10)); err == nil {
		t.Error("got no error with a file in its place")
	}
	if err := errors.Join(os.Remove(dir), q.Add(memory(300, 10))); err != nil {
		t.Fatal(err)
	}
	if got := epochs(t, q); !slices.Equal(got, []int64{300}) {
		t.Errorf("got %v, want the last one", got)
	}
}

// TestQueueWhoseDirectoryIsMoved adds nothing to a directory that the next process will not
// open, and sends what is in it.
func TestQueueWhoseDirectoryIsMoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	q := linkQueue(t, QueueOptions{Dir: dir})
	defer q.Close()
	if err := errors.Join(q.Add(memory(100, 10)), os.Rename(dir, dir+".moved")); err != nil {
		t.Fatal(err)
	}
	if err := q.Add(memory(200, 10)); err == nil || !strings.Contains(err.Error(), "put "+dir+".moved back") {
		t.Errorf("got %v, want an error with the directory's path", err)
	}
	q.write = writeNames
	if err := q.First(func(i sink.Item) error {
		var out bytes.Buffer
		_, err := i.Content.WriteTo(&out)
		if i.Epoch != 100 || out.Len() == 0 {
			t.Errorf("got %q of snapshot %d, want the one in the moved directory", &out, i.Epoch)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := q.Add(memory(300, 10)); err != nil {
		t.Fatal(err)
	}
	if got := epochs(t, q); !slices.Equal(got, []int64{300}) {
		t.Errorf("got %v, want the one in the new directory", got)
	}
	if got := q.Stats(); got != (sink.QueueStats{}) {
		t.Errorf("got %+v, want nothing lost", got)
	}
}
