package spool

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

func TestHolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	nobody := func(when string) {
		t.Helper()
		for _, of := range []func(string) (LockOwner, error){WriterOf, ReaderOf} {
			if h, err := of(dir); err != nil || h.Held {
				t.Errorf("%s: %+v, %v", when, h, err)
			}
		}
	}
	nobody("no directory")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	nobody("no lock")

	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := WriterOf(dir); err != nil || h != (LockOwner{Held: true, PID: os.Getpid()}) {
		t.Errorf("a writer: %+v, %v", h, err)
	}
	if h, err := ReaderOf(dir); err != nil || h.Held {
		t.Errorf("no reader: %+v, %v", h, err)
	}
	d, err := w.Stage(1500000000)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(snapshot.Round{}); err != nil {
		t.Fatal(err)
	}
	if h, err := WriterOf(dir); err != nil || h.Newest != 1500000000 {
		t.Errorf("an entry was handed over: %+v, %v", h, err)
	}
	r, err := OpenReader(ReaderOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if h, err := ReaderOf(link); err != nil || h != (LockOwner{Held: true, PID: os.Getpid()}) {
		t.Errorf("a reader: %+v, %v", h, err)
	}
	if err := errors.Join(w.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	nobody("both have gone")
	if h, err := WriterOf(dir); err != nil || h.Newest != 1500000000 {
		t.Errorf("the writer has gone: %+v, %v", h, err)
	}
	if err := errors.Join(os.Remove(dir+".reader.lock"), os.Mkdir(dir+".reader.lock", 0o750)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReaderOf(dir); !errors.Is(err, durable.ErrNotRegular) {
		t.Errorf("a directory for a lock: %v", err)
	}
}

func TestHolderWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may do anything; the scripts of internal/cli try it as another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o750) })
	if _, err := ReaderOf(filepath.Join(dir, "in")); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestFindLock(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  WRITE 100 08:02:41 0 EOF
2: FLOCK  ADVISORY  READ  200 08:02:42 0 EOF
3: FLOCK  ADVISORY  WRITE 300 08:02:43 0 EOF
3: -> FLOCK  ADVISORY  WRITE 301 08:02:44 0 EOF
4: FLOCK  ADVISORY  WRITE 400 00:1a:45 0 EOF
5: OFDLCK ADVISORY  WRITE -1 08:02:46 0 EOF
6: FLOCK  ADVISORY  WRITE x 08:02:47 0 EOF
7: FLOCK  ADVISORY  WRITE 700 08 0 EOF

`
	for _, c := range []struct {
		name  string
		ino   uint64
		noted int
		pid   int
		held  bool
	}{
		{"no lock", 40, 0, 0, false},
		{"by NFS", 41, 0, 100, true},
		{"shared", 42, 200, 0, false},
		{"held", 43, 7, 300, true},
		{"waited for", 44, 301, 0, false},
		{"other device", 45, 7, 0, false},
		{"other device, noted", 45, 400, 400, true},
		{"process unknown", 46, 0, -1, true},
		{"not a number", 47, 0, 0, false},
	} {
		pid, held, err := findLock(strings.NewReader(locks), durable.Identity{Device: 0x802, Inode: c.ino}, c.noted)
		if err != nil || pid != c.pid || held != c.held {
			t.Errorf("%s: %d, %v, %v", c.name, pid, held, err)
		}
	}
}

func FuzzFindLock(f *testing.F) {
	if locks, err := os.ReadFile(kernelLocks); err == nil {
		f.Add(string(locks), uint64(1), 1)
	}
	f.Add("3: FLOCK  ADVISORY  WRITE 300 08:02:43 0 EOF\n", uint64(43), 300)
	f.Fuzz(func(t *testing.T, locks string, ino uint64, noted int) {
		pid, held, _ := findLock(strings.NewReader(locks), durable.Identity{Device: 0x802, Inode: ino}, noted)
		if !held && pid != 0 || held && !strings.Contains(locks, "WRITE") {
			t.Errorf("%d, %v of %q", pid, held, locks)
		}
	})
}

// pages is a list of locks that is handed out a page at a time.
type pages []string

// Read implements [io.Reader].
func (p *pages) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	*p = (*p)[1:]
	return n, nil
}

// TestLockBetweenPages: a reading of the kernel's list may leave out a lock if others end
// meanwhile. That does not count as a lock that nobody has.
func TestLockBetweenPages(t *testing.T) {
	const others, ours = "1: FLOCK  ADVISORY  WRITE 11 08:02:1 0 EOF\n", "2: FLOCK  ADVISORY  WRITE 1234 08:02:5678 0 EOF\n"
	id := durable.Identity{Device: unix.Mkdev(8, 2), Inode: 5678}
	for name, c := range map[string]struct {
		readings []pages // the last one again and again
		held     bool
		opened   int
	}{
		"in the second page":    {[]pages{{others, ours}}, true, 1},
		"left out once":         {[]pages{{others, others}, {others, ours}}, true, 2},
		"a page without it":     {[]pages{{others}, {ours}}, false, 1},
		"nobody has it":         {[]pages{{others, others}}, false, maxSearches},
		"nobody has any":        {[]pages{{}}, false, 1},
		"left out all but once": {[]pages{{others, others}, {others, others}, {others, others}, {ours}}, true, 4},
	} {
		opened := 0
		pid, held, err := searchLock(func() (io.ReadCloser, error) {
			p := slices.Clone(c.readings[min(opened, len(c.readings)-1)])
			opened++
			return io.NopCloser(&p), nil
		}, id, 0)
		if err != nil || held != c.held || held && pid != 1234 || opened != c.opened {
			t.Errorf("%s: got %d, %t, %v after %d readings, want held %t after %d", name, pid, held, err, opened, c.held, c.opened)
		}
	}
}

// TestHolderAmongManyLocks has more locks on the machine than one page of the kernel's
// list has, which come and go while the list is read.
func TestHolderAmongManyLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	const others = 300
	var files []*os.File
	place := t.TempDir()
	for i := range others {
		f, err := os.Create(filepath.Join(place, strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	lock := func(i, how int) {
		if err := unix.Flock(int(files[i].Fd()), how); err != nil {
			t.Error(err)
		}
	}
	for i := range others {
		lock(i, unix.LOCK_EX)
	}
	w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	done := make(chan struct{})
	var churn sync.WaitGroup
	for from := range 3 {
		churn.Go(func() {
			for {
				for i := from; i < others; i += 3 {
					select {
					case <-done:
						return
					default:
						lock(i, unix.LOCK_UN)
						lock(i, unix.LOCK_EX)
					}
				}
			}
		})
	}
	const times = 200
	missed := 0
	for range times {
		if h, err := WriterOf(dir); err != nil || h != (LockOwner{Held: true, PID: os.Getpid()}) {
			missed++
		}
	}
	close(done)
	churn.Wait()
	if missed > 0 {
		t.Errorf("the holder was not found %d times of %d, want it each time", missed, times)
	}
}
