package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"haproxystats/bench/measure"
)

// Ours names our implementation in tables.
const Ours = "ours"

// build builds both programs of the checkout and the plain copy into dir, as a
// release is built.
func build(ctx context.Context, dir string) (ours, plain measure.Program, err error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+string(filepath.Separator),
		"./cmd/haproxystats-process", "./cmd/haproxystats-pull", "./bench/plaincopy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return ours, plain, fmt.Errorf("build the programs (run from the top of the checkout): %w\n%s", err, out)
	}
	ours = measure.Program{
		Name:    Ours,
		Process: filepath.Join(dir, "haproxystats-process"),
		Pull:    filepath.Join(dir, "haproxystats-pull"),
	}
	return ours, measure.Program{Name: "plaincopy", Pull: filepath.Join(dir, "plaincopy")}, nil
}
