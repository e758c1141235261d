package spool

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedWriterDir); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	goleak.VerifyTestMain(m)
}

// patience bounds what is waited for; reaching it is a failure.
const patience = 20 * time.Second

// queue returns the path of a queue in a directory of its own.
func queue(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "incoming")
}

func openWriterAt(t testing.TB, dir string, log *slog.Logger) *Writer {
	t.Helper()
	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func openReaderAt(t testing.TB, dir string, log *slog.Logger) *Reader {
	t.Helper()
	r, err := OpenReader(ReaderOptions{Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// run runs the reader's watch until the test ends.
func run(t testing.TB, r *Reader) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// handOver puts an entry with one file in the queue.
func handOver(t testing.TB, w *Writer, epoch int64) {
	t.Helper()
	if err := tryHandOver(w, epoch); err != nil {
		t.Fatal(err)
	}
}

func tryHandOver(w *Writer, epoch int64) error {
	d, err := w.Stage(epoch)
	if err != nil {
		return err
	}
	defer d.Discard()
	f, err := d.Create("a_info")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "epoch %d\n", epoch); err != nil {
		return err
	}
	return d.Commit(snapshot.Round{})
}

// plant makes dir and entries in it, as another program would.
func plant(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range append(names, ".") {
		if err := os.MkdirAll(filepath.Join(dir, name), durable.DirMode); err != nil {
			t.Fatal(err)
		}
	}
}

func claim(t testing.TB, r *Reader) *Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := r.Claim(ctx)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return e
}

func commit(t testing.TB, e *Entry) {
	t.Helper()
	if err := e.Commit(); err != nil {
		t.Fatal(err)
	}
}

// nothing fails the test if there is an entry to claim without waiting.
func nothing(t testing.TB, r *Reader) {
	t.Helper()
	r.scan(func() bool { return true })
	if a, _, err := r.next(); a != nil || err != nil {
		t.Fatalf("got %v, %v to claim, want nothing", a, err)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	return got
}

func content(t testing.TB, e *Entry) string {
	t.Helper()
	b, err := fs.ReadFile(e.FS(), "a_info")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// journal is a log to look into.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), s)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}
