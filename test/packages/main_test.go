package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// A machine gets the older version first, then the newer one.
const (
	older = "1.0.0-rc.1"
	newer = "1.0.0"
	date  = 1_700_000_000
)

// where the packages of both versions are, until all tests have ended.
var where string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "packages-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	where = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		os.Exit(status)
	}))
}

var built = map[string]func() error{
	older: sync.OnceValue(func() error { return pack("../..", older, "amd64", filepath.Join(where, older)) }),
	newer: sync.OnceValue(func() error { return pack("../..", newer, "amd64,arm64", filepath.Join(where, newer)) }),
}

// dist returns the directory with a version's packages.
func dist(t *testing.T, version string) string {
	t.Helper()
	if err := built[version](); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(where, version)
}

// pack makes the packages from a checkout.
func pack(checkout, version, arches, out string) error {
	cmd := exec.Command("go", "run", "./packaging/build", "-version", version, "-commit", "0123456789ab",
		"-date", fmt.Sprint(date), "-arches", arches, "-out", out)
	cmd.Dir = checkout
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make packages of %s: %w\n%s", version, err, out)
	}
	return nil
}

// say runs a program and returns what it says.
func say(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
