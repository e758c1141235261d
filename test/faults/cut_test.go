package faults

import (
	"sync/atomic"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// undelayed is how long another sink may take for a snapshot while Graphite
// fails.
const undelayed = 2 * time.Second

// TestConnectionIsCut has connections end after any number of bytes, in every
// way that they can, while local-store gets its snapshots.
func TestConnectionIsCut(t *testing.T) {
	for name, cut := range map[string]struct {
		kind    harness.Kind
		servers int
		// ahead is more than what the kernel takes ahead of the reader. Once
		// it has everything, a peer that ends politely without having read it
		// can't be told from one that has.
		ahead int64
	}{
		"reset":  {harness.Reset, 24, 0},
		"closed": {harness.Close, 24, 0},
		"ended":  {harness.Finish, 120, 16 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "connection to Graphite "+name+" at any byte", "0 torn, 0 lost; local-store undelayed")
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{Servers: cut.servers})
			graphite := s.Graphite(src)
			proxy := s.Proxy(graphite.Addr())
			if cut.ahead > 0 {
				proxy.Kill()
				proxy.SetWindow(2048)
				proxy.Restart()
			}
			conf := s.Configure(harness.Config{Port: proxy.Port(), LocalStore: true, Set: harness.Options{
				"graphite": {"retries": "-1", "interval": "0.01", "delay": "0.01"},
			}})
			watch := s.WatchQueue(s.Incoming())
			feeder := s.Feeder(src, s.Incoming())
			process := s.Start(harness.Process, conf)
			feeder.Next()
			s.WaitStored(undelayed, feeder.Epochs()...)
			size := s.StoredBytes(feeder.Epochs()[0]) - cut.ahead

			cuts := int64(harness.Count(60, 10_000))
			first := proxy.Connections()
			var next atomic.Int64
			proxy.SetPlan(func(int64) harness.Fault {
				n := next.Add(1)
				if n > cuts {
					return harness.Fault{}
				}
				return harness.Fault{Kind: cut.kind, At: (n - 1) * size / cuts}
			})
			var slowest time.Duration
			for proxy.Connections()-first < cuts {
				start, connections := time.Now(), proxy.Connections()
				epoch := feeder.Next()
				s.WaitStored(undelayed, epoch)
				slowest = max(slowest, time.Since(start))
				// Each snapshot makes a connection, at the least. One whose connections are
				// cut again and again is held for a while, so that others go on.
				s.Must(proxy.WaitConnections(s.Ctx, min(first+cuts, connections+1)))
			}
			row.Inject(int(cuts))
			row.Result("local-store after %v at most", slowest.Round(time.Millisecond))
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
				Repeats: int(cuts), LocalStore: true,
			}))
		})
	}
}

// TestGraphiteConfirmsNothing has a Graphite that stalls within a snapshot, or
// takes all of it and never confirms, while local-store gets its snapshots.
func TestGraphiteConfirmsNothing(t *testing.T) {
	for name, fault := range map[string]harness.Fault{
		"stalls":         {Kind: harness.Stall, At: 3000},
		"stalls at once": {Kind: harness.Stall},
		"never confirms": {Kind: harness.Mute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "Graphite "+name, "0 torn, 0 lost; local-store undelayed; intake goes on")
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{Servers: 24})
			graphite := s.Graphite(src)
			graphite.Kill()
			graphite.SetWindow(2048)
			graphite.Restart()
			conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
			watch := s.WatchQueue(s.Incoming())
			feeder := s.Feeder(src, s.Incoming())
			process := s.Start(harness.Process, conf)

			stalls := int64(harness.Count(workers, 20))
			var next atomic.Int64
			graphite.SetPlan(func(int64) harness.Fault {
				if next.Add(1) > stalls {
					return harness.Fault{}
				}
				return fault
			})
			var slowest time.Duration
			for next.Load() < stalls+1 {
				start := time.Now()
				epoch := feeder.Next()
				s.WaitStored(undelayed, epoch)
				slowest = max(slowest, time.Since(start))
				s.Pause(1500 * time.Millisecond)
			}
			row.Inject(int(stalls))
			row.Result("local-store after %v at most", slowest.Round(time.Millisecond))
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
				Repeats: int(stalls), LocalStore: true,
			}))
		})
	}
}
