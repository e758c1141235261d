// Package machine gives tests a Debian of their own: a root directory that
// debootstrap makes once and a cache keeps, and, in a container of
// systemd-nspawn's, a system that systemd has started there. It needs root. It
// shares the network with the tests, and nothing else.
package machine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/test/real"
)

// included is what the root holds beside the smallest Debian: systemd, and rpm and
// OpenRC for packages that are none of Debian's.
const included = "systemd,rpm,openrc"

// makeLimit bounds the making of the root, which fetches a hundred packages.
const makeLimit = 15 * time.Minute

// Need returns the path of a component's program, as [real.Need] does, and wants
// root as well.
func Need(t *testing.T, component string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test needs root")
		}
		t.Skip("this test needs root: run it with sudo")
	}
	return real.Need(t, component)
}

// Root returns a fresh root directory, which is in memory and gone when the test
// ends.
func Root(t *testing.T) string {
	t.Helper()
	debootstrap := Need(t, "debootstrap")
	base, err := cached(t.Context(), debootstrap)
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	mount(t, "tmpfs", top, "mode=0755")
	upper, work, root := filepath.Join(top, "upper"), filepath.Join(top, "work"), filepath.Join(top, "root")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755), os.Mkdir(root, 0o755)); err != nil {
		t.Fatal(err)
	}
	mount(t, "overlay", root, "lowerdir="+base+",upperdir="+upper+",workdir="+work)
	return root
}

// mount mounts a file system until the test ends.
func mount(t *testing.T, kind, dir, options string) {
	t.Helper()
	if err := unix.Mount(kind, dir, kind, 0, options); err != nil {
		t.Fatalf("mount %s on %s: %v", kind, dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// cached returns the path of the root that all others are laid over, and makes it
// where it is not. It is never written to.
func cached(ctx context.Context, debootstrap string) (string, error) {
	suite, mirror, err := origin(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "haproxystats")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	recipe := sha256.Sum256([]byte(mirror + " " + included))
	root := filepath.Join(dir, fmt.Sprintf("root-%s-%x", suite, recipe[:4]))
	// Other tests want the same at the same time.
	lock, err := os.OpenFile(root+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		return root, err
	}
	ctx, cancel := context.WithTimeout(ctx, makeLimit)
	defer cancel()
	fresh := root + ".new" // perhaps of one who was interrupted
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	if _, err := output(ctx, debootstrap, "--variant=minbase", "--include="+included, suite, fresh, mirror); err != nil {
		return "", err
	}
	return root, os.Rename(fresh, root)
}

// origin returns the release that this machine is, and the mirror that apt has
// it from.
func origin(ctx context.Context) (suite, mirror string, err error) {
	release, err := output(ctx, "sh", "-c", `. /etc/os-release && echo "$VERSION_CODENAME"`)
	if err != nil {
		return "", "", err
	}
	suite = strings.TrimSpace(release)
	targets, err := output(ctx, "apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(targets) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == suite && f[1] == "main" {
			return suite, f[2], nil
		}
	}
	return "", "", fmt.Errorf("apt knows no mirror of %s: run apt-get update", suite)
}

// output runs a command and returns what it says.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := stdout.String() + stderr.String()
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said[max(0, len(said)-4000):])
	}
	return stdout.String(), nil
}
