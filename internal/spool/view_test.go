package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/snapshot"
)

func TestLookDoesNotTouchTheQueue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "incoming")
	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d, err := w.Stage(1700000000)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Create("a.sock_info")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("Name: HAProxy\n\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), d.Commit(snapshot.Round{})); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(ReaderOptions{Dir: dir}) // who has the queue is not in the way
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	before := tree(t, filepath.Dir(dir))

	listed, err := List(dir)
	if want := []Listed{{filepath.Join(dir, "1700000000"), 1700000000}}; err != nil || !slices.Equal(listed, want) {
		t.Fatal(listed, err)
	}
	v, err := OpenView(listed[0].Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Epoch() != 1700000000 {
		t.Error(v.Epoch())
	}
	if text, err := fs.ReadFile(v.files, "a.sock_info"); err != nil || string(text) != "Name: HAProxy\n\n" {
		t.Errorf("%q, %v", text, err)
	}
	if after := tree(t, filepath.Dir(dir)); !slices.Equal(before, after) {
		t.Errorf("looking has changed\n%q to\n%q", before, after)
	}

	// The manifest counts here, too.
	if err := os.WriteFile(filepath.Join(listed[0].Path, "a.sock_info"), []byte("Name: HAPr0xy\n\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadFile(v.files, "a.sock_info"); !errors.Is(err, snapshot.ErrDamaged) {
		t.Errorf("a changed file is read: %v", err)
	}
}

// tree lists all files below dir with the times of their last change.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		files = append(files, path+" "+info.ModTime().String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

func TestListTakesDirectoriesNamedByNumbers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"30", "9", "100", "100.2", "other", ".7", "7x"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "50"), nil, 0o640),
		os.Symlink("30", filepath.Join(dir, "60")),
	); err != nil {
		t.Fatal(err)
	}
	listed, err := List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range listed {
		names = append(names, filepath.Base(p.Path))
	}
	if want := []string{"9", "30", "100", "100.2"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if listed[3].Epoch != 100 {
		t.Errorf("100.2 stands for %d", listed[3].Epoch)
	}
}

func TestLookRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "50"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"other":   "not named by its time",
		"missing": "no such file or directory",
		"40":      "no such file or directory",
		"50":      "not a directory",
	} {
		if _, err := OpenView(filepath.Join(dir, name), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if _, err := List(filepath.Join(dir, "40")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
