package spool

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

func TestEntryFS(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	for _, name := range []string{"a_info", "a_stat", ".hidden", "new\nline"} {
		os.WriteFile(filepath.Join(dir, "1", name), []byte(name), 0o600)
	}
	e := claim(t, openReaderAt(t, dir, nil))
	defer e.Postpone()
	if err := fstest.TestFS(e.FS(), "a_info", "a_stat", ".hidden"); err != nil {
		t.Error(err)
	}
	// What was claimed stays what is read.
	os.Rename(filepath.Join(dir, "1"), filepath.Join(dir, "2"))
	if b, err := fs.ReadFile(e.FS(), "a_info"); string(b) != "a_info" || err != nil {
		t.Errorf("after a rename: %q, %v", b, err)
	}
}

// TestPlanted opens what a hostile user may plant: nothing blocks, nothing is
// followed, and regular files beside it are read.
func TestPlanted(t *testing.T) {
	dir := queue(t)
	entry := filepath.Join(dir, "1")
	plant(t, dir, "1", "1/sub")
	secret := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(secret, []byte("secret"), 0o600)
	os.WriteFile(filepath.Join(entry, "good_info"), []byte("good"), 0o600)
	os.WriteFile(filepath.Join(entry, "sub", "file"), []byte("nested"), 0o600)
	os.Symlink(secret, filepath.Join(entry, "link_info"))
	os.Symlink("good_info", filepath.Join(entry, "inner_info"))
	os.Symlink("/", filepath.Join(entry, "root"))
	os.Symlink("loop_info", filepath.Join(entry, "loop_info"))
	if err := unix.Mkfifo(filepath.Join(entry, "fifo_info"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(entry, "socket_info"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := []string{"link_info", "inner_info", "root", "loop_info", "fifo_info", "socket_info", "sub"}
	if makeNull(filepath.Join(entry, "null_info")) == nil {
		refused = append(refused, "null_info")
	}
	r := openReaderAt(t, dir, nil)
	e := claim(t, r)
	for _, name := range refused {
		f, err := e.FS().Open(name)
		if !errors.Is(err, durable.ErrNotRegular) {
			t.Errorf("open %s: %v, %v", name, f, err)
		}
	}
	// If the file is swapped for a link after Stat.
	if f, err := e.dir.Open("link_info", unix.O_RDONLY); !errors.Is(err, unix.ELOOP) {
		t.Errorf("open of a link: %v, %v", f, err)
	}
	for _, name := range []string{"missing", "sub/file", "root/etc/passwd"} {
		if _, err := e.FS().Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: %v", name, err)
		}
	}
	for _, name := range []string{"", "..", "../1/good_info", "/etc/passwd", "./good_info"} {
		if _, err := e.FS().Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("open %q: %v", name, err)
		}
	}
	if b, err := fs.ReadFile(e.FS(), "good_info"); string(b) != "good" || err != nil {
		t.Errorf("good_info: %q, %v", b, err)
	}
	entries, err := fs.ReadDir(e.FS(), ".")
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return snapshot.IsHidden(e.Name()) })
	if err != nil || len(entries) != len(refused)+1 {
		t.Errorf("lists %v, %v", entries, err)
	}
	commit(t, e)
	if b, err := os.ReadFile(secret); string(b) != "secret" || err != nil {
		t.Errorf("what a link led to is now %q, %v", b, err)
	}
	if got := names(t, dir+".trash"); len(got) != 0 {
		t.Errorf("trash holds %q", got)
	}
}

// TestPlantedQueue replaces the entry, and the queue, by a link.
func TestPlantedQueue(t *testing.T) {
	dir := queue(t)
	target := t.TempDir()
	plant(t, target, "1")
	plant(t, dir, "1", "2")
	r := openReaderAt(t, dir, nil)
	r.scan(func() bool { return true })
	os.Remove(filepath.Join(dir, "1"))
	os.Symlink(filepath.Join(target, "1"), filepath.Join(dir, "1"))
	e := claim(t, r)
	if e.Name() != "2" {
		t.Errorf("claimed %s", e.Name())
	}
	commit(t, e)
	os.RemoveAll(dir)
	os.Symlink(target, dir)
	nothing(t, r)
	if got := names(t, target); len(got) != 1 {
		t.Errorf("a link was followed: %q", got)
	}
}
