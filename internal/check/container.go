package check

import (
	"context"
	"fmt"

	"haproxystats/internal/nagios"
)

// Container is the name of the check that needs [Installation.First].
const Container = "container"

// checkContainer checks the program that is process 1 of the container: one image
// has one health check, whichever program it runs.
func checkContainer(ctx context.Context, i Installation, r Request) finding {
	pull, process, central := i.pull().name, i.process().name, i.central().name
	switch i.First {
	case pull:
		return checkPull(ctx, i, r)
	case process:
		return checkWorkers(ctx, i, r)
	case central:
		return checkCentralWorkers(ctx, i, r)
	}
	return finding{status: nagios.Unknown, text: fmt.Sprintf(
		"process 1 is %.100q: expected %s, %s or %s: make one of them the command of the container, without an init, or name another check",
		i.First, pull, process, central)}
}
