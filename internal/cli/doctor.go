package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/doctor"
	"haproxystats/internal/sink/graphite"
)

type doctorOptions struct {
	files         config.Files
	user          string
	offline, json bool
	brokers       ToolBrokers
}

// ToolBrokers is what speaks to Kafka for people: besides what the programs need, it
// asks the brokers of a configuration what doctor is to judge.
type ToolBrokers interface {
	app.Brokers
	// Examine asks the brokers of each section that a program on the host uses, and
	// nobody if it is offline.
	Examine(ctx context.Context, c *config.Config, program config.Program, host string, offline bool) []doctor.Kafka
}

// errUnwell ends doctor after findings that are errors.
var errUnwell = fmt.Errorf("errors were found: %w", app.ErrLogged)

// printFindings runs doctor and prints its findings.
func printFindings(o doctorOptions, stdout io.Writer) error {
	// Replies of all sockets are in memory, and those given up are garbage.
	debug.SetGCPercent(25)
	r, err := doctor.Run(context.Background(), doctor.Options{
		Files: o.files, User: o.user, Offline: o.offline,
		Wiring: doctor.Wiring{
			CheckPull: pullProgram().Check, CheckProcess: processProgram(nil, nil, o.brokers, nil).Check,
			CheckCentral: centralProgram(nil, o.brokers, nil).Check,
			Graphite: func(g config.Instance[config.Graphite]) graphite.Options {
				return app.GraphiteOptions(g, "host", slog.New(slog.DiscardHandler))
			},
			Aggregate: func(c *config.Config) (aggregate.Options, error) { return app.AggregateOptions(c, nil, nil) },
			Kafka: func(ctx context.Context, c *config.Config, program config.Program, offline bool) []doctor.Kafka {
				host, _ := app.Hostname(c) // only a template of topics needs it
				return o.brokers.Examine(ctx, c, program, host, offline)
			},
		},
	})
	if err != nil {
		return err
	}
	if o.json {
		err = r.WriteJSON(stdout)
	} else {
		err = r.WriteText(stdout)
	}
	if err == nil && r.Verdict() == doctor.Error {
		return errUnwell
	}
	return err
}
