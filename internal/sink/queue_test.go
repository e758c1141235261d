package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// quiet is a log nobody reads.
var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, o QueueOptions) *Queue {
	t.Helper()
	if o.Log == nil {
		o.Log = quiet
	}
	q, err := OpenQueue(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// put appends a batch of some metrics with the content "<epoch>\n" for each.
func put(t testing.TB, q *Queue, epoch int64, metrics int) {
	t.Helper()
	if err := q.Append(epoch, text(epoch, metrics)); err != nil {
		t.Fatal(err)
	}
}

func text(epoch int64, metrics int) func(io.Writer) (int, error) {
	return func(w io.Writer) (int, error) {
		for range metrics {
			if _, err := fmt.Fprintln(w, epoch); err != nil {
				return 0, err
			}
		}
		return metrics, nil
	}
}

// take takes the first batch out and returns what was in it.
func take(t testing.TB, q *Queue) string {
	t.Helper()
	var got bytes.Buffer
	err := q.First(func(item Item) error {
		n, err := item.Content.WriteTo(&got)
		if err == nil && (n != item.Size || n != int64(got.Len())) {
			t.Errorf("%d bytes written, %d announced, %d arrived", n, item.Size, got.Len())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// drain takes everything out and returns the first lines.
func drain(t testing.TB, q *Queue) (epochs []string) {
	t.Helper()
	for {
		if batches, _ := q.Len(); batches == 0 {
			return epochs
		}
		got := take(t, q)
		first, _, _ := strings.Cut(got, "\n")
		if got != strings.Repeat(first+"\n", strings.Count(got, "\n")) {
			t.Errorf("torn content %q", got)
		}
		epochs = append(epochs, first)
	}
}

func equal(t testing.TB, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestQueueStatsAge(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, c := range []struct {
		name   string
		oldest int64
		want   time.Duration
	}{
		{"no batch", 0, 0},
		{"a minute old", now.Unix() - 60, time.Minute},
		{"a clock that was never set", 100, 0},
		{"from the future", now.Unix() + 3600, 0},
	} {
		if got := (QueueStats{OldestEpoch: c.oldest}).Age(now); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestQueueIsFirstInFirstOutOverRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q := open(t, QueueOptions{Dir: dir})
	for epoch := range int64(3) {
		put(t, q, epoch, 10)
	}
	if got := take(t, q); got != strings.Repeat("0\n", 10) {
		t.Errorf("got %q", got)
	}
	q.Close()
	q = open(t, QueueOptions{Dir: dir})
	if batches, metrics := q.Len(); batches != 2 || metrics != 20 {
		t.Errorf("%d batches, %d metrics after the restart", batches, metrics)
	}
	if s := q.Stats(); s.OldestEpoch != 1 || s.Batches != 2 || s.Metrics != 20 || s.Bytes <= 0 {
		t.Errorf("stats %+v", s)
	}
	put(t, q, 3, 10)
	equal(t, drain(t, q), "1", "2", "3")
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if s := q.Stats(); s != (QueueStats{}) {
		t.Errorf("stats %+v", s)
	}
}

func TestQueueKeepsTheBatchThatCouldNotBeSent(t *testing.T) {
	q := open(t, QueueOptions{Dir: t.TempDir()})
	put(t, q, 1, 1)
	put(t, q, 2, 1)
	refused := errors.New("refused")
	for range 3 {
		err := q.First(func(item Item) error {
			if _, err := item.Content.WriteTo(failing{refused}); !errors.Is(err, refused) {
				t.Errorf("the writer's error came back as %v", err)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
	}
	equal(t, drain(t, q), "1", "2")
	if err := q.First(func(Item) error { panic("called") }); err != nil {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestQueueBounds(t *testing.T) {
	for _, c := range []struct {
		name    string
		opt     QueueOptions
		dropped int64
		want    []string
	}{
		{"none", QueueOptions{}, 0, []string{"0", "1", "2", "3", "4"}},
		{"metrics", QueueOptions{MaxMetrics: 30}, 2, []string{"2", "3", "4"}},
		{"a part of a batch does not fit", QueueOptions{MaxMetrics: 29}, 3, []string{"3", "4"}},
		{"the newest always stays", QueueOptions{MaxMetrics: 1}, 4, []string{"4"}},
		{"bytes", QueueOptions{MaxBytes: 1}, 4, []string{"4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			c.opt.Dir = t.TempDir()
			c.opt.Log = slog.New(slog.NewTextHandler(&log, nil))
			q := open(t, c.opt)
			for round := range int64(2) {
				for epoch := range int64(5) {
					put(t, q, epoch, 10)
				}
				if s := q.Stats(); s.DroppedBatches != c.dropped*(round+1) || s.DroppedMetrics != 10*c.dropped*(round+1) {
					t.Errorf("stats %+v", s)
				}
				if n := len(files(t, c.opt.Dir)); n != len(c.want) {
					t.Errorf("%d files", n)
				}
				equal(t, drain(t, q), c.want...)
			}
			bursts := 2
			if c.dropped == 0 {
				bursts = 0
			}
			if n := strings.Count(log.String(), "oldest metrics dropped"); n != bursts {
				t.Errorf("logged %d times for %d bursts", n, bursts)
			}
			if n := strings.Count(log.String(), fmt.Sprintf("metrics_dropped=%d", 10*c.dropped)); c.dropped > 0 && n != bursts {
				t.Errorf("the end of the burst is not told: %s", &log)
			}
		})
	}
}

func TestQueueBoundHoldsAtOpen(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	for epoch := range int64(5) {
		put(t, q, epoch, 10)
	}
	q.Close()
	equal(t, drain(t, open(t, QueueOptions{Dir: dir, MaxMetrics: 20})), "3", "4")
}

func TestQueueKeepsTheBatchBeingSent(t *testing.T) {
	q := open(t, QueueOptions{Dir: t.TempDir(), MaxMetrics: 20})
	put(t, q, 0, 10)
	var got bytes.Buffer
	if err := q.First(func(item Item) error {
		for epoch := range int64(4) {
			put(t, q, epoch+1, 10)
		}
		_, err := item.Content.WriteTo(&got)
		return err
	}); err != nil || got.String() != strings.Repeat("0\n", 10) {
		t.Errorf("got %q, %v", &got, err)
	}
	equal(t, drain(t, q), "4")
	if s := q.Stats(); s.DroppedBatches != 3 {
		t.Errorf("stats %+v", s)
	}
}

// TestQueueIsTrimmedAfterAFailure checks that the batch being sent, which the bounds
// spare, is dropped once sending it has failed.
func TestQueueIsTrimmedAfterAFailure(t *testing.T) {
	q := open(t, QueueOptions{Dir: t.TempDir(), MaxMetrics: 10})
	put(t, q, 0, 10)
	down := errors.New("down")
	if err := q.First(func(Item) error {
		put(t, q, 1, 10)
		return down
	}); !errors.Is(err, down) {
		t.Error(err)
	}
	if batches, metrics := q.Len(); batches != 1 || metrics != 10 {
		t.Errorf("got %d batches with %d metrics that wait, want 1 with 10", batches, metrics)
	}
	equal(t, drain(t, q), "1")
}

func TestQueueStoresNoEmptyBatch(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 0)
	if batches, _ := q.Len(); batches != 0 || len(files(t, dir)) != 0 {
		t.Errorf("%d batches, files %v", batches, files(t, dir))
	}
}

func TestQueueIsLocked(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	_, err := OpenQueue(QueueOptions{Dir: dir, Log: quiet})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another process uses it: stop that process, or give each program its own queue-dir, in a configuration file of its own") {
		t.Errorf("error %v", err)
	}
	q.Close()
	open(t, QueueOptions{Dir: dir})
}

func TestQueueModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "a", "q")
	put(t, open(t, QueueOptions{Dir: dir}), 1, 1)
	for path, want := range map[string]os.FileMode{dir: os.ModeDir | 0o750, filepath.Join(dir, files(t, dir)[0]): 0o640} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestQueueLeavesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 1)
	q.Close()
	if err := os.Rename(filepath.Join(dir, files(t, dir)[0]), outside); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.Symlink(outside, filepath.Join(dir, fileName(3, extBatch))),
		syscall.Mkfifo(filepath.Join(dir, fileName(4, extBatch)), 0o600),
		os.Mkdir(filepath.Join(dir, fileName(5, extTemp)), 0o700),
		os.WriteFile(filepath.Join(dir, "README"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, fileName(2, extTemp)), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	q = open(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if batches, _ := q.Len(); batches != 0 {
		t.Errorf("%d batches", batches)
	}
	if !strings.Contains(log.String(), "number=4") {
		t.Errorf("log %q", &log)
	}
	put(t, q, 6, 1)
	equal(t, drain(t, q), "6")
	equal(t, files(t, dir), fileName(3, extBatch), fileName(4, extBatch), fileName(5, extTemp), "README")
}

func TestQueueRefusesALinkForItsDirectory(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenQueue(QueueOptions{Dir: link, Log: quiet}); err == nil || !strings.Contains(err.Error(), "follows no link") {
		t.Errorf("error %v", err)
	}
}

func TestQueueWait(t *testing.T) {
	q := open(t, QueueOptions{Dir: t.TempDir()})
	synctest.Test(t, func(t *testing.T) {
		q.wake = make(chan struct{}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- q.Wait(ctx) }()
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("Wait returned on an empty queue")
		}
		put(t, q, 1, 1)
		if err := <-done; err != nil {
			t.Error(err)
		}
		take(t, q)
		go func() { done <- q.Wait(ctx) }()
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("Wait returned on a queue that is empty again")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestQueueAppendsWhileItIsDrained(t *testing.T) {
	const workers, each = 4, 10
	q := open(t, QueueOptions{Dir: t.TempDir()})
	var wg sync.WaitGroup
	for w := range int64(workers) {
		wg.Go(func() {
			for i := range int64(each) {
				put(t, q, w*1000+i, 3)
			}
		})
	}
	seen := map[string]bool{}
	last := map[byte]string{}
	for len(seen) < workers*each {
		if err := q.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		epoch := strings.SplitN(take(t, q), "\n", 2)[0]
		epoch = fmt.Sprintf("%4s", epoch)
		if seen[epoch] || last[epoch[0]] > epoch {
			t.Errorf("%s twice, or after %s", epoch, last[epoch[0]])
		}
		seen[epoch], last[epoch[0]] = true, epoch
	}
	wg.Wait()
	if batches, metrics := q.Len(); batches != 0 || metrics != 0 {
		t.Errorf("%d batches, %d metrics left", batches, metrics)
	}
}
