package config

import "testing"

// TestCounters takes raw counters for the default where metrics are those of the
// original.
func TestCounters(t *testing.T) {
	for _, c := range []struct {
		set     MetricSet
		written Counters
		raw     bool
	}{
		{MetricsAll, "", false},
		{MetricsAll, CountersRaw, true},
		{MetricsAll, CountersTotal, false},
		{MetricsClassic, "", true},
		{MetricsClassic, CountersTotal, false},
	} {
		p := Process{MetricSet: c.set, Counters: c.written}
		if got := p.IsRaw(); got != c.raw {
			t.Errorf("metric-set = %s, counters = %q: got raw: %t, want %t", c.set, c.written, got, c.raw)
		}
	}
}
