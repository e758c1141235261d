package config

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/catalogue"
)

type pythonValue struct {
	Text                string
	Int, Float, Boolean *string // nil where Python refuses the text
}

func TestValuesLikePython(t *testing.T) {
	data, err := os.ReadFile("testdata/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var values []pythonValue
	if err := json.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	if len(values) < 80 {
		t.Fatalf("%d values recorded, want at least 80", len(values))
	}
	for _, v := range values {
		if n, err := parseInt(v.Text); (err == nil) != fitsInt(v.Int) || err == nil && strconv.FormatInt(n, 10) != *v.Int {
			t.Errorf("parseInt(%q) = %d, %v, want %s", v.Text, n, err, show(v.Int))
		}
		f, err := parseFloat(v.Text)
		want, finite := finiteFloat(t, v.Float)
		if (err == nil) != finite || f != want {
			t.Errorf("parseFloat(%q) = %g, %v, want %s", v.Text, f, err, show(v.Float))
		}
		b, err := boolean.parse(v.Text)
		if (err == nil) != (v.Boolean != nil) || err == nil && b != (*v.Boolean == "True") {
			t.Errorf("boolean(%q) = %t, %v, want %s", v.Text, b, err, show(v.Boolean))
		}
	}
}

// fitsInt reports whether Python has an int that is one of Go too.
func fitsInt(text *string) bool {
	if text == nil {
		return false
	}
	_, err := strconv.ParseInt(*text, 10, 64)
	return err == nil
}

func finiteFloat(t *testing.T, text *string) (float64, bool) {
	t.Helper()
	if text == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(*text, 64)
	if err != nil {
		t.Fatalf("recorded float %q: %v", *text, err)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

func show(text *string) string {
	if text == nil {
		return "an error"
	}
	return *text
}

func TestRecordedValuesAreTrue(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to ask")
	}
	got, err := exec.Command(python, "testdata/values.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/values.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("testdata/values.json is not what python3 testdata/values.py says: record it anew")
	}
}

func TestSeconds(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"0", 0, true},
		{"-0", 0, true},
		{"0.5", 500 * time.Millisecond, true},
		{"1e-12", 1, true}, // not 0, which means no limit
		{"1e3", 1000 * time.Second, true},
		{"1000000000", maxSeconds * time.Second, true},
		{"1000000001", 0, false},
		{"-0.1", 0, false},
	} {
		if got, err := anySeconds.parse(tt.text); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("seconds(%q) = %v, %v, want %v, %t", tt.text, got, err, tt.want, tt.ok)
		}
	}
}

func TestWholeSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1": time.Second, "1_000_000_000": maxSeconds * time.Second,
		"0": 0, "-1": 0, "0.5": 0, "1000000001": 0, "9223372036854775807": 0,
	} {
		if got, err := wholeSeconds.parse(text); (err == nil) != (want > 0) || err == nil && got != want {
			t.Errorf("whole seconds %q: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestSocketFile(t *testing.T) {
	longest := strings.Repeat("x", maxSocketName)
	for text, ok := range map[string]bool{
		"": true, "s": true, "/a/s": true, "/" + longest + "/" + longest: true, longest: true,
		"/a/": false, "/a/x" + longest: false, "x" + longest: false, "a\nb": false,
	} {
		if _, err := socketFile.parse(text); (err == nil) != ok {
			t.Errorf("socket %q: %v, want ok %t", text, err, ok)
		}
	}
}

func TestMetricNames(t *testing.T) {
	for text, scope := range map[string]catalogue.Scopes{
		"bin h1req": catalogue.Frontend, "qcur agg_check_status": catalogue.Backend, "srv_icur throttle": catalogue.Server,
	} {
		for _, at := range []catalogue.Scopes{catalogue.Frontend, catalogue.Backend, catalogue.Server} {
			names, err := parseMetrics(text, at, "these")
			if (err == nil) != (at == scope) || err == nil && !slices.Equal(names, catalogue.ParseList(text)) {
				t.Errorf("%q at scope %d: %v, %v", text, at, names, err)
			}
		}
	}
}

func TestGraphitePath(t *testing.T) {
	for text, ok := range map[string]bool{
		"loadbalancers": true, "prod.lb-eu": true, "café.lb_1": true, "a.b.c": true,
		"": false, ".a": false, "a.": false, "a..b": false, "a b": false, "a\tb": false,
		"a;b": false, "a/b": false, "a\u2003b": false, "a\x00": false, "a\nb": false,
	} {
		if _, err := parseGraphitePath(text); (err == nil) != ok {
			t.Errorf("parseGraphitePath(%q): %v, want ok %t", text, err, ok)
		}
	}
}
