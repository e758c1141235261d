package nagios

import (
	"io"
	"strings"

	"haproxystats/internal/printable"
)

const (
	// maxLine bounds the first line: some transports cut results at 1 KB, which must
	// also hold performance data. maxDetails bounds the lines behind it.
	maxLine    = 512
	maxDetails = 64
)

// Result is the outcome of a check.
type Result struct {
	// Name is the name of the check, in upper case.
	Name   string
	Status Status
	// Text is one line for people.
	Text string
	// Metrics are the values behind it.
	Metrics []Metric
	// Details are further lines, shown on demand.
	Details []string
}

// Write writes the result: one line with the metrics behind a bar, then the details
// if wanted.
func (r Result) Write(w io.Writer, details bool) error {
	var out strings.Builder
	out.WriteString(r.Name + " " + r.Status.String() + ": " + line(r.Text))
	for i, m := range r.Metrics {
		if i == 0 {
			out.WriteString(" |")
		}
		out.WriteString(" " + m.String())
	}
	out.WriteByte('\n')
	if details {
		for _, d := range r.Details[:min(maxDetails, len(r.Details))] {
			out.WriteString(line(d) + "\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// line turns any text into one line without a bar, which would begin the metrics.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '|':
			return '/'
		case printable.Hidden(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "..."
	}
	return text
}
