// Command telegraf is Telegraf's agent with the plugins that the tests need: the inputs haproxy
// and influxdb_v2_listener, and the output file. Build it with the tag custom, which leaves out
// how Telegraf migrates old configurations.
//
//	telegraf CONFIG         runs until SIGTERM
//	telegraf -once CONFIG   gathers once
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/logger"
	_ "github.com/influxdata/telegraf/plugins/inputs/haproxy"
	_ "github.com/influxdata/telegraf/plugins/inputs/influxdb_v2_listener"
	_ "github.com/influxdata/telegraf/plugins/outputs/file"
	_ "github.com/influxdata/telegraf/plugins/serializers/influx"
)

func main() {
	once := flag.Bool("once", false, "gather once")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: telegraf [-once] CONFIG")
		os.Exit(2)
	}
	if err := run(*once, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "telegraf:", err)
		os.Exit(1)
	}
}

// run runs the agent: once, or until the program is to end.
func run(once bool, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := logger.SetupLogging(&logger.Config{Quiet: true}); err != nil {
		return err
	}
	c := config.NewConfig()
	if err := c.LoadAll(file); err != nil {
		return err
	}
	a := agent.NewAgent(c)
	if once {
		return a.Once(ctx, 0)
	}
	return a.Run(ctx)
}
