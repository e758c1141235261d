package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Cell is one measured quantity of a subject: a value for each repetition.
type Cell struct {
	Unit   string
	Values []float64
	// Goal is the value not to exceed; 0 where there is none.
	Goal float64
}

// Row is what was measured of one subject.
type Row struct {
	// Name has the form Process/size=L/program=ours: benchstat compares by
	// its parts.
	Name  string
	Cells []Cell
}

// Add appends one repetition's value to the cell of that unit.
func (r *Row) Add(unit string, value, goal float64) {
	for i := range r.Cells {
		if r.Cells[i].Unit == unit {
			r.Cells[i].Values = append(r.Cells[i].Values, value)
			return
		}
	}
	r.Cells = append(r.Cells, Cell{Unit: unit, Values: []float64{value}, Goal: goal})
}

// Value returns the median of the cell of that unit, and whether there is one.
func (r *Row) Value(unit string) (float64, bool) {
	for _, c := range r.Cells {
		if c.Unit == unit {
			return Median(c.Values), true
		}
	}
	return 0, false
}

// Median returns the middle value, or the mean of the two middle ones. It is 0
// for no values.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Table writes a line for every cell: median, smallest and largest value, and
// how the median stands to the goal.
func Table(w io.Writer, rows []Row) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "subject\tmedian\tmin\tmax\tunit\tgoal\t\t")
	for _, r := range rows {
		for _, c := range r.Cells {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t\n",
				r.Name, number(Median(c.Values)), number(slices.Min(c.Values)), number(slices.Max(c.Values)),
				c.Unit, c.verdict())
		}
	}
	return tw.Flush()
}

// verdict says what the goal is and whether the median meets it.
func (c Cell) verdict() string {
	switch {
	case c.Goal == 0:
		return "\t"
	case Median(c.Values) <= c.Goal:
		return number(c.Goal) + "\tmet"
	default:
		return number(c.Goal) + "\tmissed"
	}
}

// SideBySide writes, for every quantity that two subjects share, both medians
// and how many times smaller the second one is. The names of the subjects end in
// /program=first and /program=second.
func SideBySide(w io.Writer, rows []Row, first, second string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "subject\tunit\t%s\t%s\tfactor\t\n", first, second)
	for _, a := range rows {
		subject, ok := strings.CutSuffix(a.Name, "/program="+first)
		if !ok {
			continue
		}
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == subject+"/program="+second })
		if i < 0 {
			continue
		}
		for _, c := range a.Cells {
			other, ok := rows[i].Value(c.Unit)
			if !ok {
				continue
			}
			factor := "-"
			if other != 0 {
				factor = number(Median(c.Values) / other)
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t\n", subject, c.Unit, number(Median(c.Values)), number(other), factor)
		}
	}
	return tw.Flush()
}

// number prints three significant digits, and large numbers in full.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Benchstat writes a line for every repetition in the format of "go test
// -bench".
func Benchstat(w io.Writer, rows []Row) error {
	var text strings.Builder
	for _, r := range rows {
		repetitions := 0
		for _, c := range r.Cells {
			repetitions = max(repetitions, len(c.Values))
		}
		for i := range repetitions {
			fmt.Fprintf(&text, "Benchmark%s 1", r.Name)
			for _, c := range r.Cells {
				if i < len(c.Values) {
					fmt.Fprintf(&text, " %g %s", c.Values[i], c.Unit)
				}
			}
			text.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
