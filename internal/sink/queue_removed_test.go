package sink

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestQueueOutlivesItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 5)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	put(t, q, 2, 5)
	equal(t, drain(t, q), "2")
	if s := q.Stats(); s.DroppedBatches != 1 || s.DroppedMetrics != 5 {
		t.Errorf("stats %+v", s)
	}
}

// TestQueueIsMadeAnewWhileABatchIsSent checks that the end of that batch removes no other
// batch.
func TestQueueIsMadeAnewWhileABatchIsSent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 5)
	if err := q.First(func(item Item) error {
		_, err := item.Content.WriteTo(io.Discard)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		put(t, q, 2, 5)
		return err
	}); err != nil {
		t.Error(err)
	}
	equal(t, drain(t, q), "2")
}

// TestQueueTriesAgainToMakeItsDirectory has a first attempt that fails.
func TestQueueTriesAgainToMakeItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 5)
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := q.Append(2, text(2, 5)); err == nil || !strings.Contains(err.Error(), "a queue needs a directory of its own") {
			t.Errorf("with a file in its place: %v", err)
		}
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	put(t, q, 3, 5)
	equal(t, drain(t, q), "3")
	if s := q.Stats(); s.DroppedBatches != 1 || s.DroppedMetrics != 5 {
		t.Errorf("stats %+v", s)
	}
}

// TestQueueWhoseFileIsRemovedWhileItIsWritten checks that no other batch is lost.
func TestQueueWhoseFileIsRemovedWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 5)
	err := q.Append(2, func(w io.Writer) (int, error) {
		return 5, os.Remove(filepath.Join(dir, fileName(2, extTemp)))
	})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	put(t, q, 3, 5)
	if s := q.Stats(); s.DroppedBatches != 0 || s.Batches != 2 {
		t.Errorf("stats %+v", s)
	}
	equal(t, drain(t, q), "1", "3")
}

func TestQueueGoesOnWhereAFileHasVanished(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	for epoch := range int64(3) {
		put(t, q, epoch, 5)
	}
	if err := os.Remove(filepath.Join(dir, files(t, dir)[0])); err != nil {
		t.Fatal(err)
	}
	equal(t, drain(t, q), "1", "2")
	if s := q.Stats(); s.DroppedBatches != 1 || s.DroppedMetrics != 5 {
		t.Errorf("stats %+v", s)
	}
}

// TestQueueWhoseDirectoryIsMoved adds nothing to a directory that the next process
// will not open, and sends what is in it.
func TestQueueWhoseDirectoryIsMoved(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace func(dir string) error
		refuses string // also when nothing waits in the moved one
	}{
		{"by none", func(string) error { return nil }, ""},
		{"by an empty one", func(dir string) error { return os.Mkdir(dir, 0o750) }, ""},
		{"by a link", func(dir string) error { return os.Symlink(dir+".moved", dir) }, "follows no link"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "q")
			q := open(t, QueueOptions{Dir: dir})
			put(t, q, 1, 5)
			if err := errors.Join(os.Rename(dir, dir+".moved"), c.replace(dir)); err != nil {
				t.Fatal(err)
			}
			if err := q.Append(2, text(2, 5)); err == nil || !strings.Contains(err.Error(), "while 1 batches wait in it: put "+dir+".moved back") {
				t.Errorf("got %v, want an error with the directory's path", err)
			}
			equal(t, drain(t, q), "1")
			err := q.Append(3, text(3, 5))
			if c.refuses != "" {
				if err == nil || !strings.Contains(err.Error(), c.refuses) {
					t.Errorf("got %v, want an error with %q", err, c.refuses)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := len(files(t, dir)); n != 1 {
				t.Errorf("got %d files in %s, want 1", n, dir)
			}
			equal(t, drain(t, q), "3")
			if s := q.Stats(); s != (QueueStats{}) {
				t.Errorf("got %+v, want nothing lost", s)
			}
		})
	}
}

// TestQueueWhoseDirectoryIsMovedBack goes on as before.
func TestQueueWhoseDirectoryIsMovedBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 5)
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := q.Append(2, text(2, 5)); err == nil {
		t.Error("got no error, want one")
	}
	if err := os.Rename(dir+".moved", dir); err != nil {
		t.Fatal(err)
	}
	put(t, q, 3, 5)
	equal(t, drain(t, q), "1", "3")
}
