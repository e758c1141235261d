// Command haproxystats-pull polls the stats sockets of HAProxy and spools the raw replies.
package main

import (
	"os"

	"haproxystats/internal/cli"
)

func main() { os.Exit(cli.Pull(os.Args[1:], os.Stdout, os.Stderr)) }
