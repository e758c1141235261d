package faults

import (
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

const noConflict = "0 incomplete, 0 lost, 0 value conflicts; at most `workers` repeats a kill"

// stopSignal is how systemd stops a program.
const stopSignal = syscall.SIGTERM

// workers is the default of both programs' option.
const workers = 4

// TestKillProcess kills process at random times while snapshots keep coming.
func TestKillProcess(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "kill -9 of process", noConflict)
	random := harness.Random(t)
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	stop := feeder.Keep(5 * time.Millisecond)

	kills := harness.Count(15, 1000)
	for i := range kills {
		process := s.Start(harness.Process, conf)
		if i%2 == 0 {
			s.Pause(time.Duration(random.Int64N(int64(250 * time.Millisecond))))
		} else {
			s.Must(graphite.WaitConnections(s.Ctx, graphite.Connections()+1+random.Int64N(5)))
			s.Pause(time.Duration(random.Int64N(int64(3 * time.Millisecond))))
		}
		process.Kill()
		row.Inject(1)
	}
	stop()
	process := s.Start(harness.Process, conf)
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
		Repeats: kills * workers, LocalStore: true,
	}))
}
