package faults

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/test/faults/harness"
)

// outside is a place that no program may look into or change, though links lead
// there: to a snapshot, its files, and an empty directory.
type outside struct {
	s   *harness.Site
	dir string
}

// foreign is the round of the snapshot outside, which must not arrive.
const foreign = 999_999

func newOutside(s *harness.Site, src *harness.Source) *outside {
	s.T.Helper()
	o := &outside{s, s.Mkdir("outside")}
	s.Must(src.WriteSnapshot(o.path("snapshot"), foreign), os.Mkdir(o.path("empty"), 0o750))
	return o
}

func (o *outside) path(name string) string { return filepath.Join(o.dir, name) }

// content returns all that is there: names, modes and what is in files.
func (o *outside) content() map[string]string {
	o.s.T.Helper()
	all := make(map[string]string)
	o.s.Must(filepath.WalkDir(o.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text := ""
		if e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(b)
		}
		all[path] = fmt.Sprint(info.Mode(), text)
		return nil
	}))
	return all
}

// trap is something that must be neither followed nor waited for.
type trap struct {
	name string
	root bool // only root can make it
	set  func(o *outside, path string) error
}

var traps = []trap{
	{name: "link to a snapshot", set: func(o *outside, path string) error { return os.Symlink(o.path("snapshot"), path) }},
	{name: "link to a directory", set: func(o *outside, path string) error { return os.Symlink(o.path("empty"), path) }},
	{name: "link to a file", set: func(o *outside, path string) error {
		file := "snapshot/p1.sock_stat"
		if strings.HasSuffix(path, "_info") {
			file = "snapshot/p1.sock_info"
		}
		return os.Symlink(o.path(file), path)
	}},
	{name: "dangling link", set: func(o *outside, path string) error { return os.Symlink(o.path("nothing"), path) }},
	{name: "FIFO", set: func(_ *outside, path string) error { return unix.Mkfifo(path, 0o640) }},
	{name: "socket", set: func(_ *outside, path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o640, 0) }},
	{name: "device", root: true, set: func(_ *outside, path string) error {
		const zero = 1<<8 | 5 // which never ends
		return unix.Mknod(path, unix.S_IFCHR|0o640, zero)
	}},
}

// eachTrap runs a test for each kind of trap. Set sets one below base-dir; what
// is outside must be as before in the end.
func eachTrap(t *testing.T, program string, test func(s *harness.Site, src *harness.Source, row *harness.Row, set func(elem ...string))) {
	for _, trap := range traps {
		t.Run(trap.name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, trap.name+" planted wherever "+program+" reads or writes", "0 followed, 0 blocked")
			if trap.root {
				need(t)
			}
			s := harness.NewSite(t)
			src := s.Source(harness.Shape{})
			outside := newOutside(s, src)
			before := outside.content()
			test(s, src, row, func(elem ...string) {
				t.Helper()
				path := filepath.Join(append([]string{s.Base()}, elem...)...)
				s.Must(os.MkdirAll(filepath.Dir(path), 0o750), trap.set(outside, path))
				row.Inject(1)
			})
			if after := outside.content(); !maps.Equal(before, after) {
				t.Errorf("outside was\n%q\nand is\n%q", before, after)
			}
		})
	}
}

func epochName(epoch int64) string { return strconv.FormatInt(epoch, 10) }

// TestTrapsForProcess sets traps where snapshots should be, in them, and where
// they go.
func TestTrapsForProcess(t *testing.T) {
	eachTrap(t, "process", func(s *harness.Site, src *harness.Source, row *harness.Row, set func(...string)) {
		graphite := s.Graphite(src)
		conf := s.Configure(harness.Config{Port: graphite.Port(), LocalStore: true})
		feeder := s.Feeder(src, s.Incoming())
		set("incoming", epochName(harness.FirstEpoch-1))
		set("incoming", "name")
		for _, file := range []string{"p9.sock_stat", "p9.sock_info", ".manifest", ".claim1", ".try1"} {
			set("incoming", epochName(feeder.NextOfOriginal()), file)
		}
		set("incoming", epochName(feeder.Next()), "p9.sock_stat")
		set("incoming.trash", epochName(feeder.Next()))
		set("incoming.trash", "name")
		poison := feeder.Next() + 1000
		feeder.FeedFiles(poison, map[string][]byte{"p1.sock_stat": []byte("what is this?\n")})
		set("incoming.corrupt", epochName(poison))
		for _, suffix := range []string{".batch", ".tmp", ".corrupt"} {
			set("queue", "graphite", "00000000000000000007"+suffix)
		}
		stopped := feeder.Next()
		set("local-store", epochName(stopped))
		for _, file := range []string{"stats", ".stats.tmp"} {
			set("local-store", epochName(feeder.Next()), file)
		}

		process := s.Start(harness.Process, conf)
		// Graphite gets them all, but for one that has a trap for its manifest.
		s.Until("the good snapshots to arrive", 20*time.Second, func() bool {
			for epoch := range feeder.Fed() {
				if !graphite.Received.Whole(epoch) && !givenUp(s, epoch) {
					return false
				}
			}
			return true
		})
		// What stands where a file has to go stops its snapshot, and no other one.
		s.WaitStored(retried+time.Second, feeder.Next())
		s.Must(os.RemoveAll(s.Path("base", "local-store", epochName(stopped))))
		s.WaitStored(retried+time.Second, stopped)
		s.Until("the poison to be given up", 20*time.Second, func() bool { return empty(s.Incoming()) || process.Says("given up", epochName(poison)) })
		process.End(syscall.SIGTERM)

		var accepted []int64
		for epoch := range feeder.Fed() {
			if !givenUp(s, epoch) {
				accepted = append(accepted, epoch)
			}
		}
		if missing := len(feeder.Fed()) - len(accepted); missing > 1 {
			s.T.Errorf("%d snapshots were given up, want that without a manifest at most", missing)
		}
		finding := graphite.Received.Compare(accepted, feeder.Fed())
		if finding.Bad() {
			s.T.Errorf("%v: %q", finding, finding.Details)
		}
		row.Result("%v", finding)
	})
}

// givenUp reports whether a snapshot was given up.
func givenUp(s *harness.Site, epoch int64) bool {
	info, err := os.Lstat(s.Path("base", "incoming.corrupt", epochName(epoch)))
	return err == nil && info.IsDir()
}

// TestTrapsForPull sets traps among the names that pull comes to next, and
// among those of its past.
func TestTrapsForPull(t *testing.T) {
	eachTrap(t, "pull", func(s *harness.Site, src *harness.Source, row *harness.Row, set func(...string)) {
		graphite := s.Graphite(src)
		conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), Set: harness.Options{"pull": {"pull-interval": "2"}}})
		now := time.Now().Unix()
		set("incoming.tmp", "name")
		set("incoming", epochName(now))
		set("incoming", epochName(now+2))
		for epoch := now - 1; epoch < now+6; epoch++ {
			set("incoming.tmp", epochName(epoch))
		}
		watch := s.WatchQueue(s.Incoming())
		pull := s.Start(harness.Pull, conf)
		watch.WaitCame(harness.Count(1, 3))
		pull.End(syscall.SIGTERM)
		accepted := watch.Accepted()
		process := s.Start(harness.Process, conf)
		s.Must(graphite.Received.WaitWhole(s.Ctx, accepted...))
		process.End(syscall.SIGTERM)
		finding := graphite.Received.Compare(accepted, nil)
		if finding.Bad() {
			s.T.Errorf("%v: %q", finding, finding.Details)
		}
		row.Result("%v", finding)
	})
}

// TestTrapsAtStart sets a trap in the place of each file and directory that the
// programs make when they start. They refuse to, and say what is in the way, or
// put up with it.
func TestTrapsAtStart(t *testing.T) {
	for _, place := range []struct {
		program, path string
		option        bool // a link to a directory is the operator's way to put it elsewhere
	}{
		{program: harness.Process, path: "incoming", option: true},
		{program: harness.Process, path: "incoming.reader.lock"},
		{program: harness.Process, path: "incoming.trash"},
		{program: harness.Process, path: "incoming.corrupt"},
		{program: harness.Process, path: "queue/graphite"},
		{program: harness.Process, path: "local-store", option: true},
		{program: harness.Pull, path: "incoming", option: true},
		{program: harness.Pull, path: "incoming.tmp", option: true},
		{program: harness.Pull, path: "incoming.writer.lock"},
		{program: harness.Pull, path: "incoming.tmp.writer.lock"},
	} {
		t.Run(place.program+" "+place.path, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, place.path+" is a trap when "+place.program+" starts", "0 followed, 0 blocked, clear message")
			refused := 0
			for _, trap := range traps {
				if place.option && (trap.name == "link to a snapshot" || trap.name == "link to a directory") {
					continue
				}
				t.Run(trap.name, func(t *testing.T) {
					if trap.root {
						need(t)
					}
					row.Inject(1)
					if startTrapped(t, place.program, place.path, trap) {
						refused++
					}
				})
			}
			row.Result("refused %d times", refused)
		})
	}
}

func startTrapped(t *testing.T, program, place string, trap trap) (refused bool) {
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	outside := newOutside(s, src)
	before := outside.content()
	graphite := s.Graphite(src)
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), LocalStore: true})
	path := filepath.Join(s.Base(), place)
	s.Must(os.MkdirAll(filepath.Dir(path), 0o750), trap.set(outside, path))
	if program == harness.Process && place != "incoming" {
		s.Must(os.Mkdir(s.Incoming(), 0o750), src.WriteSnapshot(filepath.Join(s.Incoming(), epochName(harness.FirstEpoch)), 1))
	}
	p := s.Launch(harness.Launch{Name: program, Conf: conf})
	p.ExpectEnd()
	s.Until("the program to end or to work", harness.EndLimit, func() bool {
		select {
		case <-p.Done():
			refused = true
			return true
		default:
			return graphite.Received.Whole(harness.FirstEpoch) || p.Says("snapshot stored")
		}
	})
	if refused && !strings.Contains(p.Output(), path) {
		t.Errorf("%s refuses to start and does not name %s: %s", program, path, p.Output())
	}
	if !refused && strings.HasPrefix(trap.name, "link") && place != "local-store" {
		t.Errorf("%s follows the link %s", program, path)
	}
	if refused && p.Err() == nil {
		t.Errorf("%s refuses to start and ends with status 0: %s", program, p.Output())
	}
	p.Kill()
	if after := outside.content(); !maps.Equal(before, after) {
		t.Errorf("outside was\n%q\nand is\n%q", before, after)
	}
	return refused
}
