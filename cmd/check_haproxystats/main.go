// Check_haproxystats is a monitoring plugin that reports the state of haproxystats-pull,
// haproxystats-process and haproxystats-central.
package main

import (
	"os"

	"haproxystats/internal/cli"
)

func main() { os.Exit(cli.Check(os.Args, os.Stdout)) }
