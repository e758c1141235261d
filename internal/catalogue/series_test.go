package catalogue

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// mistyped are the fields that HAProxy's exporter has as a counter or a gauge although
// they are the other.
const mistyped = "PipesUsed PipesFree CompressBpsIn CompressBpsOut PatternsAdded PatternsFreed " +
	"h1_open_connections h1_open_streams h2_open_connections h2_backend_open_streams quic_half_open_conn"

// eachSeries calls f with each series, those of modules included, and its field.
func eachSeries(t *testing.T, f func(Series, Field)) {
	t.Helper()
	for _, s := range AllSeries() {
		field, ok := LookupStat(s.Field)
		if s.In == Daemon {
			field, ok = LookupInfo(s.Field)
		}
		if !ok {
			t.Errorf("%s is made of the field %s, which is not in the catalogue", s.Name, s.Field)
			continue
		}
		f(s, field)
	}
	for _, field := range StatFields() {
		for _, scope := range []Scopes{Frontend, Backend, Server, Listener} {
			if s, ok := moduleSeries(scope, field.Name); ok {
				f(s, field)
			}
		}
	}
}

func TestSeriesOfFields(t *testing.T) {
	counted, wrong := map[string]int{}, map[string]bool{}
	eachSeries(t, func(s Series, f Field) {
		counted[s.Label]++
		if f.In&s.In == 0 {
			t.Errorf("%s: the field %s is not in the scope", s.Name, s.Field)
		}
		if want := (s.Type == Counter); f.IsCounter() != want && s.Label != "state" {
			if s.Field != "downtime" { // a Duration by its nature, and it only grows
				wrong[s.Field] = true
			}
		}
		if s.Scale != f.Scale() && s.Field != "Uptime_sec" {
			t.Errorf("%s has the scale %v, and the field %s has %v", s.Name, s.Scale, s.Field, f.Scale())
		}
		if seconds := s.Scale == 0.001; seconds && !strings.HasSuffix(s.Name, "_seconds") {
			t.Errorf("%s is in seconds", s.Name)
		}
		if f.Combine == Never && s.Label == "" && s.Field != "Process_num" {
			t.Errorf("%s has no label, and the field %s is a text", s.Name, s.Field)
		}
	})
	if want := strings.Fields(mistyped); !slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(maps.Keys(wrong))) {
		t.Errorf("got fields whose type is not their nature %v, want %v", slices.Sorted(maps.Keys(wrong)), want)
	}
	// The exporter of 3.5 has 449 of `show info` and `show stat`, and four have an older
	// spelling.
	if n := counted[""] + counted["code"] + counted["mod"] + counted["state"] + counted["node"] + counted["desc"] + counted["version"]; n != 453 || counted["code"] != 18 || counted["mod"] != 198 {
		t.Errorf("got %d series, %v, want 453, 18 with a code and 198 of modules", n, counted)
	}
}

// TestSeriesAreTold: a row has no two series of one name and label, but for older
// spellings of a field.
func TestSeriesAreTold(t *testing.T) {
	type identity struct {
		in                 Scopes
		name, label, value string
		older              bool
	}
	seen := make(map[identity]string)
	eachSeries(t, func(s Series, _ Field) {
		id := identity{s.In, s.Name, s.Label, s.Value, s.IsOlder()}
		if other := seen[id]; other != "" {
			t.Errorf("%s is made of %s and of %s", s.Name, other, s.Field)
		}
		seen[id] = s.Field
		id.older = false
		if s.IsOlder() && seen[id] == "" {
			t.Errorf("%s of %s has no newer spelling before it", s.Name, s.Field)
		}
	})
}

func TestLookupSeries(t *testing.T) {
	for _, c := range []struct {
		scope Scopes
		field string
		name  string
	}{
		{Frontend, "scur", "haproxy_frontend_current_sessions"},
		{Server, "scur", "haproxy_server_current_sessions"},
		{Server, "dreq", ""},
		{Daemon, "Unstoppable Jobs", "haproxy_process_unstoppable_jobs"},
		{Backend, "quic_lost_pkt", "haproxy_backend_quic_lost_pkt"},
		{Backend, "quic_new_in_a_later_version", "haproxy_backend_quic_new_in_a_later_version"},
		{Server, "quic_lost_pkt", ""},
		{Daemon, "ssl_sess", ""},
		{Frontend, "h1sess", ""},
		{Frontend, "brand_new", ""},
	} {
		if s, ok := LookupSeries(c.scope, c.field); s.Name != c.name || ok != (c.name != "") {
			t.Errorf("%s in scope %d: got %q, want %q", c.field, c.scope, s.Name, c.name)
		}
	}
}
