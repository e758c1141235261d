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
	// Parts are the results of the checks that this one is made of; nil for one that is
	// made of none.
	Parts []Result
}

// Write writes the result: one line with the metrics behind a bar, then one line for each
// part, and the details if wanted.
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
	for _, p := range r.Parts {
		out.WriteString(p.Name + " " + p.Status.String() + ": " + line(p.Text) + "\n")
		if details {
			writeDetails(&out, p.Details)
		}
	}
	if details {
		writeDetails(&out, r.Details)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func writeDetails(out *strings.Builder, details []string) {
	for _, d := range details[:min(maxDetails, len(details))] {
		out.WriteString(line(d) + "\n")
	}
}

// line turns any text into one line without a bar, which would begin the metrics.
func line(text string) string {
	text = strings.ReplaceAll(visible(text), "|", "/")
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "..."
	}
	return text
}

// visible turns any text into one without characters that are not seen.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if printable.Hidden(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
