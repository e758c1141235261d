package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// These tests break the machine under the programs: its disks, its network, its
// kernel's patience. Whatever they mount or change is put back when they end.

// need wants root, and components that test/real/setup.sh installs. A test that
// lacks them is skipped, or fails if the environment says CI=true.
func need(t *testing.T, components ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test needs root")
		}
		t.Skip("this test needs root: run it with sudo")
	}
	for _, c := range components {
		real.Need(t, c)
	}
}

// run runs a command of root's, and returns what it says.
func run(s *harness.Site, name string, args ...string) string {
	s.T.Helper()
	out, err := tryRun(name, args...)
	s.Must(err)
	return out
}

func tryRun(name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// mountTmpfs mounts a file system in memory with such options, until the test
// ends.
func mountTmpfs(s *harness.Site, dir, options string) {
	s.T.Helper()
	s.Must(os.MkdirAll(dir, 0o750))
	s.Must(mountError(dir, unix.Mount("tmpfs", dir, "tmpfs", 0, options+",mode=0750")))
	unmountAtEnd(s, dir)
}

// remount sets flags of a mounted tmpfs anew.
func remount(dir string, flags uintptr, options string) error {
	return mountError(dir, unix.Mount("", dir, "", unix.MS_REMOUNT|flags, options))
}

// unmountAtEnd unmounts a directory when the test ends. One that is busy goes a
// little later: the kernel is slow to give the file behind a loop device back, and a
// mount namespace that another test has made meanwhile holds on to all mounts.
func unmountAtEnd(s *harness.Site, dir string) {
	s.T.Cleanup(func() {
		err := unix.Unmount(dir, 0)
		if err == unix.EBUSY {
			err = unix.Unmount(dir, unix.MNT_DETACH)
		}
		if err != nil {
			s.T.Error(mountError(dir, err))
		}
	})
}

func mountError(dir string, err error) error {
	if err != nil {
		return &os.PathError{Op: "mount or unmount", Path: dir, Err: err}
	}
	return nil
}
