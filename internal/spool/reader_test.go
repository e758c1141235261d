package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

func TestOldestFirst(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "10", "9", "007", "7", "1500000000", "0", "9223372036854775807")
	r := openReaderAt(t, dir, nil)
	if n := r.Waiting(); n != 0 {
		t.Errorf("before any listing %d wait", n)
	}
	var got []string
	for range 7 {
		e := claim(t, r)
		got = append(got, fmt.Sprint(e.Name(), "=", e.Epoch()))
		commit(t, e)
		if n := r.Waiting(); n != 7-len(got) {
			t.Errorf("%d wait after %d", n, len(got))
		}
	}
	want := []string{"0=0", "007=7", "7=7", "9=9", "10=10", "1500000000=1500000000", "9223372036854775807=9223372036854775807"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, d := range []string{dir, dir + ".trash", dir + ".corrupt"} {
		if got := names(t, d); len(got) != 0 {
			t.Errorf("%s holds %q", d, got)
		}
	}
}

// TestLateButOlder claims an entry that arrives late before the younger ones
// that were known before.
func TestLateButOlder(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "10", "20", "30")
	r := openReaderAt(t, dir, nil)
	e := claim(t, r)
	plant(t, dir, "15")
	r.listAgain()
	for _, want := range []string{"10", "15", "20", "30"} {
		if e.Name() != want {
			t.Errorf("got %s, want %s", e.Name(), want)
		}
		commit(t, e)
		if want != "30" {
			e = claim(t, r)
		}
	}
}

// TestMoreThanTheWindow holds with queues many times longer than what the reader
// remembers.
func TestMoreThanTheWindow(t *testing.T) {
	dir := queue(t)
	const n = 300
	for i := range n {
		plant(t, dir, fmt.Sprint((i*7919)%n))
	}
	r := openReaderAt(t, dir, nil)
	r.window = 10
	for i := range n {
		e := claim(t, r)
		if e.Epoch() != int64(i) {
			t.Fatalf("got %d, want %d", e.Epoch(), i)
		}
		if got, want := r.Waiting(), n-i-1; got != want {
			t.Fatalf("%d wait, want %d", got, want)
		}
		if len(r.ready) > r.window || cap(r.ready) > 4*r.window {
			t.Fatalf("%d names remembered, room for %d", len(r.ready), cap(r.ready))
		}
		if i%3 == 0 { // stays taken during the next listings
			defer e.Postpone()
			continue
		}
		commit(t, e)
	}
	nothing(t, r)
}

func TestEachToOneWorker(t *testing.T) {
	dir := queue(t)
	w, r := openWriterAt(t, dir, nil), openReaderAt(t, dir, nil)
	r.window = 4
	run(t, r)
	const n = 200
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	seen := make(map[string]int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				e, err := r.Claim(ctx)
				if err != nil {
					return
				}
				if got, want := content(t, e), fmt.Sprintf("epoch %d\n", e.Epoch()); got != want {
					t.Errorf("%s holds %q", e.Name(), got)
				}
				if err := e.Commit(); err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[e.Name()]++
				if len(seen) == n {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	for i := range n {
		handOver(t, w, int64(i))
	}
	wg.Wait()
	for name, times := range seen {
		if times != 1 {
			t.Errorf("%s was claimed %d times", name, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d claimed", len(seen), n)
	}
}

// onLog is a log whose lines make something happen.
type onLog func()

func (onLog) Enabled(context.Context, slog.Level) bool    { return true }
func (f onLog) Handle(context.Context, slog.Record) error { f(); return nil }
func (f onLog) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f onLog) WithGroup(string) slog.Handler             { return f }

// TestClaimDuringAListing hands out once what is claimed between a listing and
// its evaluation.
func TestClaimDuringAListing(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2")
	var r *Reader
	var during *attempt
	r = openReaderAt(t, dir, slog.New(onLog(func() { during, _, _ = r.next() })))
	r.scan(func() bool { return true })
	plant(t, dir, "no entry")
	r.scan(func() bool { return true }) // warns of it
	if during == nil || during.name != "1" {
		t.Fatalf("claimed %v", during)
	}
	if n := r.Waiting(); n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
	if e := claim(t, r); e.Name() != "2" {
		t.Errorf("claimed %s, too", e.Name())
	}
	nothing(t, r)
}

// TestClaimedWhileTheQueueIsAway hands out once what is in hand while another
// directory takes the queue's place for a moment.
func TestClaimedWhileTheQueueIsAway(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	r := openReaderAt(t, dir, nil)
	e := claim(t, r)
	if err := errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, durable.DirMode)); err != nil {
		t.Fatal(err)
	}
	nothing(t, r)
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	nothing(t, r)
	commit(t, e)
}

// TestNoQueue is nothing to try again at once.
func TestNoQueue(t *testing.T) {
	dir := queue(t)
	var log journal
	r := openReaderAt(t, dir, log.logger())
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.scan(func() bool { return true })
		if _, wait, _ := r.next(); wait.scan || time.Until(wait.due) <= 0 {
			t.Errorf("next says %+v", wait)
		}
	}
	plant(t, dir, "1")
	commit(t, claim(t, r))
	if log.count("can't be read") != 1 || log.count("can be read again") != 1 {
		t.Errorf("log %s", &log)
	}
}

func TestClaimEnds(t *testing.T) {
	r := openReaderAt(t, queue(t), nil)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() {
		_, err := r.Claim(ctx)
		got <- err
	}()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	go func() {
		_, err := r.Claim(t.Context())
		got <- err
	}()
	r.Close()
	if err := <-got; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestClaimIsEndedOnce(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	r := openReaderAt(t, dir, nil)
	e := claim(t, r)
	files := e.FS()
	e.Postpone()
	e.Release(errors.New("too late"))
	if err := e.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("commit of a claim that has ended: %v", err)
	}
	for _, name := range []string{".", "a_info"} {
		if _, err := files.Open(name); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("open %s in a claim that has ended: %v", name, err)
		}
	}
	e = claim(t, r)
	r.Close()
	if err := e.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("commit without the lock: %v", err)
	}
	e.Release(errors.New("some cause"))
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the queue holds %q", got)
	}
}

// TestTrash is emptied of what the reader put there, and of nothing else.
func TestTrash(t *testing.T) {
	dir := queue(t)
	trash := dir + ".trash"
	plant(t, dir, "1", "2")
	plant(t, trash, "1.done/half", "77.done.3", "78", "79.2", "80/sub", "81", "2024.done.d", "anything")
	for _, name := range []string{"1.done/x", "78/a_info", "78/.manifest", "78/events", "79.2/.claim1", "81/letter.txt", "2024.done.d/x.txt"} {
		os.WriteFile(filepath.Join(trash, name), nil, 0o600)
	}
	target := filepath.Join(t.TempDir(), "target")
	plant(t, target, "inside")
	os.Symlink(target, filepath.Join(trash, "82.done"))
	var log journal
	r := openReaderAt(t, dir, log.logger())
	foreign := []string{"2024.done.d", "80", "81", "82.done", "anything"}
	if got := names(t, trash); !slices.Equal(got, foreign) {
		t.Errorf("trash holds %q after the start, want %q", got, foreign)
	}
	if n := log.count("leaving it alone"); n != 1 || log.count("count=5") != 1 {
		t.Errorf("%d messages, want 1:\n%s", n, &log)
	}
	if got := names(t, target); len(got) != 1 {
		t.Error("a symbolic link in the trash was followed")
	}
	plant(t, trash, "1.done") // in the way
	commit(t, claim(t, r))
	os.RemoveAll(trash)
	commit(t, claim(t, r))
	if got := append(names(t, trash), names(t, dir)...); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func TestForeignNamesWarnOnce(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "x1", "12a", "-1", "+1", "1.5", "99999999999999999999", "\u0661", ".2")
	os.WriteFile(filepath.Join(dir, "123"), nil, 0o600)
	os.Symlink("1", filepath.Join(dir, "124"))
	unix.Mkfifo(filepath.Join(dir, "125"), 0o600)
	var log journal
	r := openReaderAt(t, dir, log.logger())
	commit(t, claim(t, r))
	for range 3 {
		nothing(t, r)
	}
	if n := log.count("ignoring"); n != 1 || log.count("count=11") != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	plant(t, dir, "new")
	for range 3 {
		nothing(t, r)
	}
	if n := log.count("ignoring"); n != 2 || log.count("names=[new]") != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	for i := range 2 * maxForeign {
		r.foreign.add(fmt.Sprint("name", i))
	}
	if len(r.foreign.warned) > maxForeign {
		t.Errorf("%d names remembered", len(r.foreign.warned))
	}
}

func TestOldest(t *testing.T) {
	dir := queue(t)
	r := openReaderAt(t, dir, nil)
	if d := r.Oldest(); d != 0 {
		t.Errorf("nothing is %v old", d)
	}
	plant(t, dir, fmt.Sprint(time.Now().Add(-time.Hour).Unix()), fmt.Sprint(time.Now().Add(time.Hour).Unix()))
	e := claim(t, r)
	if d := r.Oldest(); d < time.Hour || d > time.Hour+time.Minute {
		t.Errorf("a claimed one of an hour ago is %v old", d)
	}
	commit(t, e)
	if d := r.Oldest(); d != 0 {
		t.Errorf("one of the future is %v old", d)
	}
}

// TestOldestSkipsImmovable has an entry stay in the queue after it was processed.
func TestOldestSkipsImmovable(t *testing.T) {
	dir := queue(t)
	r := openReaderAt(t, dir, nil)
	plant(t, dir, fmt.Sprint(time.Now().Add(-2*time.Hour).Unix()))
	e := claim(t, r)
	if d := r.Oldest(); d < 2*time.Hour {
		t.Errorf("claimed: got %v, want two hours", d)
	}
	if !e.begin() {
		t.Fatal("the claim has ended")
	}
	e.stay(unix.EXDEV)
	if d := r.Oldest(); d != 0 {
		t.Errorf("processed, but its file system can't move it: got %v, want 0", d)
	}
}
