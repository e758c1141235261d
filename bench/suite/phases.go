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

// Central measures the steps of central processing for a snapshot of each size, beside
// parsing the same snapshot.
func Central(_ context.Context, plan Plan) (rows []report.Row, err error) {
	var all results
	for _, size := range plan.Sizes {
		if err := all.central(size, plan); err != nil {
			return nil, err
		}
	}
	return all.rows, nil
}

func (r *results) central(size workload.Size, plan Plan) error {
	dir, err := os.MkdirTemp("", "hsbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	set, err := phases.Open(dir, size, plan.Seed)
	if err != nil {
		return err
	}
	defer set.Close()
	c, err := phases.OpenCentral(size, plan.Seed)
	if err != nil {
		return err
	}
	defer c.Close()
	for range plan.Repetitions {
		parse, err := measure.OnThread(phaseRuns, set.Parse)
		if err != nil {
			return err
		}
		for _, phase := range c.Phases() {
			took, err := measure.OnThread(phaseRuns, func() error { return phase.Run(context.Background()) })
			if err != nil {
				return err
			}
			subject := centralSubject(size, phase.Name)
			r.add(subject, Ours, unitCPU, milliseconds(took))
			r.add(subject, Ours, unitParses, float64(took)/float64(parse))
			switch phase.Name {
			case "encode":
				r.add(subject, Ours, unitKB, float64(c.TableBytes())/1e3)
			case "send":
				r.add(subject, Ours, unitKB, float64(c.RecordBytes())/1e3)
			}
		}
	}
	return nil
}
