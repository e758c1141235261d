// Command compare measures the original haproxystats of PyPI and the programs of
// this checkout on the same snapshots, in turns, with the same receiver, and
// prints them side by side. Run it from the top of the checkout.
//
// It installs the original, unchanged, into a virtual environment in the user's
// cache directory, where the next run finds it.
package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"haproxystats/bench/measure"
	"haproxystats/bench/report"
	"haproxystats/bench/suite"
)

func main() {
	os.Exit(suite.Command{Name: "compare", Repetitions: 3, Measure: compare}.Run(os.Args[1:], os.Stdout, os.Stderr))
}

// original names the Python programs in tables.
const original = "original"

func compare(ctx context.Context, plan suite.Plan, stdout io.Writer) ([]report.Row, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	bin, err := install(ctx, filepath.Join(cache, "haproxystats", "original-0.5.1"))
	if err != nil {
		return nil, err
	}
	python := measure.Program{
		Name:    original,
		Process: filepath.Join(bin, "haproxystats-process"),
		Pull:    filepath.Join(bin, "haproxystats-pull"),
	}
	plan.Contenders = append([]suite.Contender{{Program: python, Counts: suite.Slow}}, plan.Contenders...)
	rows, err := suite.Run(ctx, plan)
	if err != nil {
		return nil, err
	}
	return rows, report.SideBySide(stdout, rows, original, suite.Ours)
}
