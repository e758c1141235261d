// Command bench measures the programs of this checkout on generated snapshots
// and prints a table with the project's goals, followed by the same figures in
// benchstat's format. Run it from the top of the checkout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"haproxystats/bench/report"
	"haproxystats/bench/suite"
	"haproxystats/bench/workload"
)

func main() {
	if err := bench(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	repetitions := flags.Int("runs", 5, "repetitions of everything")
	seed := flags.Uint64("seed", 1, "seed of the generated snapshots")
	names := flags.String("sizes", "S,M,L", "sizes of snapshots for haproxystats-process")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var sizes []workload.Size
	for name := range strings.SplitSeq(*names, ",") {
		size, err := workload.SizeByName(name)
		if err != nil {
			return err
		}
		sizes = append(sizes, size)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	dir, err := os.MkdirTemp("", "hsbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, err := suite.Build(ctx, dir)
	if err != nil {
		return err
	}
	rows, err := suite.Run(ctx, suite.Plan{
		Contenders:  []suite.Contender{{Program: ours, Counts: suite.Fast}},
		Sizes:       sizes,
		Repetitions: *repetitions,
		Seed:        *seed,
		Progress:    stderr,
	})
	if err != nil {
		return err
	}
	if err := report.Table(stdout, rows); err != nil {
		return err
	}
	fmt.Fprintln(stdout)
	return report.Benchstat(stdout, rows)
}
