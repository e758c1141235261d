package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

const stopGoal = "exit within 5 s, status 0, 0 lost"

// stop ends a program in a random manner: by a signal, by one to its group, by two.
// After the second one it must not wait for anything.
func stop(s *harness.Site, random *rand.Rand, p *harness.Program, state string) time.Duration {
	s.T.Helper()
	signal := []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT}[random.IntN(3)]
	manner := []string{"once", "twice", "to the group"}[random.IntN(3)]
	p.ExpectEnd()
	start := time.Now()
	if manner == "to the group" {
		s.Must(syscall.Kill(-p.Pid(), signal))
	} else {
		s.Must(p.Signal(signal))
	}
	why := fmt.Sprintf("%v %s while %s", signal, manner, state)
	if manner != "twice" {
		return p.WaitEnd(why, start)
	}
	// Two that come within half a second are one wish.
	s.Within(600*time.Millisecond, p.Ended)
	_ = p.Signal(signal) // it may have ended by now
	start = time.Now()
	took := p.WaitEnd(why, start)
	if took > real.Loaded(time.Second) {
		s.T.Errorf("%s: %v after the second signal", why, took)
	}
	return took
}

// TestStopProcess ends process by signals in every state.
func TestStopProcess(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "signals to process, in every state", stopGoal)
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Servers: 24})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	feed := func(n int) {
		for range n {
			feeder.Next()
		}
	}
	states := []struct {
		name  string
		enter func()
		leave func()
	}{
		{"idle", func() {}, func() {}},
		{"busy", func() { feed(10) }, func() {}},
		{"Graphite confirms nothing", func() {
			graphite.SetPlan(harness.Always(harness.Fault{Kind: harness.Mute}))
			feed(2)
		}, func() { graphite.SetPlan(harness.Always(harness.Fault{})) }},
		{"Graphite stalls", func() {
			graphite.SetPlan(harness.Always(harness.Fault{Kind: harness.Stall, At: 1000}))
			feed(2)
		}, func() { graphite.SetPlan(harness.Always(harness.Fault{})) }},
		{"Graphite is down", func() {
			graphite.Kill()
			feed(10)
		}, graphite.Restart},
		{"Graphite comes back", func() {
			graphite.Kill()
			feed(20)
			graphite.Restart()
		}, func() {}},
	}
	stops := harness.Count(12, 500)
	var slowest time.Duration
	for i := range stops {
		process := s.Start(harness.Process, conf)
		process.WaitSays(5*time.Second, "msg=started")
		state := states[i%len(states)]
		state.enter()
		s.Pause(time.Duration(random.Int64N(int64(60 * time.Millisecond))))
		slowest = max(slowest, stop(s, random, process, state.name))
		state.leave()
		row.Inject(1)
	}
	row.Result("at most %.1f s", slowest.Seconds())
	process := s.Start(harness.Process, conf)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
		Repeats: stops * (workers + 1), LocalStore: true,
	}))
}

// TestStopPull ends pull by signals in every state.
func TestStopPull(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "signals to pull, in every state", stopGoal)
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), Set: harness.Options{
		"pull": {"pull-timeout": "30", "timeout": "30", "retries": "-1"},
	}})
	watch := s.WatchQueue(s.Incoming())
	process := s.Start(harness.Process, conf)
	reached := make(chan struct{}, 100)
	stall := func(at int) func() {
		return func() {
			src.Socket(1).SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: at, Reached: reached})
			select {
			case <-reached:
			case <-s.Ctx.Done():
				t.Fatal(s.Cause())
			}
		}
	}
	away := s.Path("away")
	states := []struct {
		name  string
		enter func()
		leave func()
	}{
		{"waiting or in a round", func() {}, func() {}},
		{"a socket is silent", stall(0), func() { src.Socket(1).SetFault(haproxysim.Fault{}) }},
		{"a socket is silent in its reply", stall(400), func() { src.Socket(1).SetFault(haproxysim.Fault{}) }},
		{"a socket refuses", func() {
			// A socket file that nobody listens on is connected to again and again. The name is
			// there all the time: a round without it would be whole with one socket.
			dead := s.Path("dead")
			abandoned(s, dead)
			s.Must(os.Link(src.Socket(1).Path, away), os.Rename(dead, src.Socket(1).Path))
		}, func() { s.Must(os.Rename(away, src.Socket(1).Path)) }},
	}
	stops := harness.Count(8, 500)
	var slowest time.Duration
	for i := range stops {
		pull := s.Start(harness.Pull, conf)
		pull.WaitSays(5*time.Second, "msg=started")
		state := states[i%len(states)]
		state.enter()
		s.Pause(time.Duration(random.Int64N(int64(60 * time.Millisecond))))
		slowest = max(slowest, stop(s, random, pull, state.name))
		state.leave()
		row.Inject(1)
	}
	row.Result("at most %.1f s", slowest.Seconds())
	pull := s.Start(harness.Pull, conf)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
	}))
}
