package faults

import (
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// TestKillPull kills pull at random times.
func TestKillPull(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "kill -9 of pull", noConflict)
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 4})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port()})
	watch := s.WatchQueue(s.Incoming())
	process := s.Start(harness.Process, conf)

	kills := harness.Count(12, 1000)
	for range kills {
		pull := s.Start(harness.Pull, conf)
		// A pull that starts in the second of the last snapshot waits for the next.
		s.Pause(time.Duration(random.Int64N(int64(1300 * time.Millisecond))))
		pull.Kill()
		row.Inject(1)
	}
	pull := s.Start(harness.Pull, conf)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
	}))
}
