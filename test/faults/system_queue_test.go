package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

const (
	// found is how soon a snapshot has to be found, whatever was missed.
	found = 30 * time.Second
	// longQueue bounds the memory of process before a long queue.
	longQueue = 200 << 20
)

const maxQueuedEvents = "/proc/sys/fs/inotify/max_queued_events"

// fewEvents calls start, under which the kernel keeps no more than 16 events for
// each watch that is made. The setting is the whole machine's, so it is changed
// for as long only.
func fewEvents(s *harness.Site, start func()) {
	s.T.Helper()
	old, err := os.ReadFile(maxQueuedEvents)
	s.Must(err)
	restore := func() { s.Must(os.WriteFile(maxQueuedEvents, old, 0)) }
	defer restore()
	s.Must(os.WriteFile(maxQueuedEvents, []byte("16"), 0))
	start()
}

// watches reports whether a program uses inotify.
func watches(p *harness.Program) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.Pid()))
	for _, f := range files {
		if to, err := os.Readlink(f); err == nil && to == "anon_inode:inotify" {
			return true
		}
	}
	return false
}

// TestEventsOverflow has more snapshots arrive than the kernel keeps events,
// while process is stopped.
func TestEventsOverflow(t *testing.T) {
	row := harness.Begin(t, "overflow of inotify", "0 missed, found within 30 s")
	need(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), Set: harness.Options{"process": {"loglevel": "debug"}}})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	var process *harness.Program
	fewEvents(s, func() {
		process = s.Start(harness.Process, conf)
		s.Until("process to watch its queue", 5*time.Second, func() bool { return watches(process) })
	})
	var slowest time.Duration
	for range harness.Count(1, 50) {
		process.Freeze()
		for range 100 {
			feeder.Next()
		}
		process.Thaw()
		start := time.Now()
		s.Until("all to be found", found, func() bool { return graphite.Received.Whole(feeder.Epochs()...) })
		slowest = max(slowest, time.Since(start))
		if !process.Says("overflow") {
			t.Error("no event was lost")
		}
		row.Inject(1)
	}
	row.Result("all arrived after %.1f s at most", slowest.Seconds())
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
	}))
}

// TestLongQueue starts process before a queue as after a long time without it,
// and has younger snapshots come meanwhile.
func TestLongQueue(t *testing.T) {
	t.Parallel()
	snapshots := harness.Count(10_000, 100_000)
	row := harness.Begin(t, fmt.Sprintf("%d directories waiting", snapshots), "0 missed; RSS at most 200 MB")
	need(t)
	s := harness.NewSite(t)
	mountTmpfs(s, s.Base(), "size=4g,nr_inodes=1000000")
	src := s.Source(harness.Shape{Sockets: 1, Frontends: 1, Backends: 1, Servers: 1})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port()})
	feeder := s.Feeder(src, s.Incoming())
	watch := s.WatchQueue(s.Incoming())
	for range snapshots {
		feeder.Next()
	}
	process := s.Start(harness.Process, conf)
	start := time.Now()
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()[0]))
	first := time.Since(start)
	if first > real.Loaded(found) {
		t.Errorf("the first was found after %v, want at most %v", first, found)
	}
	for !graphite.Received.Whole(feeder.Epochs()[snapshots/2]) {
		feeder.Next() // a younger one, in the middle of the work
		s.Pause(100 * time.Millisecond)
	}
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	took := time.Since(start)
	_, peak := process.Memory()
	if peak > longQueue {
		t.Errorf("process took %d MB of memory, want at most %d", peak>>20, longQueue>>20)
	}
	row.Inject(1)
	row.Result("the first arrived after %.2f s, all after %.1f s; %d MB", first.Seconds(), took.Seconds(), peak>>20)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
	}))
}

// TestQueueIsReplaced has somebody remove the queue, make it anew, and move it
// away and back with snapshots in it.
func TestQueueIsReplaced(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "incoming removed, created again, moved away and back", "0 missed, found within 30 s")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port()})
	feeder := s.Feeder(src, s.Incoming())
	process := s.Start(harness.Process, conf)
	aside := s.Path("aside")
	replacements := []func(){
		func() { s.Must(os.Remove(s.Incoming())) },
		func() { s.Must(os.Remove(s.Incoming()), os.Mkdir(s.Incoming(), 0o750)) },
		func() { s.Must(os.Rename(s.Incoming(), aside), os.Mkdir(s.Incoming(), 0o750), os.Remove(aside)) },
		func() {
			process.Freeze()
			for range 5 {
				feeder.Next()
			}
			s.Must(os.Rename(s.Incoming(), aside))
			process.Thaw()
			s.Pause(200 * time.Millisecond)
			s.Must(os.Rename(aside, s.Incoming()))
		},
	}
	var slowest time.Duration
	for range harness.Count(1, 20) {
		for _, replace := range replacements {
			feeder.Next()
			s.Until("the queue to be empty", found, func() bool { return empty(s.Incoming()) })
			replace()
			feeder.Next()
			start := time.Now()
			s.Until("all to be found", found, func() bool { return graphite.Received.Whole(feeder.Epochs()...) })
			slowest = max(slowest, time.Since(start))
			row.Inject(1)
		}
	}
	row.Result("all arrived after %.1f s at most", slowest.Seconds())
	row.Result("%v", settleFed(s, graphite, feeder, process))
}

// settleFed is [harness.Site.Settle] where a watch of the queue can't be the witness.
func settleFed(s *harness.Site, graphite *harness.Graphite, feeder *harness.Feeder, process *harness.Program) harness.Finding {
	s.T.Helper()
	start := time.Now()
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Next()))
	if took := time.Since(start); took > real.Loaded(harness.FreshLimit) {
		s.T.Errorf("a fresh snapshot took %v to arrive, want at most %v", took, harness.FreshLimit)
	}
	return settleAs(s, graphite, process, feeder.Epochs(), feeder.Fed())
}

// settleAs wants what was accepted to arrive, nothing else, and nothing to be
// left behind. Rounds are those of [harness.Received.Compare].
func settleAs(s *harness.Site, graphite *harness.Graphite, process *harness.Program, accepted []int64, rounds map[int64]int64) harness.Finding {
	s.T.Helper()
	s.Until("the queues to be empty", time.Minute, func() bool {
		return empty(s.Incoming()) && empty(s.Incoming()+".trash") && empty(s.Path("base", "queue", "graphite"))
	})
	process.End(syscall.SIGTERM)
	finding := graphite.Received.Compare(accepted, rounds)
	if finding.Bad() {
		s.T.Errorf("%v: %q", finding, finding.Details)
	}
	s.NoLeaks(s.Base())
	return finding
}
