package plaintext

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// TestComponentsThatCarbonCantStore has names at and over the limits: carbon makes
// a directory of each component, and a file of the last with the suffix .wsp.
func TestComponentsThatCarbonCantStore(t *testing.T) {
	name := func(n int) string { return strings.Repeat("n", n) }
	for _, c := range []struct {
		what    string
		paths   Paths
		scope   metric.Scope
		entity  metric.Entity
		column  string
		stored  bool
		longest int
	}{
		{"a name", Paths{}, metric.Frontend, metric.Entity{Name: name(255)}, "scur", true, 0},
		{"a long name", Paths{}, metric.Frontend, metric.Entity{Name: name(256)}, "scur", false, 256},
		{"a long backend of a server", Paths{}, metric.Server, metric.Entity{Parent: name(257), Name: name(256)}, "scur", false, 257},
		{"a long server", Paths{}, metric.Server, metric.Entity{Parent: "b", Name: name(330)}, "scur", false, 330},
		{"a name of many bytes for each letter", Paths{}, metric.Backend, metric.Entity{Name: strings.Repeat("é", 128)}, "scur", false, 256},
		{"a name that gets shorter", Paths{}, metric.Backend, metric.Entity{Name: strings.Repeat("\u00a0", 200)}, "scur", true, 0},
		{"a field", Paths{}, metric.Daemon, metric.Entity{}, name(251), true, 0},
		{"a long field", Paths{}, metric.Daemon, metric.Entity{}, name(252), false, 252},
	} {
		t.Run(c.what, func(t *testing.T) {
			out, got := encode(t, New(c.paths), sinktest.One(c.scope, c.entity, c.column, 7))
			if c.longest > 0 && got.Limit != MaxComponent && got.Limit != maxLast {
				t.Errorf("got limit %d", got.Limit)
			}
			if stored := out != ""; stored != c.stored || got.Skipped > 0 == c.stored || len(got.Longest) != c.longest {
				t.Errorf("got %d bytes of lines, %d skipped, longest name of %d bytes; want it stored: %t, longest %d",
					len(out), got.Skipped, len(got.Longest), c.stored, c.longest)
			}
		})
	}
}

// TestNoticesAreToldOnce: also by several encoders of one sink.
func TestNoticesAreToldOnce(t *testing.T) {
	var log bytes.Buffer
	n := NewNotices(slog.New(slog.NewTextHandler(&log, nil)))
	long := sinktest.One(metric.Frontend, metric.Entity{Name: strings.Repeat("n", 1000)}, "scur", 7)
	b := metric.NewBuilder(metric.Backend, []metric.Column{{Name: "scur"}})
	for _, name := range []string{"a.b", "a_b", "a b"} {
		b.Touch(b.Row(metric.Entity{Name: name}))
	}
	meet := &metric.Batch{Tables: []*metric.Table{b.Table()}}
	for range 3 {
		for _, batch := range []*metric.Batch{long, meet} {
			_, result := encode(t, New(Paths{}), batch)
			n.Note(result)
		}
	}
	for message, want := range map[string]int{
		"metrics with a path too long for Graphite are left out": 1,
		"two names map to one path and are combined":             1,
		"pairs=2":                       1,
		strings.Repeat("n", maxShown+1): 0,
	} {
		if got := strings.Count(log.String(), message); got != want {
			t.Errorf("%.60q is told %d times, want %d", message, got, want)
		}
	}
	var none *Notices
	none.Note(Result{Skipped: 1}) // tells nothing
}
