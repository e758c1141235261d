package config

import (
	"strings"
	"testing"

	"haproxystats/internal/catalogue"
)

// loadProcess loads a configuration of haproxystats-process, and returns its problems and
// warnings, a line each.
func loadProcess(t *testing.T, text string) (c Config, problems, warnings string) {
	t.Helper()
	loaded, err := assemble(ForProcess, []source{{"f", []byte(text)}}, nil, nil)
	if err != nil {
		problems = err.Error()
	}
	return loaded.Config, problems, Problems(loaded.Warnings).Error()
}

func TestMetricLists(t *testing.T) {
	for _, tt := range []struct{ list, problem, warning string }{
		{"scur", "", ""},
		{"h1_* -*_max", "", `no known column of servers matches "h1_*"`},
		{"-*_max", "", ""},
		{"hrsp_* -hrsp_other", "", ""},
		{"hrp_*", "", `no known column of servers matches "hrp_*"; did you mean "hrsp_1xx"?`},
		{"*tme", "", `matches "*tme"; did you mean`},
		{"newfangled_*", "", `it has an effect only if HAProxy is newer than this version of haproxystats. docs/metrics.md lists the columns`},
		{"scur -newfangled", "", `no known column of servers matches "newfangled"`},
		{"* -hrsp_5x", "", `did you mean "hrsp_5xx"?`},
		{"scur -smax", "", `"-smax" removes nothing, because no item before it takes what it matches. Write exclusions behind what they remove from`},
		{"-*_max scur -*_max", "", `"-*_max" removes nothing`},
		{"scurr", `no HAProxy version has a column "scurr"; did you mean "scur"?`, ""},
		{"scur -", "a hyphen without a name", ""},
		{"scur hrsp_[45]xx", `"hrsp_[45]xx" has brackets: only ` + "`*` and `?`", ""},
		{"scur -*", "the list takes no metric", ""},
		{"-*", "the list takes no metric", ""},
		{"-* scur", "", ""},
		{"pxname", `the column "pxname" is not a number`, ""},
		{"scur -pxname", `the column "pxname" is not a number`, ""},
		{"intercepted", `never filled for servers`, ""},
	} {
		c, problems, warnings := loadProcess(t, "[process]\nserver-metrics = "+tt.list+"\n")
		if tt.problem == "" && problems != "" || !strings.Contains(problems, tt.problem) {
			t.Errorf("%q: got problems %q, want %q", tt.list, problems, tt.problem)
		}
		if tt.warning == "" && warnings != "" || !strings.Contains(warnings, tt.warning) {
			t.Errorf("%q: got warnings %q, want %q", tt.list, warnings, tt.warning)
		}
		if problems == "" && len(c.Process.ServerMetrics) != len(strings.Fields(tt.list)) {
			t.Errorf("%q: got %v", tt.list, c.Process.ServerMetrics)
		}
	}
}

func TestDistanceToPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          int
	}{
		{"", "", 0},
		{"*", "abc", 0},
		{"a*", "abc", 0},
		{"*c", "abc", 0},
		{"a?c", "abc", 0},
		{"?", "", 1},
		{"b*", "abc", 1},
		{"hrp-*", "hrsp-1xx", 1},
		{"*-tme", "check-time", 1},
		{"abc", "abd", 1},
		{"x*y", "ab", 2},
	} {
		if got := distanceTo(tt.pattern, tt.name); got != tt.want {
			t.Errorf("distanceTo(%q, %q) = %d, want %d", tt.pattern, tt.name, got, tt.want)
		}
	}
}

// No list makes it panic, and one without a fault takes a metric, or may take one that is
// not known.
func FuzzMetricList(f *testing.F) {
	for _, s := range []string{"h2_* -*_max", "-*", "scur -", "* -*", "a[b]", "??? -*x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseMetrics(text, catalogue.Server, "servers")
		if err != nil {
			if err.Error() == "" {
				t.Error("a fault without a reason")
			}
			return
		}
		if !takesAny(list, catalogue.Server) {
			t.Errorf("%q takes nothing", text)
		}
		for i := range list {
			idle(list[:i], list[i], catalogue.Server, "servers")
		}
	})
}
