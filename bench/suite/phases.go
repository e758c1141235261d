package suite

import (
	"context"
	"os"

	"haproxystats/bench/measure"
	"haproxystats/bench/phases"
	"haproxystats/bench/report"
	"haproxystats/bench/workload"
)

// Phases measures where the time of haproxystats-process goes. Merging is what
// aggregating takes longer than parsing.
func Phases(ctx context.Context, plan Plan) (rows []report.Row, err error) {
	for _, size := range plan.Sizes {
		some, err := phasesOf(ctx, size, plan)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// phaseRuns is how often each phase is run in one repetition.
const phaseRuns = 5

func phasesOf(ctx context.Context, size workload.Size, plan Plan) ([]report.Row, error) {
	dir, err := os.MkdirTemp("", "hsbench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	set, err := phases.Open(dir, size, plan.Seed)
	if err != nil {
		return nil, err
	}
	defer set.Close()

	var all results
	for range plan.Repetitions {
		parse := 0.0
		for _, phase := range set.Phases() {
			took, err := measure.OnThread(phaseRuns, func() error { return phase.Run(ctx) })
			if err != nil {
				return nil, err
			}
			name, ms := phase.Name, milliseconds(took)
			switch name {
			case "parse":
				parse = ms
			case "aggregate":
				name, ms = "merge", ms-parse
			}
			all.add("Phase/size="+size.Name+"/phase="+name, Ours, unitCPU, ms)
		}
	}
	return all.rows, nil
}
