package catalogue

import (
	"slices"
	"testing"
)

// TestStates: both orders have the same states, for each series with the label "state" but
// those that count servers.
func TestStates(t *testing.T) {
	found := 0
	for _, s := range AllSeries() {
		ranked, shown := States(s.In, s.Field), StateLabels(s.In, s.Field)
		if s.Label != "state" || s.In == Backend && s.Field != "status" {
			if ranked != nil || shown != nil {
				t.Errorf("%s has the states %q and %q, want none", s.Name, ranked, shown)
			}
			continue
		}
		found++
		a, b := slices.Sorted(slices.Values(ranked)), slices.Sorted(slices.Values(shown))
		a = slices.DeleteFunc(a, func(s string) bool { return s == "" })
		if len(a) < 2 || !slices.Equal(a, b) {
			t.Errorf("%s has the states %q, and shows %q", s.Name, a, b)
		}
	}
	if found != 6 {
		t.Errorf("got %d fields with states, want 6", found)
	}
}

func TestOthersRule(t *testing.T) {
	for name := range others {
		f, info := LookupInfo(name)
		g, stat := LookupStat(name)
		switch {
		case info == stat:
			t.Errorf("%s is in info %t and in stat %t, want one of them", name, info, stat)
		case stat:
			f = g
		}
		if f.OthersRule(true) == f.Rule(true) {
			t.Errorf("%s has one rule", name)
		}
	}
	if f, _ := LookupStat("scur"); f.OthersRule(false) != Sum {
		t.Errorf("scur has the rule %d, want that of Graphite", f.OthersRule(false))
	}
}

// TestHTTPOnly: Graphite gets 0 for what is left out of other outputs, so the fields must be
// in the classic set.
func TestHTTPOnly(t *testing.T) {
	n := 0
	for _, f := range StatFields() {
		in := Scopes(0)
		for _, s := range []Scopes{Daemon, Frontend, Backend, Server, Listener} {
			if IsHTTPOnly(s, f.Name) {
				in |= s
			}
		}
		if in == 0 {
			continue
		}
		n++
		if in&^f.Classic != 0 || f.Combine != Sum {
			t.Errorf("%s is classic in %v, want %v; rule %d", f.Name, f.Classic, in, f.Combine)
		}
	}
	if n != 6 {
		t.Errorf("got %d fields, want 6", n)
	}
}
