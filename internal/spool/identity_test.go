package spool

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIdentity has entries and files take the place of others. Whether the inode is
// used again is up to the file system, so the content decides, too.
func TestIdentity(t *testing.T) {
	dir := queue(t)
	w, r := openWriterAt(t, dir, nil), openReaderAt(t, dir, nil)
	var e *Entry
	again := func() string {
		t.Helper()
		if e != nil {
			e.Postpone()
		}
		var err error
		if e, err = r.Claim(context.Background()); err != nil {
			t.Fatal(err)
		}
		return e.Identity()
	}
	handOver(t, w, 1700000000)
	first := again()
	if got := e.Identity(); first == "" || got != first {
		t.Errorf("asked twice: got %q and %q, want one identity", first, got)
	}
	if got := again(); got != first {
		t.Errorf("claimed again: got %q, want %q", got, first)
	}
	manifest := filepath.Join(dir, "1700000000", ".manifest")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	later := strings.Replace(string(text), "haproxystats manifest ", "haproxystats manifest 9", 1)
	if later == string(text) {
		t.Fatalf("no version in %q", text)
	}
	if err := os.WriteFile(manifest, []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := again(); got == "" || got == first {
		t.Errorf("manifest of a later version: got %q, want another identity", got)
	}
	if err := os.WriteFile(manifest, []byte("no manifest"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := again(); got != "" {
		t.Errorf("damaged manifest: got %q, want none", got)
	}
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	original := again()
	if original == "" || original == first {
		t.Errorf("no manifest: got %q, want another identity", original)
	}
	if err := os.WriteFile(filepath.Join(dir, "1700000000", "b_info"), []byte("info"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := again(); got == "" || got == original {
		t.Errorf("another file: got %q, want another identity", got)
	}
	if err := e.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := e.Identity(); got != "" {
		t.Errorf("claim ended: got %q, want none", got)
	}
}

// TestManifestIsReadOnce removes the manifest after its first use.
func TestManifestIsReadOnce(t *testing.T) {
	dir := queue(t)
	w, r := openWriterAt(t, dir, nil), openReaderAt(t, dir, nil)
	handOver(t, w, 1700000000)
	e := claim(t, r)
	first, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "1700000000", ".manifest")); err != nil {
		t.Fatal(err)
	}
	second, err := e.Snapshot()
	if err != nil || second.Round != first.Round {
		t.Errorf("Snapshot: got round %p and error %v, want %p", second.Round, err, first.Round)
	}
	e.Postpone()
	e = claim(t, r)
	if s, err := e.Snapshot(); err != nil || s.Round != nil {
		t.Errorf("the next claim: got round %v and error %v, want none", s.Round, err)
	}
	commit(t, e)
}
