package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// house is a place to run the demo in, and to see what it leaves behind.
type house struct {
	demo string // the program
	tmp  string // where it makes its directory
}

func newHouse(t *testing.T) house {
	t.Helper()
	real.Need(t, "haproxy")
	dir, err := os.MkdirTemp("", "demo-") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h := house{demo: filepath.Join(dir, "demo"), tmp: filepath.Join(dir, "tmp")}
	if err := os.Mkdir(h.tmp, 0o750); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", h.demo, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return h
}

func (h house) command(ctx context.Context, seconds int, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.demo, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+h.tmp, fmt.Sprintf("DEMO_SECONDS=%d", seconds))
	return cmd
}

// files returns what is in the directory for temporary files.
func (h house) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.tmp, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// processes returns the command lines that speak of that directory: those of
// everything that the demo starts.
func (h house) processes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && bytes.Contains(b, []byte(h.tmp)) { // else it has just ended
			found = append(found, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return found
}

func TestDemoPasses(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := h.command(ctx, 3)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	for _, want := range []string{"PASS: all ", "\n web ", "\n stream-in ", "\n app ", "\n lb1 ", "\n lb3 ", "2 of 4"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in the summary:\n%s", want, &stdout)
		}
	}
	if strings.Contains(stdout.String(), "\x1b") {
		t.Error("escape sequences where there is no terminal")
	}
	if left := append(h.files(t), h.processes(t)...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestDemoEndsBySignal(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		signal syscall.Signal
		after  string // part of the progress
	}{
		{os.Interrupt.(syscall.Signal), "building"},
		{syscall.SIGTERM, "haproxy instances"},
		{syscall.SIGHUP, "starting haproxystats-pull"},
		{syscall.SIGKILL, "starting haproxystats-pull"},
	} {
		t.Run(fmt.Sprintf("%v after %s", c.signal, c.after), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			cmd := h.command(ctx, 600)
			progress, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(progress)
			for lines.Scan() && !strings.Contains(lines.Text(), c.after) {
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, progress) // until it ends
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || ctx.Err() != nil {
				t.Errorf("ended by %v, want status 1 or the signal", err)
			}
			if c.signal == syscall.SIGKILL {
				// Nobody is left to remove the directory. The kernel ends the
				// processes, without anyone to wait for them.
				for len(h.processes(t)) > 0 && ctx.Err() == nil {
				}
			} else if left := h.files(t); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if left := h.processes(t); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
