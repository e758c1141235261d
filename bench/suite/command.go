package suite

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
	"haproxystats/bench/workload"
)

// Command is a program that measures. It runs at the top of the checkout.
type Command struct {
	Name string
	// Repetitions is how often everything is measured, unless -runs says.
	Repetitions int
	// Measure carries out a plan, in which our programs, freshly built, are the
	// only contender so far, and prints its table.
	Measure func(ctx context.Context, plan Plan, stdout io.Writer) ([]report.Row, error)
}

// Run reads the flags, measures, and ends with the figures in benchstat's
// format. It returns the exit status.
func (c Command) Run(args []string, stdout, stderr io.Writer) int {
	switch err := c.run(args, stdout, stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	default:
		fmt.Fprintf(stderr, "%s: %v\n", c.Name, err)
		return 1
	}
}

func (c Command) run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	plan := Plan{Progress: stderr}
	flags.IntVar(&plan.Repetitions, "runs", c.Repetitions, "repetitions of everything")
	flags.Uint64Var(&plan.Seed, "seed", 1, "seed of the generated snapshots")
	names := flags.String("sizes", "S,M,L", "sizes of snapshots for haproxystats-process")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if plan.Repetitions < 1 {
		return fmt.Errorf("-runs %d: want 1 or more", plan.Repetitions)
	}
	for name := range strings.SplitSeq(*names, ",") {
		size, err := workload.SizeByName(name)
		if err != nil {
			return fmt.Errorf("-sizes: %w", err)
		}
		plan.Sizes = append(plan.Sizes, size)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	dir, err := os.MkdirTemp("", "hsbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ours, plain, err := build(ctx, dir)
	if err != nil {
		return err
	}
	plan.PlainCopy = plain
	plan.Contenders = []Contender{{Program: ours, Counts: Fast}}
	rows, err := c.Measure(ctx, plan, stdout)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout)
	return report.Benchstat(stdout, rows)
}
