package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
)

// stub is a program that waits for its end.
func stub(run func(context.Context) error) program {
	return program{Program: app.Program{
		Name:  config.ForPull,
		Check: func(*config.Config) []config.Problem { return nil },
		Log:   func(c *config.Config) (slog.Level, config.LogFormat) { return c.Pull.LogLevel, c.Pull.LogFormat },
		Work: func(ctx context.Context, _ *config.Loaded, _ *app.Supervisor, _ *app.Reloads, _ app.Log) error {
			return run(ctx)
		},
	}}
}

// empty makes a configuration of defaults.
func empty(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.conf")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExitStatus(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
		log  string // in the last line
	}{
		{"done", nil, 0, "level=INFO msg=ended\n"},
		{"failed", fmt.Errorf("worker 1: %w", errors.New("stuck")), 1, `level=CRITICAL msg="ended by an error" error="worker 1: stuck"` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			p := stub(func(context.Context) error { return test.err })
			if got := execute(p, []string{"-f", empty(t)}, &stdout, &stderr); got != test.want {
				t.Errorf("exit status %d, want %d", got, test.want)
			}
			if !strings.HasSuffix(stderr.String(), test.log) || strings.Count(stderr.String(), "\n") != 2 {
				t.Errorf("got\n%swant 2 lines, at the end\n%s", &stderr, test.log)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout: %s", &stdout)
			}
		})
	}
}

// TestSignals sends signals to the test itself, while they are caught.
func TestSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			var stderr bytes.Buffer
			p := stub(func(ctx context.Context) error {
				if err := syscall.Kill(os.Getpid(), s); err != nil {
					return err
				}
				<-ctx.Done()
				return nil
			})
			if got := execute(p, []string{"-f", empty(t)}, new(bytes.Buffer), &stderr); got != 0 {
				t.Errorf("exit status %d", got)
			}
			if want := "msg=ending signal=" + s.String(); !strings.Contains(stderr.String(), want) {
				t.Errorf("got\n%swant %s", &stderr, want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	defer func(old string) { commit = old }(commit)
	commit = "0123456789ab"
	defer func(old string) { version = old }(version)
	for built, says := range map[string]string{"": strings.TrimSpace(ownVersion), "7.1.0": "7.1.0"} {
		version = built
		if got, want := versionLine(), says+" (commit 0123456789ab, "+runtime.Version()+")"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	commit = ""
	if revision() == "" {
		t.Error("no commit, and not even a word for it")
	}
}
