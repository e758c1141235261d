package spool

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestPoisonFirst gives up after three tries and holds up nothing meanwhile.
func TestPoisonFirst(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2", "3", "4")
	plant(t, dir+".corrupt", "1") // an earlier one of the same name
	var log journal
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, log.logger())
		start := time.Now()
		var got []string
		for range 6 {
			e := claim(t, r)
			got = append(got, e.Name())
			if e.Name() == "1" {
				e.Release(errors.New("a poisonous cause"))
				continue
			}
			commit(t, e)
		}
		if want := []string{"1", "2", "3", "4", "1", "1"}; !slices.Equal(got, want) {
			t.Errorf("claimed %q, want %q", got, want)
		}
		if d := time.Since(start); d < 500*time.Millisecond || d > 5*time.Second {
			t.Errorf("three tries took %v", d)
		}
		nothing(t, r)
		if n := r.Corrupt(); n != 1 {
			t.Errorf("%d corrupt", n)
		}
	})
	if got, want := names(t, dir+".corrupt"), []string{"1", "1.1"}; !slices.Equal(got, want) {
		t.Errorf("corrupt holds %q, want %q", got, want)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the queue holds %q", got)
	}
	if n := log.count("level=ERROR"); n != 1 || log.count("a poisonous cause") != 3 {
		t.Errorf("%d errors in the log:\n%s", n, &log)
	}
}

// TestPostpone comes back without end, ever slower, and costs no try.
func TestPostpone(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		var last time.Time
		var delays []time.Duration
		for i := range 20 {
			e := claim(t, r)
			if i > 0 {
				delays = append(delays, time.Since(last))
			}
			last = time.Now()
			e.Postpone()
			if r.Waiting() != 1 {
				t.Errorf("%d wait", r.Waiting())
			}
		}
		if !slices.IsSorted(delays) || delays[0] < 100*time.Millisecond || delays[18] != maxRetry {
			t.Errorf("delays %v", delays)
		}
		commit(t, claim(t, r))
		if n := r.Corrupt(); n != 0 {
			t.Errorf("%d corrupt", n)
		}
	})
}

func TestRetryStateEndsWithTheEntry(t *testing.T) {
	dir := queue(t)
	r := openReaderAt(t, dir, nil)
	for range 5 { // five different entries that happen to have one name
		plant(t, dir, "1")
		r.listAgain()
		e := claim(t, r)
		e.Release(errors.New("some cause"))
		os.RemoveAll(filepath.Join(dir, "1"))
		nothing(t, r)
		if len(r.taken) != 0 {
			t.Fatalf("remembers %v", r.taken)
		}
	}
	if n := r.Corrupt(); n != 0 {
		t.Errorf("%d corrupt", n)
	}
}

func TestCommitOfVanished(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	r := openReaderAt(t, dir, nil)
	path := filepath.Join(dir, "1")

	e := claim(t, r)
	os.RemoveAll(path)
	if err := e.Commit(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("commit of a removed entry: %v", err)
	}
	plant(t, dir, "1")
	os.WriteFile(filepath.Join(path, "a_info"), []byte("other"), 0o600)
	if err := e.Commit(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("commit of another entry: %v", err)
	}
	e.Postpone()
	e = claim(t, r)
	if got := content(t, e); got != "other" {
		t.Errorf("got %q", got)
	}
	commit(t, e)
	nothing(t, r)
}

// TestExhausted runs out of descriptors: nothing is blamed, nothing spins, and
// it goes on when there are some.
func TestExhausted(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2")
	var log journal
	r := openReaderAt(t, dir, log.logger())
	e := claim(t, r)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max})
	// 2 is known, but can't be opened; then the listing can't be made either.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := r.Claim(ctx)
	unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without descriptors: %v", err)
	}
	if log.count("can't be read") != 1 || log.count("too many open files") != 1 {
		t.Errorf("log:\n%s", &log)
	}
	commit(t, e)
	e = claim(t, r)
	if r.taken["2"].tries != 0 {
		t.Error("the entry was blamed")
	}
	commit(t, e)
}
