package deploy

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds a command on a node: it is reached only where something is
// broken.
const patience = 15 * time.Minute

// node is a machine of the test's own.
type node struct {
	t   *testing.T
	dir string // its root directory
}

// newNode makes a node which has systemd for its first process and the package
// of the programs in a file, not installed. It needs root; a test without is
// skipped, or fails if the environment says CI=true.
func newNode(t *testing.T) *node {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test needs root")
		}
		t.Skip("this test needs root: run it with sudo")
	}
	archive, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	disk := t.TempDir()
	mount(t, "tmpfs", disk, "tmpfs", 0, "mode=0755")
	n := &node{t, filepath.Join(disk, "root")}
	upper, work := filepath.Join(disk, "upper"), filepath.Join(disk, "work")
	for _, dir := range []string{n.dir, upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount(t, "overlay", n.dir, "overlay", 0, "lowerdir=/,upperdir="+upper+",workdir="+work)
	mount(t, "/dev", filepath.Join(n.dir, "dev"), "", unix.MS_BIND, "")
	// What the machine under it has of its own must not help nor disturb.
	for _, path := range []string{"/run", "/etc/systemd/system", "/etc/haproxystats", "/etc/haproxystats.conf", "/etc/default/haproxystats", "/var/lib/haproxystats"} {
		n.must(os.RemoveAll(n.path(path)))
	}
	for _, dir := range []string{"/run/systemd/system", "/etc/systemd/system", "/sys/block"} {
		n.must(os.MkdirAll(n.path(dir), 0o755))
	}
	n.write("/usr/local/sbin/systemd", "#!/bin/sh\n\"$@\"\n", 0o755)
	systemctl, err := os.ReadFile("testdata/systemctl")
	n.must(err)
	n.must(os.RemoveAll(n.path("/usr/bin/systemctl")))
	n.write("/usr/bin/systemctl", string(systemctl), 0o755)
	n.write("/srv/haproxystats.deb", archive, 0o644)
	return n
}

// mount mounts until the test ends.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s %s: %v", source, target, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, 0); err != nil {
			t.Errorf("unmount %s: %v", target, err)
			_ = unix.Unmount(target, unix.MNT_DETACH)
		}
	})
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// path is where a path of the node's is for the test.
func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

func (n *node) write(name, text string, mode os.FileMode) {
	n.t.Helper()
	n.must(os.MkdirAll(filepath.Dir(n.path(name)), 0o755))
	n.must(os.WriteFile(n.path(name), []byte(text), mode))
	n.must(os.Chmod(n.path(name), mode))
}

func (n *node) read(name string) string {
	n.t.Helper()
	data, err := os.ReadFile(n.path(name))
	n.must(err)
	return string(data)
}

func (n *node) has(name string) bool {
	_, err := os.Lstat(n.path(name))
	return err == nil
}

// copy copies a directory onto the node.
func (n *node) copy(from, to string) {
	n.t.Helper()
	n.must(os.CopyFS(n.path(to), os.DirFS(from)))
}

// run runs a command on the node, and returns what it prints on both of its
// outputs and its exit status.
func (n *node) run(args ...string) (output string, status int) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", append([]string{
		"--mount", "--net", "--pid", "--fork", "--kill-child", "--root=" + n.dir, "--mount-proc", "/usr/local/sbin/systemd",
	}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// ask runs a command that must succeed.
func (n *node) ask(args ...string) string {
	n.t.Helper()
	out, status := n.run(args...)
	if status != 0 {
		n.t.Fatalf("%s: status %d\n%s", strings.Join(args, " "), status, out)
	}
	return out
}

// calls returns what systemctl has been told to change since the last time.
func (n *node) calls() []string {
	n.t.Helper()
	const file = "/run/fake-systemd/calls"
	if !n.has(file) {
		return nil
	}
	text := n.read(file)
	n.must(os.Remove(n.path(file)))
	return strings.Split(strings.TrimSpace(text), "\n")
}

// mode describes who may do what with a file of the node's.
func (n *node) mode(name string) string {
	n.t.Helper()
	return strings.TrimSpace(n.ask("stat", "-c", "%A %U:%G", name))
}
