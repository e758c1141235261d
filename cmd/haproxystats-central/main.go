// Command haproxystats-central combines the statistics of several nodes to those of clusters.
package main

import (
	"os"

	"haproxystats/internal/app/brokers"
	"haproxystats/internal/app/endpoint"
	"haproxystats/internal/cli"
	"haproxystats/internal/httpsend"
)

func main() {
	os.Exit(cli.Central(os.Args[1:], os.Stdout, os.Stderr, httpsend.New, brokers.New("haproxystats-central"), endpoint.Open))
}
