package spool

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
)

// TestNewestIsNotNamedAgain has a writer follow another one within a second,
// when the reader is done with what that one has handed over.
func TestNewestIsNotNamedAgain(t *testing.T) {
	dir := queue(t)
	first := openWriterAt(t, dir, nil)
	for _, epoch := range []int64{7, 5} {
		handOver(t, first, epoch)
	}
	r := openReaderAt(t, dir, nil)
	commit(t, claim(t, r))
	commit(t, claim(t, r))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openWriterAt(t, dir, nil).Close(); err != nil {
		t.Fatal(err)
	}
	second := openWriterAt(t, dir, nil)
	if err := tryHandOver(second, 5); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the newest entry can be handed over again: %v", err)
	}
	handOver(t, second, 7)
	handOver(t, second, 6)
	if err := tryHandOver(second, 5); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the newest entry can be handed over again by a writer that has handed over others: %v", err)
	}
}

// TestFinishedDraftIsNotNamedAgain has a writer hand over what another one had finished,
// and the reader be done with it within that second.
func TestFinishedDraftIsNotNamedAgain(t *testing.T) {
	dir := queue(t)
	finish(t, dir, dir+".tmp", 7)
	lockRecord{1, "5"}.write(lockPath(dir, "writer")) // killed before 7 was recorded
	w := openWriterAt(t, dir, nil)
	commit(t, claim(t, openReaderAt(t, dir, nil)))
	if err := tryHandOver(w, 7); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the finished draft can be handed over again: %v", err)
	}
	w.Close()
	if err := tryHandOver(openWriterAt(t, dir, nil), 7); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the next writer can hand it over again: %v", err)
	}
}

// TestNoteOfTheNewest opens a queue whose lock file says anything.
func TestNoteOfTheNewest(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "12\n": "", "12\n1700000000\n": "1700000000", "12\n1700000000": "", "\n\n\n\n": "", "\x00": "",
		"7\n1700000001\n00\n": "1700000001", "7\n\n00\n": "", "12\n../x\n": "",
	} {
		dir := queue(t)
		if err := os.WriteFile(lockPath(dir, "writer"), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := parseLockRecord(text).name; got != want {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
		handOver(t, openWriterAt(t, dir, nil), 1)
	}
}

// TestLockRecordStaysWhole reads the record while writers come and go, as one would that
// is started when another was killed at any moment.
func TestLockRecordStaysWhole(t *testing.T) {
	dir := queue(t)
	path := lockPath(dir, "writer")
	first := openWriterAt(t, dir, nil)
	handOver(t, first, 7)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			if n, err := readLockRecord(path); err != nil || n != (lockRecord{os.Getpid(), "7"}) {
				t.Errorf("got %+v and error %v, want %d and 7", n, err, os.Getpid())
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
	for range 300 {
		w := openWriterAt(t, dir, nil)
		w.recordNewest("7")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	close(ended)
	reading.Wait()
}
