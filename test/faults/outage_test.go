package faults

import (
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// TestNoFault holds the instruments to each other.
func TestNoFault(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "none", "0 lost, 0 invented, 0 repeated")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	proxy := s.Proxy(graphite.Addr())
	conf := s.Configure(harness.Config{Source: src, Port: proxy.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	watch.WaitCame(2)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process}, LocalStore: true,
	}))
}

// TestGraphiteRestarts kills Graphite at random times, the more often while it
// is being sent something, and starts it again.
func TestGraphiteRestarts(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "Graphite killed and restarted", "0 lost, 0 invented")
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Servers: 40})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	stop := feeder.Keep(20 * time.Millisecond)
	process := s.Start(harness.Process, conf)

	kills := harness.Count(12, 200)
	for range kills {
		s.Must(graphite.Received.WaitLines(s.Ctx, graphite.Received.Lines()+random.Int64N(2000)))
		graphite.Kill()
		row.Inject(1)
		s.Pause(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
		graphite.Restart()
	}
	stop()
	// Each worker and the queue may have had one in hand.
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
		Repeats: kills * (workers + 1), LocalStore: true,
	}))
}

// TestGraphiteReadsSlowly has a Graphite that takes little at a time: slower
// than snapshots come, but not too slow for a connection.
func TestGraphiteReadsSlowly(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "Graphite reads slowly", "0 lost, 0 repeated; local-store undelayed")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Servers: 100})
	graphite := s.Graphite(src)
	graphite.Kill()
	graphite.SetWindow(4096)
	graphite.Restart()
	graphite.SetPlan(harness.Always(harness.Fault{Kind: harness.Trickle, Piece: 512, Every: time.Millisecond}))
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)

	snapshots := harness.Count(40, 2000)
	for range snapshots {
		feeder.Next()
		row.Inject(1)
	}
	s.WaitStored(2*time.Second+time.Duration(snapshots)*30*time.Millisecond, feeder.Epochs()...)
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	graphite.SetPlan(harness.Always(harness.Fault{}))
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
	}))
}

// TestGraphiteDown has many snapshots come while nobody listens.
func TestGraphiteDown(t *testing.T) {
	row := harness.Begin(t, "Graphite down", "0 lost; drained within 60 s; at most 20 MB more memory")
	const more, drain = 20 << 20, time.Minute
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Servers: 200})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)
	for range 20 {
		feeder.Next()
	}
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	before, _ := process.Memory()
	files := process.Files()

	graphite.Kill()
	process.ResetPeak()
	snapshots := harness.Count(60, 360)
	for range snapshots {
		feeder.Next()
		row.Inject(1)
	}
	watch.WaitEmpty()
	s.WaitStored(0, feeder.Epochs()...)

	graphite.Restart()
	start := time.Now()
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	drained := time.Since(start)
	if drained > drain {
		t.Errorf("%d snapshots took %v to arrive, want at most %v", snapshots, drained, drain)
	}
	_, peak := process.Memory()
	if peak-before > more {
		t.Errorf("the outage took %d KiB of memory more than the %d KiB before, want at most %d", (peak-before)>>10, before>>10, more>>10)
	}
	s.Until("the connections to be closed", time.Second, func() bool { return process.Files() <= files })
	row.Result("drained in %.1f s, %d MB to %d MB of memory", drained.Seconds(), before>>20, peak>>20)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
	}))
}
