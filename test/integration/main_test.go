package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// deadline bounds a test: it is reached only where something is broken.
const deadline = 90 * time.Second

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "haproxystats-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = sync.OnceValues(func() (string, error) { return dir, build(dir) })
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// programs returns the directory of both programs, which it builds at the first
// call.
var programs func() (string, error)

// build compiles both programs; for a test with the race detector they have it,
// too, and end with a status other than 0 if it finds something.
func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	args := []string{"build", "-o", dir + "/"}
	if raceEnabled {
		args = append(args, "-race")
	}
	args = append(args, "haproxystats/cmd/haproxystats-pull", "haproxystats/cmd/haproxystats-process")
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w: %s", err, out)
	}
	return nil
}
