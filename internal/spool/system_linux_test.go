package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// onThread calls f on a thread of its own, which dies with what prepare did to
// it.
func onThread(t *testing.T, prepare func() error, f func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if err := prepare(); err != nil {
			done <- err
			return
		}
		f()
	}()
	if err := <-done; err != nil {
		t.Skipf("needs root: %v", err)
	}
}

func inMountNamespace(t *testing.T, f func()) {
	t.Helper()
	onThread(t, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
			return err
		}
		return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}, f)
}

func asNobody(t *testing.T, f func()) {
	t.Helper()
	onThread(t, func() error {
		if os.Geteuid() != 0 {
			return errors.New("not root")
		}
		// The file system's user id is a thread's own.
		_, err := unix.SetfsuidRetUid(65534)
		return err
	}, f)
}

func TestOpenRefusesOtherFileSystem(t *testing.T) {
	base := t.TempDir()
	dir, tmp := filepath.Join(base, "incoming"), filepath.Join(base, "disk")
	plant(t, base, "disk")
	for _, kind := range []string{"tmpfs", "bind"} {
		t.Run(kind, func(t *testing.T) {
			inMountNamespace(t, func() {
				err := unix.Mount("tmpfs", tmp, "tmpfs", 0, "")
				if kind == "bind" { // one file system, but rename fails all the same
					err = unix.Mount(base, tmp, "", unix.MS_BIND, "")
				}
				if err != nil {
					t.Skipf("needs to mount: %v", err)
				}
				_, err = OpenWriter(WriterOptions{Dir: dir, Tmp: tmp})
				refused(t, err, dir, tmp, "different file systems")
				_, err = OpenReader(ReaderOptions{Dir: tmp})
				refused(t, err, tmp, tmp+".trash", "different file systems")
			})
		})
	}
}

func TestOpenNamesPermissions(t *testing.T) {
	base, err := os.MkdirTemp("", "spool") // t.TempDir is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	os.Chmod(base, 0o755)
	dir := filepath.Join(base, "incoming")
	plant(t, base, "incoming", "incoming.tmp")
	asNobody(t, func() {
		w, r := openBoth(dir, dir+".tmp")
		for _, err := range []error{w, r} {
			refused(t, err, dir, "user ", "uid ", "permission denied", "belongs to root:root", "mode 0750")
		}
		w, r = openBoth(filepath.Join(base, "new"), dir)
		for _, err := range []error{w, r} {
			refused(t, err, filepath.Join(base, "new"), "permission denied", "must be able to make it")
		}
	})
	os.Chmod(dir, 0o777)
	asNobody(t, func() {
		_, r := openBoth(dir, dir+".tmp")
		refused(t, r, dir+".trash", "permission denied", "must be able to make it")
	})
}

// TestLowerLayer has an entry that an overlay file system can't move. It is
// processed once in a run of the program, and the log tells what to do once.
func TestLowerLayer(t *testing.T) {
	base := t.TempDir()
	lower, disk := filepath.Join(base, "lower"), filepath.Join(base, "disk")
	plant(t, base, "lower/incoming/1", "upper", "work", "disk")
	inMountNamespace(t, func() {
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work,redirect_dir=off", lower, base, base)
		if err := unix.Mount("overlay", disk, "overlay", 0, options); err != nil {
			t.Skipf("needs to mount an overlay: %v", err)
		}
		defer unix.Unmount(disk, unix.MNT_DETACH)
		dir := filepath.Join(disk, "incoming")
		var log journal
		r := openReaderAt(t, dir, log.logger())
		commit(t, claim(t, r))
		nothing(t, r)
		if n := r.Waiting(); n != 0 {
			t.Errorf("%d wait, want 0", n)
		}
		plant(t, dir, "2")
		r.listAgain()
		commit(t, claim(t, r))
		nothing(t, r)
		if n := log.count("Put the spool on a volume"); n != 1 {
			t.Errorf("%d messages, want 1:\n%s", n, &log)
		}
		r.Close()
	})
}

// TestRecoversFromFullDisk shows that a hand-off that fails for lack of space,
// or on a read-only file system, leaves nothing and works once there is some.
func TestRecoversFromFullDisk(t *testing.T) {
	dir := queue(t)
	if err := os.Mkdir(filepath.Dir(dir)+"/disk", 0o755); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Dir(dir) + "/disk"
	dir = filepath.Join(disk, "incoming")
	inMountNamespace(t, func() {
		if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
			t.Skipf("needs to mount: %v", err)
		}
		w := openWriterAt(t, dir, nil)
		filler := filepath.Join(disk, "filler")
		if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("the disk isn't full: %v", err)
		}
		if err := tryHandOver(w, 1); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("on a full disk: %v", err)
		}
		if got := append(names(t, dir), names(t, dir+".tmp")...); len(got) != 0 {
			t.Errorf("left on a full disk: %q", got)
		}
		os.Remove(filler)
		handOver(t, w, 1)

		remount := func(flags uintptr) {
			if err := unix.Mount("", disk, "", unix.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		remount(unix.MS_RDONLY)
		if err := tryHandOver(w, 2); !errors.Is(err, unix.EROFS) {
			t.Errorf("read-only: %v", err)
		}
		if _, err := OpenReader(ReaderOptions{Dir: dir}); !errors.Is(err, unix.EROFS) {
			t.Errorf("open read-only: %v", err)
		}
		remount(0)
		handOver(t, w, 2)

		r := openReaderAt(t, dir, nil)
		e := claim(t, r)
		remount(unix.MS_RDONLY)
		if err := e.Commit(); !errors.Is(err, unix.EROFS) {
			t.Errorf("commit read-only: %v", err)
		}
		e.Release(errors.New("some cause"))
		remount(0)
		for range 2 {
			commit(t, claim(t, r))
		}
		w.Close()
		r.Close()
	})
}

// makeNull makes a device as /dev/null is.
func makeNull(path string) error {
	return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
}
