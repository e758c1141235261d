package faults

import (
	"fmt"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// TestOneOfTwoGraphitesAway has one of two Graphites away while snapshots come: the other
// gets each at once, and both have all of them once it is back.
func TestOneOfTwoGraphitesAway(t *testing.T) {
	const undelayed = 2 * time.Second
	row := harness.Begin(t, "one of two Graphites away", "0 lost, 0 invented in both; the other one within 2 s of each snapshot")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Servers: 40})
	near, away := s.Graphite(src), s.Graphite(src)
	conf := s.Configure(harness.Config{Port: near.Port(), LocalStore: true, Set: harness.Options{
		"graphite:away": {"port": fmt.Sprint(away.Port())},
	}})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)
	feeder.Next()
	s.Must(near.Received.WaitWhole(s.Ctx, feeder.Epochs()...), away.Received.WaitWhole(s.Ctx, feeder.Epochs()...))

	outages, each := harness.Count(2, 20), harness.Count(10, 100)
	var slowest time.Duration
	for range outages {
		before := len(feeder.Epochs())
		away.Kill()
		row.Inject(1)
		for range each {
			feeder.Next()
			start := time.Now()
			s.Must(near.Received.WaitWhole(s.Ctx, feeder.Epochs()[len(feeder.Epochs())-1:]...))
			took := time.Since(start)
			if took > undelayed && took > real.Loaded(undelayed) {
				t.Errorf("a snapshot took %v to the Graphite that is there, want at most %v", took, undelayed)
			}
			slowest = max(slowest, took)
		}
		if got := feeder.Epochs()[before:]; away.Received.Whole(got...) {
			t.Fatalf("the Graphite that was away has all of %d snapshots: it was not away", len(got))
		}
		away.Restart()
		s.Must(away.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	}
	found := s.Settle(harness.Settlement{Graphite: near, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true})
	other := away.Received.Compare(feeder.Epochs(), feeder.Fed())
	if other.Bad() || other.Repeats > outages { // one may be in hand at each kill
		t.Errorf("the Graphite that was away: %v: %q", other, other.Details)
	}
	row.Result("%v; the one that was away: %v; slowest %v", found, other, slowest.Round(time.Millisecond))
}
