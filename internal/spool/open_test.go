package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("opened, want an error with %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

func openBoth(dir, tmp string) (writer, reader error) {
	w, writer := OpenWriter(WriterOptions{Dir: dir, Tmp: tmp})
	if writer == nil {
		w.Close()
	}
	r, reader := OpenReader(ReaderOptions{Dir: dir})
	if reader == nil {
		r.Close()
	}
	return writer, reader
}

func TestOpenMakesDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "incoming")
	if w, r := openBoth(dir+"/", dir+".tmp/"); w != nil || r != nil {
		t.Fatal(w, r)
	}
	for _, d := range []string{dir, dir + ".tmp", dir + ".trash", dir + ".corrupt"} {
		if info, err := os.Stat(d); err != nil || !info.IsDir() || info.Mode().Perm()&^0o750 != 0 {
			t.Errorf("%s: %v, %v", d, info, err)
		}
	}
}

func TestOpenRefusesPlaces(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	os.WriteFile(file, nil, 0o600)
	in := filepath.Join(base, "incoming")
	tests := []struct {
		name, dir, tmp string
		words          []string
	}{
		{"none", "", in, []string{"no directory given"}},
		{"a file", file, in, []string{file, "not a directory"}},
		{"below a file", file + "/x", in, []string{file, "not a directory"}},
		{"equal", in, in + "/.", []string{in, "can't be it"}},
		{"queue in tmp", in + "/7", in, []string{in + "/7", "can't be it or in it"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := OpenWriter(WriterOptions{Dir: tt.dir, Tmp: tt.tmp})
			refused(t, err, tt.words...)
		})
	}
}

// TestLinkBesideTheQueue: entries don't leave the queue by a link in the place of
// one of its own directories, at the start or later.
func TestLinkBesideTheQueue(t *testing.T) {
	for _, name := range []string{".trash", ".corrupt"} {
		t.Run(name, func(t *testing.T) {
			dir := queue(t)
			target := t.TempDir()
			link := dir + name
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			_, err := OpenReader(ReaderOptions{Dir: dir})
			refused(t, err, link, "not a directory")

			os.Remove(link)
			plant(t, dir, "1")
			r := openReaderAt(t, dir, nil)
			os.Remove(link)
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			_, err = r.moveOut(filepath.Join(dir, "1"), "1", link)
			refused(t, err, link, "not a directory")
			if got := append(names(t, target), names(t, dir)...); len(got) != 1 {
				t.Errorf("there are %q, want the entry in the queue", got)
			}
		})
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	dir := queue(t)
	w, r := openWriterAt(t, dir, nil), openReaderAt(t, dir, nil)
	pid := strconv.Itoa(os.Getpid())
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, link} {
		we, re := openBoth(d, filepath.Join(t.TempDir(), "tmp"))
		refused(t, we, dir, pid, "writer", "Stop that process")
		refused(t, re, dir, pid, "reader", "Stop that process")
	}
	_, err := OpenWriter(WriterOptions{Dir: queue(t), Tmp: dir + ".tmp"})
	refused(t, err, dir+".tmp", pid)

	w.Close()
	r.Close()
	if w, r := openBoth(dir, dir+".tmp"); w != nil || r != nil {
		t.Error(w, r)
	}
}

func TestLockFileIsNotFollowed(t *testing.T) {
	dir := queue(t)
	target := filepath.Join(t.TempDir(), "target")
	os.Symlink(target, dir+".writer.lock")
	unix.Mkfifo(dir+".reader.lock", 0o600)
	w, r := openBoth(dir, dir+".tmp")
	refused(t, w, dir+".writer.lock")
	refused(t, r, dir+".reader.lock", "not a regular file")
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a symbolic link was followed")
	}
}

// TestLinkToNowhere opens a queue on a disk that is not mounted.
func TestLinkToNowhere(t *testing.T) {
	link := filepath.Join(t.TempDir(), "disk")
	if err := os.Symlink(link+".unmounted", link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{link, filepath.Join(link, "incoming")} {
		_, err := OpenReader(ReaderOptions{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "leads nowhere") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
