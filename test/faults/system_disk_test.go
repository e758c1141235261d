package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

const (
	// interval is from one round to the next.
	interval = time.Second
	// retried is how soon process is at work again: its longest rest.
	retried = 5 * time.Second
	// busy is the share of a processor above which a program that can't do
	// anything is busy with that.
	busy = 0.25
)

// outage is a time in which the machine lets the programs down.
type outage struct {
	name  string
	begin func(s *harness.Site) // the disk is a tmpfs, mounted on base-dir
	end   func(s *harness.Site)
}

// tmpfsOptions are those of the disk; it has room for some snapshots.
const tmpfsOptions = "size=2m,nr_inodes=2000"

var outages = []outage{
	{"disk full", fillDisk, emptyDisk},
	{"no inodes", useInodes, emptyDisk},
	{"read-only", func(s *harness.Site) {
		// It is refused while a file is open for writing.
		s.Until("a moment to remount", 10*time.Second, func() bool {
			err := remount(s.Base(), unix.MS_RDONLY, "")
			if err != nil && !errors.Is(err, unix.EBUSY) {
				s.Must(err)
			}
			return err == nil
		})
	}, func(s *harness.Site) { s.Must(remount(s.Base(), 0, "")) }},
}

// ballast is the file, or the directory, that takes up the disk.
func ballast(s *harness.Site) string { return s.Path("base", "ballast") }

func fillDisk(s *harness.Site) {
	f, err := os.Create(ballast(s))
	s.Must(err)
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		s.Must(err)
	}
}

func useInodes(s *harness.Site) {
	s.Must(os.Mkdir(ballast(s), 0o750))
	var err error
	for n := 0; err == nil; n++ {
		err = os.Mkdir(filepath.Join(ballast(s), fmt.Sprint(n)), 0o750)
	}
	if !errors.Is(err, unix.ENOSPC) {
		s.Must(err)
	}
}

func emptyDisk(s *harness.Site) { s.Must(os.RemoveAll(ballast(s))) }

// idle wants programs to use little of a processor meanwhile.
func idle(s *harness.Site, length time.Duration, programs ...*harness.Program) {
	s.T.Helper()
	before := make([]time.Duration, len(programs))
	for i, p := range programs {
		before[i] = p.CPU()
	}
	start := time.Now()
	s.Pause(length)
	for i, p := range programs {
		if used := p.CPU() - before[i]; used.Seconds() > busy*time.Since(start).Seconds() {
			s.T.Errorf("%s used %v of processor time in %v", p.Name, used, time.Since(start))
		}
	}
}

// waitDeleted waits until what has arrived is deleted: later, that would make room.
func waitDeleted(s *harness.Site) {
	s.T.Helper()
	s.Until("what has arrived to be deleted", harness.EndLimit+retried, func() bool {
		return empty(s.Incoming()) && empty(s.Incoming()+".trash") && empty(s.Path("base", "queue", "graphite"))
	})
}

// TestDiskFailsPull has the disk fail under pull, whose rounds are then dropped,
// and wants one of the next interval.
func TestDiskFailsPull(t *testing.T) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, o.name+", pull", "no partial directory; resumes within one interval; no busy loop")
			need(t)
			s := harness.NewSite(t)
			mountTmpfs(s, s.Base(), tmpfsOptions)
			src := s.Source(harness.Shape{Sockets: 4})
			graphite := s.Graphite(src)
			conf := s.Configure(harness.Config{Source: src, Port: graphite.Port()})
			watch := s.WatchQueue(s.Incoming())
			process := s.Start(harness.Process, conf)
			pull := s.Start(harness.Pull, conf)
			var slowest time.Duration
			for range harness.Count(1, 10) {
				s.Must(graphite.Received.WaitWhole(s.Ctx, watch.WaitCame(watch.Count()+1).Epoch))
				waitDeleted(s)
				o.begin(s)
				idle(s, 3*interval/2, pull, process)
				if !pull.Says("round") {
					t.Error("pull has not said that rounds are dropped")
				}
				came := watch.Count()
				o.end(s)
				start := time.Now()
				watch.WaitCame(came + 1)
				slowest = max(slowest, time.Since(start))
				row.Inject(1)
			}
			if slowest > real.Loaded(interval+time.Second) {
				t.Errorf("a snapshot came %v after the outage, want one interval, %v", slowest, interval)
			}
			row.Result("a snapshot after %.1f s at most", slowest.Seconds())
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
			}))
		})
	}
}

// TestDiskFailsProcess has the disk fail under process while snapshots wait and
// Graphite is away, so that they have nowhere to go.
func TestDiskFailsProcess(t *testing.T) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, o.name+", process", "0 lost, none given up; resumes by itself; no busy loop")
			need(t)
			s := harness.NewSite(t)
			mountTmpfs(s, s.Base(), tmpfsOptions)
			src := s.Source(harness.Shape{})
			graphite := s.Graphite(src)
			conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
			watch := s.WatchQueue(s.Incoming())
			feeder := s.Feeder(src, s.Incoming())
			process := s.Start(harness.Process, conf)
			var slowest time.Duration
			for range harness.Count(1, 10) {
				s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Next()))
				waitDeleted(s)
				graphite.Kill()
				process.Freeze()
				for range 20 {
					feeder.Next()
				}
				o.begin(s)
				process.Thaw()
				idle(s, time.Second, process)
				if empty(s.Incoming()) {
					t.Error("all snapshots have left the queue in the outage")
				}
				o.end(s)
				start := time.Now()
				watch.WaitEmpty()
				slowest = max(slowest, time.Since(start))
				row.Inject(1)
				graphite.Restart()
			}
			if given := s.Corrupt(s.Incoming()); len(given) > 0 {
				t.Errorf("snapshots were given up: %v", given)
			}
			if slowest > real.Loaded(retried+time.Second) {
				t.Errorf("the queue was empty %v after the outage, want %v", slowest, retried)
			}
			row.Result("all taken after %.1f s at most", slowest.Seconds())
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
			}))
		})
	}
}
