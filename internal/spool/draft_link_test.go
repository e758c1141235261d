package spool

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// TestFilesOfElsewhere hands over a file that another directory has, and gives another
// directory a file of the snapshot.
func TestFilesOfElsewhere(t *testing.T) {
	dir := queue(t)
	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	kept := t.TempDir()
	to, err := durable.OpenDir(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := os.WriteFile(filepath.Join(kept, "base"), []byte("the base"), 0o640); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // files are synced together
	var syncs []string
	w.sync = func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		syncs = append(syncs, filepath.Base(f.Name()))
		return nil
	}
	d, err := w.Stage(1000)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Create("a_stat")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "a reply"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := d.Open("a_stat")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "a reply" || err != nil {
		t.Errorf("got %q, %v, want a reply", text, err)
	}
	r.Close()
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := d.Link("a_stat", to, "last"); err != nil {
		t.Fatal(err)
	}
	if err := d.Add("a_base", to, "base"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a name that leads elsewhere": d.Add("../x", to, "base"),
		"a missing file":              d.Add("b_base", to, "none"),
		"a name in use":               d.Add("a_base", to, "base"),
	} {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	syncs = nil
	if err := d.Commit(snapshot.Round{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range syncs {
		if name == "a_stat" {
			t.Errorf("got %q synced by Commit, want no file twice", syncs)
		}
	}
	if err := d.Sync(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	v, err := OpenView(filepath.Join(dir, "1000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for name, want := range map[string]string{"a_stat": "a reply", "a_base": "the base"} {
		if got, err := fs.ReadFile(v.files, name); string(got) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	// The snapshot's own links go, the other names stay.
	if got, err := os.ReadFile(filepath.Join(kept, "last")); string(got) != "a reply" || err != nil {
		t.Errorf("got %q, %v in the other directory, want the reply", got, err)
	}
}

// TestDiscardOfLinks removes the links of a draft, and no file elsewhere.
func TestDiscardOfLinks(t *testing.T) {
	dir := queue(t)
	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	kept := t.TempDir()
	from, err := durable.OpenDir(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if err := os.WriteFile(filepath.Join(kept, "base"), []byte("the base"), 0o640); err != nil {
		t.Fatal(err)
	}
	d, err := w.Stage(1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Add("a_base", from, "base"); err != nil {
		t.Fatal(err)
	}
	if err := d.Discard(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir+".tmp"); len(got) != 0 {
		t.Errorf("got %q left, want nothing", got)
	}
	if got, err := os.ReadFile(filepath.Join(kept, "base")); string(got) != "the base" || err != nil {
		t.Errorf("got %q, %v, want the base", got, err)
	}
}
