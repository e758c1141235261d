package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// withDowntime returns the snapshot of a socket after a reload: the current worker has
// counted 3 seconds of downtime, and the workers before it as many as given.
func withDowntime(t *testing.T, socket string, before int64, role snapshot.Role, status string) snapshot.Snapshot {
	t.Helper()
	text := fmt.Appendf(nil, "haproxystats base 1\ngeneration 1\ncolumns stot,downtime\nrow 2 1 - \"app\" \"a1\" 1000,%d\nrow 1 1 - \"app\" \"BACKEND\" 1000,%d\n", before, before)
	text = fmt.Appendf(text, "end %08x\n", snapshot.Sum(0, text))
	s := accounted(t, role)
	files := snapshot.Memory{}
	for name, data := range s.Files.(snapshot.Memory) {
		files[socket+strings.TrimPrefix(name, "s")] = data
	}
	files[socket+snapshot.BaseSuffix] = text
	files[socket+snapshot.StatSuffix] = []byte(strings.ReplaceAll(currentStat, "app,a1,1,5,,4,1,UP", "app,a1,1,5,,4,1,"+status))
	files[socket+snapshot.InfoSuffix] = []byte(strings.ReplaceAll(currentInfo, "Pid: 2", "Pid: 2"+fmt.Sprint(before)))
	s.Files = files
	s.Round.Accounts[0].Socket = socket
	return s
}

// otherValue returns a value of outputs other than Graphite as a float64.
func otherValue(b *metric.Batch, scope metric.Scope, parent, name, column string) (float64, bool) {
	for _, t := range b.Tables {
		if t.Scope() != scope {
			continue
		}
		c := slices.IndexFunc(t.Columns(), func(c metric.Column) bool { return c.Name == column && c.Outputs.ForOthers() })
		for _, row := range t.Rows() {
			if e := t.Entity(row); c >= 0 && e.Parent == parent && e.Name == name {
				v, ok := t.At(row, c)
				return v.Number(), ok
			}
		}
	}
	return 0, false
}

// TestSeriesOfAccounts: over reloads, the downtime of outputs other than Graphite is the
// mean of the totals of all sockets, and only the current workers say what state something
// is in.
func TestSeriesOfAccounts(t *testing.T) {
	for _, role := range []snapshot.Role{snapshot.Old, snapshot.Stale, snapshot.Silent} {
		t.Run(string(role), func(t *testing.T) {
			one := withDowntime(t, "s", 60, role, "UP")
			two := withDowntime(t, "u", 20, role, "DOWN")
			whole := snapshot.Snapshot{Epoch: one.Epoch, Files: snapshot.Memory{}, Round: &snapshot.Round{}}
			for _, s := range []snapshot.Snapshot{one, two} {
				for name, data := range s.Files.(snapshot.Memory) {
					whole.Files.(snapshot.Memory)[name] = data
				}
				whole.Round.Accounts = append(whole.Round.Accounts, s.Round.Accounts...)
			}
			rank := func(scope catalogue.Scopes, state string) float64 {
				return float64(slices.Index(catalogue.States(scope, columnStatus), state))
			}
			for _, c := range []struct {
				name            string
				s               snapshot.Snapshot
				sockets         float64
				downtime, state float64
			}{
				{"one socket", one, 1, 63, rank(catalogue.Server, "UP")},
				{"the other one", two, 1, 23, rank(catalogue.Server, "DOWN")},
				{"both", whole, 2, (63 + 23) / 2, rank(catalogue.Server, "DOWN")},
			} {
				b := batch(t, Options{Series: true}, c.s)
				for _, want := range []struct {
					scope                metric.Scope
					parent, name, column string
					value                float64
				}{
					{metric.Server, "app", "a1", "downtime", c.downtime},
					{metric.Backend, "", "app", "downtime", c.downtime},
					{metric.Server, "app", "a1", "stot", 1004 * c.sockets},
					{metric.Server, "app", "a1", columnStatus, c.state},
					{metric.Frontend, "", "web", columnStatus, rank(catalogue.Frontend, "UP")}, // the old worker says STOP
					{metric.Backend, "", "app", columnStatus, rank(catalogue.Backend, "UP")},
				} {
					got, ok := otherValue(b, want.scope, want.parent, want.name, want.column)
					if !ok || got != want.value {
						t.Errorf("%s: %s %s/%s %s: got %v, %t, want %v", c.name, want.scope, want.parent, want.name, want.column, got, ok, want.value)
					}
				}
				if got, ok := otherValue(b, metric.Server, "app", "gone", columnStatus); ok {
					t.Errorf("%s: got state %v of a server that only the old worker has, want none", c.name, got)
				}
			}
		})
	}
}
