// Command haproxystats shows HAProxy live, writes a first configuration, finds what is wrong
// with an installation, shows what a configuration makes of a snapshot, and sends recorded
// snapshots again.
package main

import (
	"os"

	"haproxystats/internal/cli"
	"haproxystats/internal/doctor/asked"
	"haproxystats/internal/top/screen"
)

func main() {
	os.Exit(cli.Tool(os.Args[1:], os.Stdout, os.Stderr, asked.New("haproxystats"), screen.Show))
}
