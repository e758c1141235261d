package spool

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestLockEndsForChildren: a child process that is being started has a copy of
// every descriptor.
func TestLockEndsForChildren(t *testing.T) {
	dir := t.TempDir() + "/incoming"
	f, err := lock(dir, "reader")
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	if _, err := lock(dir, "reader"); err == nil {
		t.Error("locked twice")
	}
	if err := unlock(f); err != nil {
		t.Fatal(err)
	}
	again, err := lock(dir, "reader")
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(again); err != nil {
		t.Fatal(err)
	}
}
