package nagios

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestRanges(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		text  string
		want  Range
		good  []float64
		alert []float64
	}{
		{"10", Range{0, 10, false}, []float64{0, 5, 10}, []float64{-1, -0.1, 10.1, 11}},
		{"10:", Range{10, inf, false}, []float64{10, 11, 1e300}, []float64{9.9, 0, -1}},
		{"~:10", Range{-inf, 10, false}, []float64{-1e300, 0, 10}, []float64{10.1, 1e300}},
		{"10:20", Range{10, 20, false}, []float64{10, 15, 20}, []float64{9, 21}},
		{"@10:20", Range{10, 20, true}, []float64{9, 21}, []float64{10, 15, 20}},
		{"@10", Range{0, 10, true}, []float64{-1, 11}, []float64{0, 10}},
		{"0", Range{0, 0, false}, []float64{0}, []float64{1, -1}},
		{"~:", Range{-inf, inf, false}, []float64{-1, 0, 1}, nil},
		{"@~:", Range{-inf, inf, true}, nil, []float64{-1, 0, 1}},
		{"0:", Range{0, inf, false}, []float64{0, 1}, []float64{-1}},
		{"-5:-1", Range{-5, -1, false}, []float64{-5, -1}, []float64{0, -6}},
		{"1.5:2.5", Range{1.5, 2.5, false}, []float64{1.5, 2}, []float64{1, 3}},
		{"+3", Range{0, 3, false}, []float64{3}, []float64{4}},
		{"1e3", Range{0, 1000, false}, []float64{1000}, []float64{1001}},
	} {
		got, err := ParseRange(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.text, got, err, c.want)
			continue
		}
		for _, v := range c.good {
			if got.Alerts(v) {
				t.Errorf("%s alerts at %v", c.text, v)
			}
		}
		for _, v := range c.alert {
			if !got.Alerts(v) {
				t.Errorf("%s does not alert at %v", c.text, v)
			}
		}
	}
}

func TestBadRanges(t *testing.T) {
	for text, why := range map[string]string{
		"": "empty", "@": "empty", ":": "not a number", ":10": "not a number", "a": "not a number", "10:a": "not a number",
		"10x": "not a number", "20:10": "start is above", "10:20:30": "not a number", "~": "not a number", "10:~": "not a number",
		"inf": "not a number", "nan": "not a number", "0x1p4": "not a number", "1_0": "not a number", " 1": "not a number",
		"@@1": "not a number", "1e999": "not a number", "10:@20": "not a number",
	} {
		_, err := ParseRange(text)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), strconv.Quote(text)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, text := range []string{"10", "10:", "~:10", "10:20", "@10:20", "@~:", "0:", "@0:", "-1.5e2:", "0", ":", "1:0", "@"} {
		f.Add(text, 10.0)
	}
	f.Fuzz(func(t *testing.T, text string, value float64) {
		r, err := ParseRange(text)
		if err != nil {
			return
		}
		if r.Start > r.End || math.IsNaN(r.Start) || math.IsNaN(r.End) {
			t.Errorf("%q: %+v", text, r)
		}
		again, err := ParseRange(r.String())
		if err != nil || again != r {
			t.Errorf("%q: %+v is written %q, which is %+v, %v", text, r, r.String(), again, err)
		}
		inverse := r
		inverse.Inside = !r.Inside
		if r.Alerts(value) == inverse.Alerts(value) {
			t.Errorf("%v and %v say the same of %v", r, inverse, value)
		}
	})
}
