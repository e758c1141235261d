package suite

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/bench/report"
	"haproxystats/bench/workload"
)

func TestResultsKeepSubjectsApartAndSetGoals(t *testing.T) {
	var r results
	r.add(processSubject(workload.L), "original", unitPeak, 746)
	r.add(processSubject(workload.L), Ours, unitPeak, 53)
	r.add(processSubject(workload.L), "original", unitPeak, 750)
	r.add(processSubject(workload.L), Ours, "lines", 1000)
	want := []report.Row{
		{Name: "Process/size=L/program=original", Cells: []report.Cell{
			{Unit: "peak-MB", Values: []float64{746, 750}},
		}},
		{Name: "Process/size=L/program=ours", Cells: []report.Cell{
			{Unit: "peak-MB", Values: []float64{53}, Goal: 96},
			{Unit: "lines", Values: []float64{1000}},
		}},
	}
	if diff := cmp.Diff(want, r.rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
