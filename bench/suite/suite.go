package suite

import (
	"context"
	"fmt"
	"io"

	"haproxystats/bench/measure"
	"haproxystats/bench/report"
	"haproxystats/bench/workload"
)

// Contender is a program with the patience it needs.
type Contender struct {
	measure.Program
	// Counts is how often it is measured.
	Counts Counts
}

// Counts says how many snapshots of each size are worked off in one repetition.
type Counts struct {
	Warm       int // unmeasured, before the others
	S, M, L    int
	Starts     int // from start to first line
	PullRounds int
}

// The usual counts.
var (
	// Fast suits a program that works off L within a second.
	Fast = Counts{Warm: 3, S: 50, M: 20, L: 8, Starts: 5, PullRounds: 3}
	// Slow suits one that needs a quarter of a minute.
	Slow = Counts{Warm: 1, S: 5, M: 2, L: 1, Starts: 2, PullRounds: 2}
)

func (c Counts) of(size workload.Size) int {
	switch size.Name {
	case "S":
		return c.S
	case "M":
		return c.M
	default:
		return c.L
	}
}

// Plan says what to run.
type Plan struct {
	Contenders  []Contender
	PlainCopy   measure.Program // the yardstick of pull
	Sizes       []workload.Size
	Repetitions int
	Seed        uint64
	// Progress gets a line for every trial.
	Progress io.Writer
}

// Run measures everything in the plan.
func Run(ctx context.Context, plan Plan) ([]report.Row, error) {
	pools := map[string]*measure.Pool{}
	for _, size := range append([]workload.Size{workload.S, workload.M}, plan.Sizes...) {
		if pools[size.Name] != nil {
			continue
		}
		pool, err := measure.NewPool(size, plan.Seed)
		if err != nil {
			return nil, err
		}
		pools[size.Name] = pool
	}
	var all results
	for n := range plan.Repetitions {
		for _, size := range plan.Sizes {
			for _, c := range plan.Contenders {
				fmt.Fprintf(plan.Progress, "repetition %d of %d: process, size %s, %s\n", n+1, plan.Repetitions, size.Name, c.Name)
				if err := all.process(ctx, c, pools[size.Name]); err != nil {
					return nil, err
				}
			}
		}
		for _, c := range plan.Contenders {
			fmt.Fprintf(plan.Progress, "repetition %d of %d: start and pull, %s\n", n+1, plan.Repetitions, c.Name)
			if err := all.firstLine(ctx, c, pools["S"]); err != nil {
				return nil, err
			}
			if err := all.pull(ctx, c, plan.PlainCopy, pools["M"]); err != nil {
				return nil, err
			}
		}
	}
	return all.rows, nil
}
