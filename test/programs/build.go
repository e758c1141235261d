// Package programs compiles the programs of this project, for tests and
// demonstrations that run them from outside.
package programs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Build compiles the named programs of cmd into dir, or all programs if none is named.
// They are linked statically, so that they run in any root.
func Build(ctx context.Context, dir string, names ...string) error {
	return build(ctx, dir, nil, []string{"CGO_ENABLED=0"}, names)
}

// BuildRace is Build with the race detector. A program with a race exits with a status
// other than 0.
func BuildRace(ctx context.Context, dir string, names ...string) error {
	return build(ctx, dir, []string{"-race"}, nil, names)
}

func build(ctx context.Context, dir string, flags, env, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("build the programs: %w", err)
	}
	args := append([]string{"build", "-o", dir + "/"}, flags...)
	for _, name := range names {
		args = append(args, "haproxystats/cmd/"+name)
	}
	if len(names) == 0 {
		args = append(args, "haproxystats/cmd/...")
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	// The compiler removes its files when it is interrupted, unless that happens while it
	// starts: whoever removes dir removes them, too.
	cmd.Env = append(append(os.Environ(), "GOTMPDIR="+dir), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("build the programs: %w", context.Cause(ctx))
		}
		return fmt.Errorf("build the programs: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
