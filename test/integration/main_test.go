package integration

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/test/programs"
)

// deadline bounds a test: it is reached only where something is broken.
const deadline = 10 * time.Minute

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "haproxystats-programs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = sync.OnceValues(func() (string, error) { return dir, build(dir) })
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// built returns the directory of both programs, which it builds at the first
// call.
var built func() (string, error)

// build compiles both programs; for a test with the race detector they have it,
// too, and end with a status other than 0 if it finds something.
func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	names := []string{"haproxystats-pull", "haproxystats-process"}
	if raceEnabled {
		return programs.BuildRace(ctx, dir, names...)
	}
	return programs.Build(ctx, dir, names...)
}
