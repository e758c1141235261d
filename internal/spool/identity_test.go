package spool

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestIdentity tells an entry from the one that takes its name, and not from itself
// when it is claimed again. Whether the inode is used again is up to the file
// system, so the content decides, too.
func TestIdentity(t *testing.T) {
	dir := queue(t)
	w, r := openWriterAt(t, dir, nil), openReaderAt(t, dir, nil)
	claim := func() *Entry {
		t.Helper()
		e, err := r.Claim(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	handOver(t, w, 1700000000)
	e := claim()
	first := e.Identity()
	if first == "" || e.Identity() != first {
		t.Errorf("got %q and %q, want one identity", first, e.Identity())
	}
	e.Postpone()
	e = claim()
	if got := e.Identity(); got != first {
		t.Errorf("got %q for the entry that comes again, want %q", got, first)
	}
	manifest := filepath.Join(dir, "1700000000", ".manifest")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := e.Identity(); got == first {
		t.Errorf("got %q for another manifest, want another identity", got)
	}
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	original := e.Identity()
	if original == "" || original == first {
		t.Errorf("got %q without a manifest, want another identity", original)
	}
	if err := os.WriteFile(filepath.Join(dir, "1700000000", "b_info"), []byte("info"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := e.Identity(); got == "" || got == original {
		t.Errorf("got %q for another file, want another identity", got)
	}
	if err := e.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := e.Identity(); got != "" {
		t.Errorf("got %q after the end, want none", got)
	}
}
