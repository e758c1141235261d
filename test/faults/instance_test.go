package faults

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// TestTwoInstances starts each program twice on one directory.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "two instances", "refused, clear message; the first goes on")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port()})
	watch := s.WatchQueue(s.Incoming())
	process, pull := s.Start(harness.Process, conf), s.Start(harness.Pull, conf)
	watch.WaitCame(1)

	elsewhere := s.Configure(harness.Config{Port: graphite.Port(), Set: harness.Options{
		"process": {"src-dir": s.Path("elsewhere")},
	}})
	for _, second := range []struct {
		name, conf string
		says       []string
	}{
		{harness.Pull, conf, []string{s.Incoming(), "another process", "Stop that process"}},
		{harness.Process, conf, []string{s.Incoming(), "another process", "Stop that process"}},
		{harness.Process, elsewhere, []string{filepath.Join(s.Base(), "queue", "graphite"), "another process", "stop that one"}},
	} {
		output := s.Refused(harness.Launch{Name: second.name, Conf: second.conf})
		for _, part := range second.says {
			if !strings.Contains(output, part) {
				t.Errorf("%s says nothing of %q: %s", second.name, part, output)
			}
		}
		row.Inject(1)
	}
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Programs: []*harness.Program{pull, process},
	}))
}

// TestTmpElsewhere puts tmp-dst-dir on another file system.
func TestTmpElsewhere(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "tmp-dst-dir on another file system", "refused, clear message")
	s := harness.NewSite(t)
	other, err := os.MkdirTemp("/dev/shm", "ft-")
	s.Must(err)
	t.Cleanup(func() {
		if err := os.RemoveAll(other); err != nil {
			t.Error(err)
		}
	})
	var here, there unix.Stat_t
	s.Must(unix.Stat(s.Dir, &here), unix.Stat(other, &there))
	if here.Dev == there.Dev {
		t.Skipf("%s and %s are one file system", s.Dir, other)
	}
	src := s.Source(harness.Shape{})
	conf := s.Configure(harness.Config{Source: src, Set: harness.Options{"pull": {"tmp-dst-dir": filepath.Join(other, "tmp")}}})
	output := s.Refused(harness.Launch{Name: harness.Pull, Conf: conf})
	if !strings.Contains(output, "file system") || !strings.Contains(output, other) {
		t.Errorf("pull says nothing of the file system: %s", output)
	}
	row.Inject(1)
}

// TestTmpIsQueue sets tmp-dst-dir to a queue in which snapshots wait.
func TestTmpIsQueue(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "tmp-dst-dir is a queue in which snapshots wait", "refused, clear message; 0 deleted")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	feeder := s.Feeder(src, s.Incoming())
	conf := s.Configure(harness.Config{Port: graphite.Port()})
	process := s.Start(harness.Process, conf)
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Next()))
	process.End(syscall.SIGTERM)
	for range 5 {
		feeder.Next()
	}
	waiting, err := filepath.Glob(filepath.Join(s.Incoming(), "*", "*"))
	s.Must(err)
	for _, c := range []struct{ name, srcDir, says string }{
		{"of the same configuration", s.Incoming(), "tmp-dst-dir is src-dir"},
		{"of another program", s.Path("elsewhere"), "Set tmp-dst-dir to another directory"},
	} {
		other := s.Configure(harness.Config{Source: src, Set: harness.Options{
			"pull":    {"dst-dir": s.Path("elsewhere"), "tmp-dst-dir": s.Incoming(), "status-socket": ""},
			"process": {"src-dir": c.srcDir},
		}})
		output := s.Refused(harness.Launch{Name: harness.Pull, Conf: other})
		if !strings.Contains(output, c.says) || !strings.Contains(output, s.Incoming()) {
			t.Errorf("a queue %s: got %s, want %q", c.name, output, c.says)
		}
		if left, err := filepath.Glob(filepath.Join(s.Incoming(), "*", "*")); err != nil || !slices.Equal(left, waiting) {
			t.Errorf("a queue %s: got files %q, want %q", c.name, left, waiting)
		}
		row.Inject(1)
	}
	process = s.Start(harness.Process, conf)
	row.Result("%v", settleFed(s, graphite, feeder, process))
}

// TestPoison hands over snapshots that can't be processed before many that can.
func TestPoison(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "poison snapshot first in the queue", "quarantined within 3 tries; others undelayed")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	feeder := s.Feeder(src, s.Incoming())
	poisons := []map[string][]byte{
		{},
		{"p1.sock_info": nil, "p1.sock_stat": nil},
		{"p1.sock_info": []byte("\n"), "p1.sock_stat": []byte("\n")},
		{"p1.sock_stat": []byte("Permission denied\n\n")},
		{"p1.sock_stat": []byte(strings.Repeat("\x00", 1<<20))},
		{"README": []byte("nothing of HAProxy's")},
	}
	count := harness.Count(2*len(poisons), 16*len(poisons)) // fewer than are kept
	for i := range count {
		feeder.FeedFiles(1000+int64(i), poisons[i%len(poisons)])
		row.Inject(1)
	}
	for range 20 {
		feeder.Next()
	}
	process := s.Start(harness.Process, conf)
	start := time.Now()
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	took := time.Since(start)
	if limit := time.Second + time.Duration(count)*20*time.Millisecond; took > real.Loaded(limit) {
		t.Errorf("the others took %v behind %d that can't be processed, want at most %v", took, count, limit)
	}
	s.Until("the poison to be given up", time.Minute, func() bool { return len(s.Corrupt(s.Incoming())) == count })
	row.Result("the others after %v", took.Round(time.Millisecond))
	s.Must(os.RemoveAll(s.Incoming() + ".corrupt"))
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
	}))
	// Each was tried three times; the log keeps the last ones.
	for _, epoch := range []string{"1000", "1005"} {
		if tries := len(process.Lines("could not be processed", "snapshot="+epoch+" ")); harness.Count(1, 0) == 1 && tries != 2 {
			t.Errorf("%s was tried %d times before it was given up, want 2", epoch, tries)
		}
	}
}

// TestSpoolOfTheOriginal starts both programs on what haproxystats 0.5 left:
// snapshots without a manifest, one that was being written, names that are none.
func TestSpoolOfTheOriginal(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "mixed versions: a spool of the original's", "processed")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
	watch := s.WatchQueue(s.Incoming())
	s.Mkdir("base", "incoming.tmp")
	s.Must(src.WriteSnapshot(filepath.Join(s.Incoming()+".tmp", "1600000000"), 1))
	s.Mkdir("base", "incoming", "not-a-time")
	feeder := s.Feeder(src, s.Incoming())
	for range harness.Count(20, 1000) {
		feeder.NextOfOriginal()
		row.Inject(1)
	}
	process := s.Start(harness.Process, conf)
	s.Must(graphite.Received.WaitWhole(s.Ctx, feeder.Epochs()...))
	for range 5 {
		feeder.NextOfOriginal()
		feeder.Next()
	}
	s.Must(os.Remove(filepath.Join(s.Incoming(), "not-a-time")))
	row.Result("%v", s.Settle(harness.Settlement{
		Graphite: graphite, Queue: watch, Feeder: feeder, Programs: []*harness.Program{process}, LocalStore: true,
	}))
}
