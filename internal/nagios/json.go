package nagios

import (
	"encoding/json"
	"io"
	"math"
	"strings"
)

// document is the JSON form of a result. docs/monitoring.md describes it.
type document struct {
	Check   string     `json:"check"`
	Status  string     `json:"status"`
	Message string     `json:"message"`
	Values  []value    `json:"values"`
	Details []string   `json:"details,omitempty"`
	Checks  []document `json:"checks,omitempty"`
}

type value struct {
	Name     string       `json:"name"`
	Value    *json.Number `json:"value"` // null if it is not known
	Unit     string       `json:"unit"`
	Warning  string       `json:"warning,omitempty"`
	Critical string       `json:"critical,omitempty"`
	Min      json.Number  `json:"min,omitempty"`
	Max      json.Number  `json:"max,omitempty"`
}

// WriteJSON writes the whole result as one JSON document, with all details and the metrics
// of all parts. The numbers are those that Write writes.
func (r Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r.document())
}

func (r Result) document() document {
	d := document{Check: strings.ToLower(r.Name), Status: r.Status.String(), Message: visible(r.Text), Values: []value{}}
	for _, text := range r.Details {
		d.Details = append(d.Details, visible(text))
	}
	for _, p := range r.Parts {
		d.Checks = append(d.Checks, p.document())
	}
	if r.Parts == nil { // else the parts have the values
		for _, m := range r.Metrics {
			d.Values = append(d.Values, m.value())
		}
	}
	return d
}

func (m Metric) value() value {
	v := value{Name: visible(m.Label), Unit: m.Unit}
	if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
		number := json.Number(rounded(m.Value, decimals(m.Unit)))
		v.Value = &number
	}
	if m.Warn != nil {
		v.Warning = m.Warn.String()
	}
	if m.Crit != nil {
		v.Critical = m.Crit.String()
	}
	if m.Limited {
		v.Min = "0"
		if m.Max > 0 {
			v.Max = json.Number(rounded(m.Max, decimals(m.Unit)))
		}
	}
	return v
}
