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
	return build(ctx, []string{"-o", dir + "/"}, []string{"CGO_ENABLED=0"}, names)
}

// BuildRace is Build with the race detector. A program with a race exits with a status
// other than 0.
func BuildRace(ctx context.Context, dir string, names ...string) error {
	return build(ctx, []string{"-o", dir + "/", "-race"}, nil, names)
}

func build(ctx context.Context, args, env, names []string) error {
	args = append([]string{"build"}, args...)
	for _, name := range names {
		args = append(args, "haproxystats/cmd/"+name)
	}
	if len(names) == 0 {
		args = append(args, "haproxystats/cmd/...")
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), env...)
	// The compiler removes its files when it is interrupted.
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
