// Check_haproxystats is a monitoring plugin that says how haproxystats-pull and
// haproxystats-process fare.
package main

import (
	"os"

	"haproxystats/internal/cli"
)

func main() { os.Exit(cli.Check(os.Args, os.Stdout)) }
