package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// insideEnv names the directory of the tests; it is set inside the namespaces.
const insideEnv = "HAPROXYSTATS_CONTAINER_TEST"

// The version and commit of the image that is tested.
const (
	testVersion = "9.8.7"
	testCommit  = "0123456789ab"
	testCreated = "1700000000"
)

// work is the directory of the tests.
var work string

// enter makes what needs namespaces: its own processes, which end with the first
// of them, its own mounts and its own loopback.
const enter = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
set +e
"$@"
exit $?`

func TestMain(m *testing.M) {
	if work = os.Getenv(insideEnv); work != "" {
		os.Exit(m.Run())
	}
	code, err := outside(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// outside prepares what needs the network and runs the tests inside. Where that
// can't be done it runs them here, and those that need an engine skip.
func outside(m *testing.M) (code int, err error) {
	work, err = os.MkdirTemp("", "hs-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := buildImage(source, filepath.Join(work, "dist")); err != nil {
		return 1, err
	}
	if missing() != nil {
		return m.Run(), nil
	}
	if _, err := schemas(); err != nil {
		fmt.Fprintln(os.Stderr, err) // there is no network inside to try again
	}
	// The kernel's death signal comes when the thread that started the child ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	inside := exec.Command("/bin/sh", append([]string{"-c", enter, "sh", "/proc/self/exe"}, os.Args[1:]...)...)
	inside.Args[4], err = os.Executable()
	if err != nil {
		return 1, err
	}
	inside.Env = append(os.Environ(), insideEnv+"="+work)
	inside.Stdout, inside.Stderr = os.Stdout, os.Stderr
	inside.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = inside.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil
	}
	return 0, err
}

// components are what the tests with an engine need.
var components = []string{"podman", "haproxy", "iproute2", "mount"}

// missing tells what a run of containers lacks here.
func missing() error {
	if os.Geteuid() != 0 {
		return errors.New("this test needs root: run it with sudo")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range components {
		if _, err := real.Find(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// needEngine skips a test where containers can't be run; where CI=true it fails.
func needEngine(t *testing.T) *engine {
	t.Helper()
	if err := missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return startEngine(t)
}

// source is the repository.
const source = "../.."

// buildImage does what `make image` does.
func buildImage(source, out string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "run", ".", "-out", out,
		"-version", testVersion, "-commit", testCommit, "-created", testCreated)
	build.Dir = filepath.Join(source, "packaging/image")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the image: %w: %s", err, out)
	}
	return nil
}

// archive returns the path of an archive that buildImage has made.
func archive(suffix string) string {
	return filepath.Join(work, "dist", "haproxystats-image_"+testVersion+suffix)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
