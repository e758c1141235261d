package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/test/real"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workshop is a running program over a copy of the tree.
type workshop struct {
	t     *testing.T
	tree  string
	tmp   string // where it makes its directory
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// openWorkshop starts the program in a copy of what both programs are made from.
func openWorkshop(t *testing.T, env ...string) *workshop {
	t.Helper()
	real.Need(t, "haproxy")
	dir, err := os.MkdirTemp("", "dev-") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := &workshop{t: t, tree: filepath.Join(dir, "tree"), tmp: filepath.Join(dir, "tmp")}
	if err := os.Mkdir(s.tmp, 0o750); err != nil {
		t.Fatal(err)
	}
	copyTree(t, "..", s.tree)
	program := filepath.Join(dir, "dev")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	s.cmd = exec.CommandContext(ctx, program)
	s.cmd.Dir = s.tree
	s.cmd.Env = append(append(os.Environ(), "TMPDIR="+s.tmp), env...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	return s
}

// copyTree copies the sources of both programs.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(from, name), func(path string, e fs.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, "_test.go") {
				return err
			}
			if e.IsDir() {
				if e.Name() == "testdata" {
					return filepath.SkipDir
				}
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			dest := filepath.Join(to, strings.TrimPrefix(path, from))
			if err := os.MkdirAll(filepath.Dir(dest), 0o750); err != nil {
				return err
			}
			return os.WriteFile(dest, text, 0o640)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// await reads up to a line that holds all parts, and returns it.
func (s *workshop) await(parts ...string) string {
	s.t.Helper()
	return s.awaitAll(parts)
}

// awaitAll reads until there was a line for each of several such lists, in any
// order, and returns the last one.
func (s *workshop) awaitAll(wanted ...[]string) (line string) {
	s.t.Helper()
	var seen []string
	for len(wanted) > 0 {
		if !s.lines.Scan() {
			s.t.Fatalf("no lines with %q:\n%s", wanted, strings.Join(seen, "\n"))
		}
		line = s.lines.Text()
		seen = append(seen, line)
		wanted = slices.DeleteFunc(wanted, func(parts []string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
		})
	}
	return line
}

// edit changes a file as editors do, by another one in its place.
func edit(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s does not hold %q", path, old)
	}
	if err := os.WriteFile(path+"~", bytes.Replace(text, []byte(old), []byte(new), 1), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// processes returns the command lines that speak of the workshop's directories.
func (s *workshop) processes() (found []string) {
	s.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && bytes.Contains(b, []byte(s.tmp)) { // else it has just ended
			found = append(found, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return found
}

func TestWorkshop(t *testing.T) {
	s := openWorkshop(t, `DEV_SHOW=^(dev|shop)\.haproxy\.frontend\.web\.stot `)
	_, config, _ := strings.Cut(s.await("dev     | the configuration is "), " is ")
	s.await("dev     | built in ", " 2 of 2 programs to start")
	s.await("graphite| dev.haproxy.frontend.web.stot ")

	// A change of the source.
	source := filepath.Join(s.tree, "internal", "cli", "version.go")
	edit(t, source, `" (commit "`, `" (changed, commit "`)
	s.await("dev     | built in ", " 2 of 2 programs to start")
	s.awaitAll([]string{"process | ", "msg=started", "(changed, commit"}, []string{"pull    | ", "msg=started", "(changed, commit"})
	s.await("graphite| dev.haproxy.frontend.web.stot ")

	// One that can't be built: the programs go on.
	edit(t, source, "package cli", "package cli {")
	s.await("dev     | not built: exit status 1")
	s.await("dev     | ", "version.go:", "syntax error")
	s.await("graphite| dev.haproxy.frontend.web.stot ")
	edit(t, source, "package cli {", "package cli")
	s.await("dev     | built in ", " 0 of 2 programs to start")

	// Another configuration.
	edit(t, config, "namespace       = dev", "namespace       = shop")
	s.await("dev     | built in ", " 2 of 2 programs to start")
	s.await("graphite| shop.haproxy.frontend.web.stot ")

	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	for s.lines.Scan() { // until it ends
		if strings.Contains(s.lines.Text(), "bad line") {
			t.Error(s.lines.Text())
		}
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(s.tmp, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if left = append(left, s.processes()...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestWorkshopIsKilled: nobody is left to remove the directory, and the kernel
// ends what was started.
func TestWorkshopIsKilled(t *testing.T) {
	s := openWorkshop(t)
	s.await("pull    | ", "msg=started")
	if len(s.processes()) < 4 {
		t.Errorf("there are only %q", s.processes())
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	for s.lines.Scan() { // until the last one has closed the pipe
	}
	_ = s.cmd.Wait() // by the signal
	deadline := time.Now().Add(2 * time.Minute)
	for len(s.processes()) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %q", s.processes())
		}
	}
}

func TestPattern(t *testing.T) {
	t.Setenv("DEV_SHOW", "(")
	var stderr strings.Builder
	if status := run(io.Discard, &stderr); status != 2 || !strings.Contains(stderr.String(), "DEV_SHOW=(: error parsing regexp") {
		t.Errorf("status %d, %q", status, &stderr)
	}
}
