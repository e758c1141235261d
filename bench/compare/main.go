// Command compare measures the original haproxystats of PyPI and the programs of
// this checkout on the same snapshots, in turns, with the same receiver, and
// prints them side by side. Run it from the top of the checkout.
//
// It installs the original, unchanged, into a virtual environment in the user's
// cache directory, where the next run finds it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"haproxystats/bench/measure"
	"haproxystats/bench/report"
	"haproxystats/bench/suite"
	"haproxystats/bench/workload"
)

func main() {
	if err := compare(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// original names the Python programs in tables.
const original = "original"

func compare(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	repetitions := flags.Int("runs", 3, "repetitions of everything")
	seed := flags.Uint64("seed", 1, "seed of the generated snapshots")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	bin, err := install(ctx, filepath.Join(cache, "haproxystats", "original-0.5.1"))
	if err != nil {
		return err
	}
	python := measure.Program{
		Name:    original,
		Process: filepath.Join(bin, "haproxystats-process"),
		Pull:    filepath.Join(bin, "haproxystats-pull"),
	}
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
		Contenders:  []suite.Contender{{Program: python, Counts: suite.Slow}, {Program: ours, Counts: suite.Fast}},
		Sizes:       workload.Sizes(),
		Repetitions: *repetitions,
		Seed:        *seed,
		Progress:    stderr,
	})
	if err != nil {
		return err
	}
	if err := report.SideBySide(stdout, rows, original, suite.Ours); err != nil {
		return err
	}
	fmt.Fprintln(stdout)
	return report.Benchstat(stdout, rows)
}
