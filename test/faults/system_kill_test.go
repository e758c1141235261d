package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// steps are the system calls at which programs are killed: those that change
// what is on disk or say so.
var steps = []string{"openat", "mkdirat", "write", "fsync", "renameat", "renameat2", "unlinkat"}

// killAt is the prefix that kills a program right before its nth call of that
// kind, as strace counts them: for each thread, of which few have much to do
// where GOMAXPROCS is 1. (With --seccomp-bpf strace does not kill.)
func killAt(call string, n int) []string {
	return []string{
		"strace", "-f", "-qq", "-o", "/dev/null",
		"-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n),
	}
}

// sweep calls try with each kind of call and number until try says that the
// program got through; in the short form, with a few of the numbers.
func sweep(random *rand.Rand, try func(call string, n int) (killed bool)) {
	for _, call := range steps {
		for n := 1; ; n++ {
			if !harness.Full() {
				n += random.IntN(2 * n)
			}
			if !try(call, n) {
				break
			}
		}
	}
}

// untilKilled waits until a program has been killed, or is through; then it
// kills it, and says false.
func untilKilled(s *harness.Site, p *harness.Program, through func() bool) (killed bool) {
	s.T.Helper()
	s.Until("the program to be killed or through", 20*time.Second, func() bool {
		select {
		case <-p.Done():
			killed = true
			return true
		default:
			return through()
		}
	})
	p.Kill()
	return killed
}

// one has Go use one thread for its own code.
var one = []string{"GOMAXPROCS=1"}

// empty reports whether a directory is there and holds nothing.
func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// holds reports whether a directory is there and holds something.
func holds(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// TestKillProcessAtCalls kills process at its system calls: while Graphite takes
// snapshots, while it is away and they go to the queue, and while the queue is
// drained.
func TestKillProcessAtCalls(t *testing.T) {
	for name, away := range map[string]bool{"up": false, "away, then up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "kill -9 of process at every system call, Graphite "+name, noConflict)
			real.Need(t, "strace")
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{})
			graphite := s.Graphite(src)
			conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
			watch := s.WatchQueue(s.Incoming())
			feeder := s.Feeder(src, s.Incoming())

			queue := filepath.Join(s.Base(), "queue", "graphite")
			kills := 0
			attempt := func(call string, n int, through func() bool) bool {
				p := s.Launch(harness.Launch{Name: harness.Process, Conf: conf, Prefix: killAt(call, n), Env: one})
				p.ExpectEnd()
				killed := untilKilled(s, p, through)
				if killed {
					kills++
				}
				return killed
			}
			delivered := func() bool { return empty(s.Incoming()) && empty(s.Incoming()+".trash") && empty(queue) }
			queued := func() bool { return empty(s.Incoming()) && empty(s.Incoming()+".trash") }
			sweep(harness.Random(t), func(call string, n int) (killed bool) {
				feeder.Next()
				feeder.Next()
				if away {
					graphite.Kill()
					killed = attempt(call, n, queued)
					graphite.Restart()
				}
				return attempt(call, n, delivered) || killed
			})
			row.Inject(kills)
			process := s.Start(harness.Process, conf)
			row.Result("%v", s.Settle(harness.Settlement{
				Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process},
				Repeats: kills * workers, LocalStore: true,
			}))
		})
	}
}

// TestKillPullAtCalls kills pull at its system calls, in its only round each
// time. A name is not used again while its snapshot waits, so every start makes
// one.
func TestKillPullAtCalls(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "kill -9 of pull at every system call", "0 incomplete, 0 lost, 0 left behind")
	real.Need(t, "strace")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{Sockets: 3})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), Set: harness.Options{
		"pull": {"pull-interval": "3600", "queue-size": "100000"},
	}})
	watch := s.WatchQueue(s.Incoming())
	// Several sweeps, because the sockets' threads meet in another order each time.
	random := harness.Random(t)
	for range harness.Count(1, 20) {
		sweep(random, func(call string, n int) bool {
			p := s.Launch(harness.Launch{Name: harness.Pull, Conf: conf, Prefix: killAt(call, n), Env: one})
			p.ExpectEnd()
			killed := untilKilled(s, p, func() bool { return p.Says("snapshot stored") })
			if killed {
				row.Inject(1)
			}
			return killed
		})
	}
	// A start cleans up, and process finds all that was handed over.
	before := watch.Count()
	pull := s.Start(harness.Pull, conf)
	watch.WaitCame(before + 1)
	pull.End(syscall.SIGTERM)
	process := s.Start(harness.Process, conf)
	row.Result("%v", settleAs(s, graphite, process, watch.Accepted(), nil))
}
