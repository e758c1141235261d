// Command bench measures the programs of this checkout on generated snapshots,
// and each phase of the work on a snapshot alone, and prints a table with the
// project's goals, followed by the same figures in benchstat's format. Run it
// from the top of the checkout.
package main

import (
	"context"
	"io"
	"os"

	"haproxystats/bench/report"
	"haproxystats/bench/suite"
)

// repetitions is the least from which benchstat states a confidence.
const repetitions = 6

func main() {
	os.Exit(suite.Command{Name: "bench", Repetitions: repetitions, Measure: measure}.Run(os.Args[1:], os.Stdout, os.Stderr))
}

func measure(ctx context.Context, plan suite.Plan, stdout io.Writer) ([]report.Row, error) {
	rows, err := suite.Run(ctx, plan)
	if err != nil {
		return nil, err
	}
	phases, err := suite.Phases(ctx, plan)
	if err != nil {
		return nil, err
	}
	rows = append(rows, phases...)
	central, err := suite.Central(ctx, plan)
	if err != nil {
		return nil, err
	}
	rows = append(rows, central...)
	return rows, report.Table(stdout, rows)
}
