package packages

import (
	"errors"
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

	homepage = "https://haproxystats.example/"
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
	// The older version has another example configuration, so that an upgrade has to
	// choose between that of the administrator and a new one.
	older: sync.OnceValue(func() error {
		source := filepath.Join(where, "source")
		if err := copySource(source); err != nil {
			return err
		}
		conf := filepath.Join(source, "haproxystats.conf")
		text, err := os.ReadFile(conf)
		if err == nil {
			err = os.WriteFile(conf, append(text, "# As it was.\n"...), 0o644)
		}
		return errors.Join(err, pack(source, older, "amd64", filepath.Join(where, older)), os.RemoveAll(source))
	}),
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

// copySource copies what git has of the checkout, or would have.
func copySource(to string) error {
	listed := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	listed.Dir = "../.."
	names, err := listed.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue // deleted, and git has not been told yet
		}
		target := filepath.Join(to, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o755)
		}
		if err == nil {
			err = os.WriteFile(target, content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pack makes the packages from a checkout, and archives with those of the newer version.
func pack(checkout, version, arches, out string) error {
	cmd := exec.Command("go", "run", "./packaging/build", "-version", version, "-commit", "0123456789ab",
		"-date", fmt.Sprint(date), "-homepage", homepage, "-arches", arches, "-out", out)
	if version == newer {
		cmd.Args = append(cmd.Args, "-others", strings.Join(systems, ","))
	}
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
