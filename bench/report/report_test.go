package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func rows() []Row {
	var original, ours Row
	original.Name = "Process/size=L/program=original"
	original.Add("cpu-ms", 15200, 0)
	original.Add("peak-MB", 746, 0)
	original.Add("cpu-ms", 15400, 0)
	ours.Name = "Process/size=L/program=ours"
	for _, v := range []float64{170, 160, 165} {
		ours.Add("cpu-ms", v, 0)
	}
	for _, v := range []float64{8.25, 7.5, 7.625} {
		ours.Add("x-wc-l", v, 12)
	}
	ours.Add("peak-MB", 97, 96)
	return []Row{original, ours}
}

// lines splits text and drops the blanks that align it on the right.
func lines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines
}

// TestVerdict: a goal is what is not to be exceeded.
func TestVerdict(t *testing.T) {
	for _, median := range []float64{11.9, 12, 12.1} {
		c := Cell{Values: []float64{1, median, 99}, Goal: 12}
		if met := strings.HasSuffix(c.verdict(), "\tmet"); met != (median <= 12) {
			t.Errorf("%v of 12: %q", median, c.verdict())
		}
	}
}

func TestTable(t *testing.T) {
	var got strings.Builder
	if err := Table(&got, rows()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"                          subject  median    min    max     unit  goal",
		"  Process/size=L/program=original   15300  15200  15400   cpu-ms",
		"  Process/size=L/program=original     746    746    746  peak-MB",
		"      Process/size=L/program=ours     165    160    170   cpu-ms",
		"      Process/size=L/program=ours    7.62   7.50   8.25   x-wc-l  12.0     met",
		"      Process/size=L/program=ours    97.0   97.0   97.0  peak-MB  96.0  missed",
	}
	if diff := cmp.Diff(want, lines(got.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestSideBySide(t *testing.T) {
	var got strings.Builder
	if err := SideBySide(&got, rows(), "original", "ours"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"         subject     unit  original  ours  factor",
		"  Process/size=L   cpu-ms     15300   165    92.7",
		"  Process/size=L  peak-MB       746  97.0    7.69",
	}
	if diff := cmp.Diff(want, lines(got.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestBenchstat(t *testing.T) {
	var got strings.Builder
	if err := Benchstat(&got, rows()); err != nil {
		t.Fatal(err)
	}
	want := `BenchmarkProcess/size=L/program=original 1 15200 cpu-ms 746 peak-MB
BenchmarkProcess/size=L/program=original 1 15400 cpu-ms
BenchmarkProcess/size=L/program=ours 1 170 cpu-ms 8.25 x-wc-l 97 peak-MB
BenchmarkProcess/size=L/program=ours 1 160 cpu-ms 7.5 x-wc-l
BenchmarkProcess/size=L/program=ours 1 165 cpu-ms 7.625 x-wc-l
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 2, 9}, 3},
	} {
		if got := Median(tt.values); got != tt.want {
			t.Errorf("Median(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
}
