package spool

import (
	"errors"
	"io/fs"
	"os"
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

// TestNoteOfTheNewest opens a queue whose lock file says anything.
func TestNoteOfTheNewest(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "12\n": "", "12\n1700000000\n": "1700000000", "12\n1700000000": "", "\n\n\n\n": "", "\x00": "",
	} {
		dir := queue(t)
		if err := os.WriteFile(lockPath(dir, "writer"), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if got := newest(dir); got != want {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
		handOver(t, openWriterAt(t, dir, nil), 1)
	}
}
