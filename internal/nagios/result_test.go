package nagios

import (
	"math"
	"regexp"
	"strings"
	"testing"
)

func TestMetric(t *testing.T) {
	warn, crit := Above(60), AtLeast(4)
	for want, m := range map[string]Metric{
		"'queue'=3":                          {Label: "queue", Value: 3},
		"'queue'=3;60;4:;0;360":              {Label: "queue", Value: 3, Warn: &warn, Crit: &crit, Limited: true, Max: 360},
		"'age'=0.25s;;;0":                    {Label: "age", Value: 0.25, Unit: "s", Limited: true},
		"'sent'=12345678901c":                {Label: "sent", Value: 12345678901, Unit: "c"},
		"'size'=1000000B;60":                 {Label: "size", Value: 1e6, Unit: "B", Warn: &warn},
		"'a b_c_d''e_'=U;;4:":                {Label: "a b=c|d'e\u202e", Value: math.NaN(), Unit: "s", Crit: &crit},
		"'silence'=1.964s;;;0":               {Label: "silence", Value: 1.9639999866485596, Unit: "s", Limited: true},
		"'up'=1.128s;1.1279999;~:0.1":        {Label: "up", Value: 1.128000020980835, Unit: "s", Warn: &Range{End: 1.1279999}, Crit: &Range{Start: math.Inf(-1), End: 0.1}},
		"'none'=0s;;;0;2.5":                  {Label: "none", Value: -1e-9, Unit: "s", Limited: true, Max: 2.4999999999},
		"'long'=1000s":                       {Label: "long", Value: 999.99951, Unit: "s"},
		"'share'=33.333333%;;;0;100":         {Label: "share", Value: 100.0 / 3, Unit: "%", Limited: true, Max: 100},
		"'never'=U":                          {Label: "never", Value: math.Inf(1)},
		"'below'=-1.5;@~:10;0;0":             {Label: "below", Value: -1.5, Warn: &Range{math.Inf(-1), 10, true}, Crit: &Range{}, Limited: true},
		"'bad " + string('_') + "'=0.000001": {Label: "bad \xff", Value: 1e-6},
	} {
		if got := m.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestWrite(t *testing.T) {
	r := Result{
		Name: "QUEUE", Status: Warning, Text: "3 | 4\nand\u200b more",
		Metrics: []Metric{{Label: "queue", Value: 3}, {Label: "age", Value: 1, Unit: "s"}},
		Details: []string{"first|", "second\nthird"},
	}
	for details, want := range map[bool]string{
		false: "QUEUE WARNING: 3 / 4 and  more | 'queue'=3 'age'=1s\n",
		true:  "QUEUE WARNING: 3 / 4 and  more | 'queue'=3 'age'=1s\nfirst/\nsecond third\n",
	} {
		var out strings.Builder
		if err := r.Write(&out, details); err != nil || out.String() != want {
			t.Errorf("%q, %v; want %q", out.String(), err, want)
		}
	}
	long := Result{Name: "X", Status: OK, Text: strings.Repeat("ä", 2000), Details: make([]string, 1000)}
	var out strings.Builder
	if err := long.Write(&out, true); err != nil || out.Len() > 700 || strings.Count(out.String(), "\n") != 1+maxDetails || !strings.Contains(out.String(), "ä...\n") {
		t.Errorf("%d bytes, %v: %s", out.Len(), err, out.String())
	}
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		of   []Status
		want Status
	}{
		{nil, OK},
		{[]Status{OK, Warning, OK}, Warning},
		{[]Status{Unknown, Warning}, Unknown},
		{[]Status{Critical, Unknown}, Critical},
	} {
		if got := Worst(c.of...); got != c.want {
			t.Errorf("%v: %v, want %v", c.of, got, c.want)
		}
	}
	if got := []string{OK.String(), Warning.String(), Critical.String(), Unknown.String(), Status(7).String()}; strings.Join(got, " ") != "OK WARNING CRITICAL UNKNOWN UNKNOWN" {
		t.Errorf("%q", got)
	}
}

// firstLine is what a reader of plugins' output expects of a first line.
var firstLine = regexp.MustCompile(`\A[^|\n]*( \| '([^'=\n|]|'')*'=(U|-?[0-9.]+(s|c|B|%)?)[^|\n]*)?\n\z`)

// FuzzWrite has texts and labels that try to be something else.
func FuzzWrite(f *testing.F) {
	f.Add("text", "label", 1.5)
	f.Add("a|b\nc", "l'='=1;2", math.Inf(-1))
	f.Fuzz(func(t *testing.T, text, label string, value float64) {
		var out strings.Builder
		r := Result{Name: "N", Text: text, Metrics: []Metric{{Label: label, Value: value, Unit: "s"}}, Details: []string{text}}
		if err := r.Write(&out, false); err != nil {
			t.Fatal(err)
		}
		if !firstLine.MatchString(out.String()) {
			t.Errorf("%q", out.String())
		}
		out.Reset()
		if err := r.Write(&out, true); err != nil || strings.Count(out.String(), "\n") != 2 || strings.Count(out.String(), "|") != 1 {
			t.Errorf("%q", out.String())
		}
	})
}
