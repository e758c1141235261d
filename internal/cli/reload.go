package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
)

type reloadOptions struct {
	files   config.Files
	pid     int
	timeout time.Duration
}

func newReload(stderr io.Writer, b app.Brokers) *cobra.Command {
	var o reloadOptions
	programs := []program{pullProgram(), processProgram(nil, nil, b, nil), centralProgram(nil, b, nil)}
	var names []string
	for _, p := range programs {
		names = append(names, string(p.Name))
	}
	cmd := &cobra.Command{
		Use:   "reload [flags] PROGRAM",
		Short: "Have a running program read its configuration again",
		Long: `Tests the configuration of a program, has the running program read it again, and
waits until it has. PROGRAM is haproxystats-pull, haproxystats-process or
haproxystats-central, which is found at its status socket. The exit status is 1 if the
program goes on with its old configuration, and 2 if it has the new one, but some
options that have changed need a restart.

The units run this command for systemctl reload.`,
		Args:      oneArgument("the program"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := canReload(runtime.GOOS); err != nil {
				return err
			}
			o.files.Required = cmd.Flags().Changed("file")
			at := slices.Index(names, args[0])
			if at < 0 {
				return fmt.Errorf("unknown program %q: expected haproxystats-pull, haproxystats-process or haproxystats-central", args[0])
			}
			if o.timeout <= 0 {
				return fmt.Errorf("--timeout %v: expected a time above 0: see -h", o.timeout)
			}
			return reload(o, programs[at], stderr)
		},
	}
	addFiles(cmd, &o.files)
	cmd.Flags().IntVar(&o.pid, "pid", 0, "`number` of the process, for a program without a status socket")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "`time` to wait for the program")
	addHelp(cmd)
	return cmd
}

// canReload refuses systems on which no program runs. A status socket that ssh forwards to
// there names a process of another host, which must not get a signal here.
func canReload(system string) error {
	if system != "linux" {
		return fmt.Errorf("the programs run on Linux only, and none can be reloaded on %s: run this command on the host of the program", system)
	}
	return nil
}

// reload tests the configuration, and has the program read it.
func reload(o reloadOptions, p program, stderr io.Writer) error {
	checks := []config.Check{p.Check}
	if p.Startable != nil {
		checks = append(checks, p.Startable)
	}
	o.files.Elsewhere = true // the program has its own environment, and judges by that
	loaded, err := config.Load(p.Name, o.files, checks...)
	warn(stderr, toolName, loaded.Warnings)
	if err != nil {
		return fmt.Errorf("the configuration is refused, and %s, if it runs, goes on with its old one:\n%w", p.Name, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	err = app.AskReload(ctx, p.Name, &loaded.Config, o.pid)
	if errors.Is(err, app.ErrNeedsRestart) {
		return fmt.Errorf("%w. Run systemctl restart %s", err, p.Name)
	}
	return err
}
