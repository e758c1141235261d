package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"haproxystats/internal/printable"
)

// Report has all findings.
type Report []Finding

// Number returns how many findings have the verdict.
func (r Report) Number(v Verdict) (n int) {
	for _, f := range r {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// Verdict returns the worst verdict of all findings.
func (r Report) Verdict() Verdict {
	switch {
	case r.Number(Error) > 0:
		return Error
	case r.Number(Warning) > 0:
		return Warning
	}
	return OK
}

// WriteText writes one line for each finding, its remedy below it, and a summary at
// the end.
func (r Report) WriteText(w io.Writer) error {
	width := 0
	for _, f := range r {
		width = max(width, len(f.Check))
	}
	var b strings.Builder
	for _, f := range r {
		fmt.Fprintf(&b, "%-8s %-*s ", f.Verdict, width, f.Check)
		if f.Subject != "" {
			b.WriteString(oneLine(f.Subject) + ": ")
		}
		b.WriteString(oneLine(f.Text) + "\n")
		if f.Remedy != "" {
			b.WriteString("         " + oneLine(f.Remedy) + "\n")
		}
	}
	fmt.Fprintf(&b, "%d ok, %s, %s, %d skipped\n",
		r.Number(OK), count(r.Number(Warning), "warning"), count(r.Number(Error), "error"), r.Number(Skipped))
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine replaces line breaks and control characters, which names and replies may
// contain.
func oneLine(text string) string { return printable.Replace(text, ' ') }

// WriteJSON writes one object with the summary and the findings.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(printable.JSON(w))
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Verdict  Verdict `json:"verdict"`
		OK       int     `json:"ok"`
		Warnings int     `json:"warnings"`
		Errors   int     `json:"errors"`
		Skipped  int     `json:"skipped"`
		Findings Report  `json:"findings"`
	}{r.Verdict(), r.Number(OK), r.Number(Warning), r.Number(Error), r.Number(Skipped), r})
}
