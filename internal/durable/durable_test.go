package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLinksAreNotFollowed asks every method for a link to a file, a directory and
// nothing.
func TestLinksAreNotFollowed(t *testing.T) {
	dir, target := t.TempDir(), t.TempDir()
	write(t, filepath.Join(target, "file"), "theirs")
	d := open(t, dir)
	for name, to := range map[string]string{"file": filepath.Join(target, "file"), "dir": target, "nothing": filepath.Join(target, "nothing")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		for what, f := range map[string]func() (*os.File, error){
			"Open":        func() (*os.File, error) { return d.Open(name, unix.O_RDONLY) },
			"Open create": func() (*os.File, error) { return d.Open(name, unix.O_RDONLY|unix.O_CREAT) },
			"Create":      func() (*os.File, error) { return d.Create(name) },
			"OpenRegular": func() (*os.File, error) { return d.OpenRegular(name) },
			"OpenDir": func() (*os.File, error) {
				_, err := d.OpenDir(name)
				return nil, err
			},
			"OpenDir of a path": func() (*os.File, error) {
				_, err := OpenDir(filepath.Join(dir, name))
				return nil, err
			},
			"Lock": func() (*os.File, error) {
				_, err := d.Lock(name, FileMode)
				return nil, err
			},
			"Mkdir":    func() (*os.File, error) { return nil, d.Mkdir(name) },
			"CheckDir": func() (*os.File, error) { return nil, CheckDir(filepath.Join(dir, name)) },
		} {
			if _, err := f(); err == nil {
				t.Errorf("%s of a link to a %s: got no error, want one", what, name)
			}
		}
		if info, err := d.Stat(name); err != nil || info.Kind.String() != "a symbolic link" {
			t.Errorf("Stat of a link to a %s: got %v, %v, want a symbolic link", name, info.Kind, err)
		}
		if err := d.Remove(name); err != nil {
			t.Errorf("Remove of a link to a %s: %v", name, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(target, "file")); err != nil || string(b) != "theirs" {
		t.Errorf("where the links led there is %q, %v, want what was there", b, err)
	}
	if entries, _ := os.ReadDir(target); len(entries) != 1 {
		t.Errorf("where the links led there are %v, want one file", entries)
	}
}

func TestOpenDoesNotWaitForFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	if _, err := d.OpenRegular("fifo"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("OpenRegular: got %v, want %v", err, ErrNotRegular)
	}
	if _, err := d.Lock("fifo", FileMode); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Lock: got %v, want %v", err, ErrNotRegular)
	}
}

func TestDirOutlivesItsPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	if err := os.Rename(dir, dir+".moved"); err != nil {
		t.Fatal(err)
	}
	f, err := d.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := errors.Join(d.Mkdir("sub"), d.Sync()); err != nil {
		t.Fatal(err)
	}
	sub, err := d.OpenDir("sub")
	if err != nil {
		t.Fatal(err)
	}
	sub.Close()
	var found []string
	for range 2 {
		found = nil
		if err := d.List(func(e fs.DirEntry) { found = append(found, e.Name()) }); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(found)
	if want := []string{"a", "sub"}; !slices.Equal(found, want) {
		t.Errorf("listed %q, want %q", found, want)
	}
	if err := errors.Join(d.RemoveDir("sub"), d.Remove("a")); err != nil {
		t.Error(err)
	}
	d.Close()
	if _, err := d.Stat("a"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Stat after Close: got %v, want %v", err, fs.ErrClosed)
	}
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, name), name)
	}
	if err := d.RenameNoReplace("a", "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("RenameNoReplace: got %v, want %v", err, fs.ErrExist)
	}
	if err := RenameNoReplace(filepath.Join(dir, "a"), filepath.Join(dir, "b")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("RenameNoReplace of paths: got %v, want %v", err, fs.ErrExist)
	}
	if err := d.Rename("c", "b"); err != nil {
		t.Error(err)
	}
	if err := d.RenameNoReplace("a", "d"); err != nil {
		t.Error(err)
	}
	got := ""
	for _, name := range []string{"b", "d"} {
		b, _ := os.ReadFile(filepath.Join(dir, name))
		got += string(b)
	}
	if got != "ca" {
		t.Errorf("the files hold %q, want %q", got, "ca")
	}
}

// TestRenameNoReplaceOfKinds renames what is not a file.
func TestRenameNoReplaceOfKinds(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{d.Mkdir("full"), d.Mkdir("empty"), os.Symlink("nowhere", at("link")), os.Link(at("link"), at("link2"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("full/file"), "text")
	for _, from := range []string{"full", "link"} {
		for _, to := range []string{"full", "empty", "link", "link2"} {
			if err := RenameNoReplace(at(from), at(to)); !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s to %s: %v, want %v", from, to, err, fs.ErrExist)
			}
		}
	}
	if err := errors.Join(d.RenameNoReplace("full", "moved"), d.RenameNoReplace("link", "link3")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(at("moved/file")); string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if to, err := os.Readlink(at("link3")); to != "nowhere" {
		t.Errorf("%q, %v", to, err)
	}
	if _, err := d.Stat("link"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name is still there: %v", err)
	}
	if err := d.RenameNoReplace("missing", "new"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestMakeDir(t *testing.T) {
	dir := t.TempDir()
	if err := MakeDir(filepath.Join(dir, "a/b/c")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "a/b"))
	if err != nil || info.Mode().Perm()&^DirMode != 0 {
		t.Errorf("got %v, %v, want a directory with at most mode %o", info, err, DirMode)
	}
	write(t, filepath.Join(dir, "file"), "")
	os.Symlink("nowhere", filepath.Join(dir, "dangling"))
	os.Symlink("a", filepath.Join(dir, "link"))
	for name, want := range map[string]error{"file": ErrNotDir, "file/sub": ErrNotDir, "dangling": ErrNotDir, "dangling/sub": ErrNotDir, "link": nil, "link/sub": nil, "a": nil} {
		if err := MakeDir(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("MakeDir(%s): got %v, want %v", name, err, want)
		}
	}
	for name, want := range map[string]error{"file": ErrNotDir, "dangling": ErrNotDir, "link": ErrNotDir, "a": nil, "missing": nil} {
		if err := CheckDir(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("CheckDir(%s): got %v, want %v", name, err, want)
		}
	}
}

// TestLockEndsForChildren: a child process that is being started has a copy of
// every descriptor.
func TestLockEndsForChildren(t *testing.T) {
	d := open(t, t.TempDir())
	for name, lock := range map[string]func() (*Lock, error){
		"Lock":     func() (*Lock, error) { return d.Lock("lock", FileMode) },
		"LockSelf": d.LockSelf,
	} {
		l, err := lock()
		if err != nil {
			t.Fatal(err)
		}
		child, err := unix.Dup(int(l.file.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(child)
		if _, err := lock(); !errors.Is(err, ErrLocked) {
			t.Errorf("%s for the second time: got %v, want %v", name, err, ErrLocked)
		}
		if err := l.Unlock(); err != nil {
			t.Fatal(err)
		}
		again, err := lock()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenOwn: the directory is made, locked, and not taken by a link.
func TestOpenOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, lock, err := OpenOwn(dir, "queue-dir")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want := "lock " + dir + ": another process uses it: stop that process, or give each program its own queue-dir, in a configuration file of its own"
	if _, _, err := OpenOwn(dir, "queue-dir"); err == nil || err.Error() != want {
		t.Errorf("for the second time: got %v, want %s", err, want)
	}
	link := dir + ".link"
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenMade(link); !errors.Is(err, ErrNotDir) {
		t.Errorf("through a link: got %v, want %v", err, ErrNotDir)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, lock, err := OpenOwn(dir, "queue-dir")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lock.Unlock(), again.Close()); err != nil {
		t.Error(err)
	}
}

func TestOpenParent(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, name, err := OpenParent(filepath.Join(dir, "d", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l, err := d.Lock(name, PrivateMode)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Unlock()
	if info, err := os.Stat(filepath.Join(dir, "d", "lock")); err != nil || info.Mode().Perm()&^PrivateMode != 0 {
		t.Errorf("got %v, %v, want a file with at most mode %o", info, err, PrivateMode)
	}
	id, err := d.Identity()
	info, _ := os.Stat(filepath.Join(dir, "d"))
	if err != nil || id != Identify(info) {
		t.Errorf("Identity: got %v, %v, want %v", id, err, Identify(info))
	}
}

func TestLitter(t *testing.T) {
	refused := map[string]bool{"a": true, "b": true}
	var tried []string
	l := NewLitter(func(name string) error {
		tried = append(tried, name)
		switch {
		case refused[name]:
			return fs.ErrPermission
		case name == "gone":
			return fs.ErrNotExist
		}
		return nil
	})
	for _, c := range []struct {
		name  string
		first bool
		err   error
	}{{"x", false, nil}, {"gone", false, nil}, {"a", true, fs.ErrPermission}, {"b", false, fs.ErrPermission}} {
		if first, err := l.Remove(c.name); first != c.first || !errors.Is(err, c.err) {
			t.Errorf("Remove(%s): got %t, %v, want %t, %v", c.name, first, err, c.first, c.err)
		}
	}
	delete(refused, "b")
	for _, want := range []struct {
		tried string
		left  int
	}{{"[a]", 2}, {"[b a]", 1}, {"[a]", 1}} {
		tried = nil
		l.Sweep()
		if fmt.Sprint(tried) != want.tried || l.Len() != want.left {
			t.Errorf("Sweep tried %v and left %d, want %s and %d", tried, l.Len(), want.tried, want.left)
		}
	}
	delete(refused, "a")
	if l.Sweep(); l.Len() != 0 {
		t.Errorf("%d left, want none", l.Len())
	}
}

func TestLitterIsBounded(t *testing.T) {
	l := NewLitter(func(string) error { return fs.ErrPermission })
	for i := range maxLitter + 10 {
		l.Remove(fmt.Sprint(i))
	}
	if l.Len() != maxLitter {
		t.Errorf("%d names are kept, want %d", l.Len(), maxLitter)
	}
}

func TestLink(t *testing.T) {
	d := open(t, t.TempDir())
	sub := filepath.Join(d.Path(), "sub")
	if err := os.Mkdir(sub, 0o750); err != nil {
		t.Fatal(err)
	}
	to := open(t, sub)
	if err := os.WriteFile(filepath.Join(d.Path(), "a"), []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := d.Link("a", to, "b"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(sub, "b")); string(got) != "content" || err != nil {
		t.Errorf("got %q, %v, want the content", got, err)
	}
	if err := d.Link("a", to, "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v for a name in use, want ErrExist", err)
	}
	if err := d.Link("none", to, "c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v for a missing file, want ErrNotExist", err)
	}
	// A link is not followed: the link itself gets the name.
	if err := os.Symlink("a", filepath.Join(d.Path(), "l")); err != nil {
		t.Fatal(err)
	}
	if err := d.Link("l", to, "d"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(filepath.Join(sub, "d")); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("got %v, %v, want a link", info, err)
	}
}
