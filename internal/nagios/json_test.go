package nagios

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteJSON(t *testing.T) {
	warn, crit := Above(60), Range{Start: math.Inf(-1), End: 4, Inside: true}
	r := Result{
		Name: "ALL", Status: Critical, Text: "a | b\u202e <c>\xff",
		Metrics: []Metric{{Label: "left to the parts", Value: 1}},
		Parts: []Result{
			{
				Name: "QUEUE", Status: Unknown, Text: "first", Details: []string{"one\ntwo"},
				Metrics: []Metric{
					{Label: "queue", Value: 3, Warn: &warn, Crit: &crit, Limited: true, Max: 360},
					{Label: "age", Value: 1.00049, Unit: "s", Limited: true},
					{Label: "sent", Value: 12345678901, Unit: "c"},
					{Label: "not known", Value: math.NaN(), Unit: "s"},
				},
			},
			{Name: "AGE", Status: OK, Text: "second"},
		},
	}
	const want = `{"check": "all", "status": "CRITICAL", "message": "a | b  <c>?", "values": [], "checks": [
		{"check": "queue", "status": "UNKNOWN", "message": "first", "details": ["one two"], "values": [
			{"name": "queue", "value": 3, "unit": "", "warning": "60", "critical": "@~:4", "min": 0, "max": 360},
			{"name": "age", "value": 1, "unit": "s", "min": 0},
			{"name": "sent", "value": 12345678901, "unit": "c"},
			{"name": "not known", "value": null, "unit": "s"}]},
		{"check": "age", "status": "OK", "message": "second", "values": []}]}`
	var out strings.Builder
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), `\u003c`) {
		t.Errorf("got %s, want < as it is", out.String())
	}
	decode := func(text string) (v any) {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return v
	}
	if diff := cmp.Diff(decode(want), decode(out.String())); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestWriteParts(t *testing.T) {
	r := Result{
		Name: "ALL", Status: Warning, Text: "1 of 2", Metrics: []Metric{{Label: "a", Value: 1}}, Details: []string{"last"},
		Parts: []Result{
			{Name: "A", Status: Warning, Text: "x | y\nz", Details: []string{"more|"}, Metrics: []Metric{{Label: "b", Value: 1}}},
			{Name: "B", Status: OK, Text: "fine"},
		},
	}
	for details, want := range map[bool]string{
		false: "ALL WARNING: 1 of 2 | 'a'=1\nA WARNING: x / y z\nB OK: fine\n",
		true:  "ALL WARNING: 1 of 2 | 'a'=1\nA WARNING: x / y z\nmore/\nB OK: fine\nlast\n",
	} {
		var out strings.Builder
		if err := r.Write(&out, details); err != nil || out.String() != want {
			t.Errorf("details %t: got %q, %v, want %q", details, out.String(), err, want)
		}
	}
}
