package suite

import (
	"fmt"

	"haproxystats/bench/report"
	"haproxystats/bench/workload"
)

// pullSockets is how many sockets haproxystats-pull reads, each of size M.
const pullSockets = 64

func processSubject(size workload.Size) string { return "Process/size=" + size.Name }

func pullSubject(size workload.Size) string {
	return fmt.Sprintf("Pull/sockets=%dx%s", pullSockets, size.Name)
}

// centralSubject is a step of central processing for a snapshot of a node.
func centralSubject(size workload.Size, step string) string {
	return "Central/size=" + size.Name + "/step=" + step
}

// The units that goals are stated in.
const (
	unitCPU       = "cpu-ms"
	unitRatio     = "x-wc-l"  // CPU time as a multiple of that of "wc -l"
	unitCopies    = "x-copy"  // CPU time as a multiple of that of a plain copy
	unitParses    = "x-parse" // CPU time as a multiple of that of parsing the same snapshot
	unitKB        = "KB"
	unitPeak      = "peak-MB"
	unitFirstLine = "first-line-ms" // from the start of the program
)

// goal returns what the project set itself, 0 where it set nothing.
func goal(subject, unit string) float64 {
	for _, g := range []struct {
		subject, unit string
		value         float64
	}{
		{processSubject(workload.L), unitRatio, 12},
		{processSubject(workload.L), unitPeak, 96},
		{processSubject(workload.M), unitCPU, 55},
		{processSubject(workload.M), unitPeak, 48},
		{processSubject(workload.S), unitFirstLine, 30},
		{centralSubject(workload.S, "encode"), unitKB, 25},
		{centralSubject(workload.M, "encode"), unitKB, 800},
		{centralSubject(workload.L, "encode"), unitKB, 3200},
		{centralSubject(workload.S, "encode"), unitCPU, 1},
		{centralSubject(workload.M, "encode"), unitCPU, 15},
		{centralSubject(workload.L, "encode"), unitCPU, 70},
		{centralSubject(workload.S, "merge"), unitCPU, 0.4},
		{centralSubject(workload.M, "merge"), unitCPU, 10},
		{centralSubject(workload.L, "merge"), unitCPU, 40},
		{centralSubject(workload.M, "send"), unitCPU, 60},
		{centralSubject(workload.L, "send"), unitCPU, 450},
		{centralSubject(workload.M, "assemble"), unitCPU, 20},
		{centralSubject(workload.L, "assemble"), unitCPU, 170},
		{pullSubject(workload.M), unitCPU, 240},
		{pullSubject(workload.M), unitCopies, 1.15},
		{pullSubject(workload.M), unitPeak, 24},
	} {
		if g.subject == subject && g.unit == unit {
			return g.value
		}
	}
	return 0
}

// results collects rows in the order in which their subjects first appear.
type results struct{ rows []report.Row }

// add records one value.
func (r *results) add(subject, program, unit string, value float64) {
	limit := 0.0
	if program == Ours {
		limit = goal(subject, unit)
	}
	name := subject + "/program=" + program
	for i := range r.rows {
		if r.rows[i].Name == name {
			r.rows[i].Add(unit, value, limit)
			return
		}
	}
	row := report.Row{Name: name}
	row.Add(unit, value, limit)
	r.rows = append(r.rows, row)
}
