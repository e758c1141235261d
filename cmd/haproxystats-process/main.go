// Command haproxystats-process makes metrics of the snapshots in the spool and dispatches them.
package main

import (
	"os"

	"haproxystats/internal/app/brokers"
	"haproxystats/internal/app/endpoint"
	"haproxystats/internal/cli"
	"haproxystats/internal/httpget"
	"haproxystats/internal/httpsend"
)

func main() {
	os.Exit(cli.Process(os.Args[1:], os.Stdout, os.Stderr, httpget.New(), httpsend.New, brokers.New("haproxystats-process"), endpoint.Open))
}
