package integration

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// perSecond keeps a value for every second, so for every snapshot.
const perSecond = "1s:10m"

// TestWhisperHoldsWhatIsCounted pulls every second while a fleet works, sends
// it all through carbon-c-relay to carbon-cache, and reads the whisper files.
func TestWhisperHoldsWhatIsCounted(t *testing.T) {
	carbonBinary, relayBinary := real.Need(t, "graphite-carbon"), real.Need(t, "carbon-c-relay")
	real.Need(t, "python3-whisper")
	eachFleet(t, func(s *site, f *fleet) {
		carbon := s.carbon(real.CarbonConfig{Binary: carbonBinary, Dir: s.mkdir("carbon"), Retention: perSecond})
		relay, err := real.StartRelay(s.ctx, real.RelayConfig{Binary: relayBinary, Dir: s.mkdir("relay"), To: carbon.Addr})
		s.must(err)
		s.stopAtEnd(relay.Process)

		// Kept for the comparison, so processed only afterwards.
		conf := s.configure("at", pullSection(f, time.Second)+processSection("classic")+graphiteSection(relay.Port))
		incoming := s.watch(s.path("at", "incoming"))
		pull := s.start(pullProgram, conf)
		incoming.waitCame(0, 1)
		s.must(f.work(s.ctx))
		incoming.waitCame(1, 1)
		s.must(f.work(s.ctx))
		before := s.naive(f.ask(s))
		done := len(incoming.names())
		incoming.waitCame(done, 2) // the first may have begun earlier
		pull.end(syscall.SIGTERM)
		after := s.naive(f.ask(s))

		epochs := incoming.names()
		want := make(map[string]metrics)
		for _, epoch := range epochs {
			want[epoch] = s.naive(s.read(filepath.Join(incoming.dir, epoch), f))
		}
		process := s.start(processProgram, conf)
		incoming.waitLeft(epochs...)
		process.end(syscall.SIGTERM)

		got := s.whisper(carbon, want)
		for _, epoch := range epochs {
			s.compare("whisper files at "+epoch, got[epoch], want[epoch])
			s.checkSelf(got[epoch])
		}
		s.within("the last snapshot", got[epochs[len(epochs)-1]], before, after, f.drifts)
	}, "haproxy", "simulator")
}

// TestCarbonKilled has carbon-cache killed while snapshots come in, and wants
// all of them in its files when it is back.
func TestCarbonKilled(t *testing.T) {
	binary := real.Need(t, "graphite-carbon")
	real.Need(t, "python3-whisper")
	eachFleet(t, func(s *site, f *fleet) {
		config := real.CarbonConfig{Binary: binary, Dir: s.mkdir("carbon"), Retention: perSecond}
		carbon := s.carbon(config)
		config.Port = carbon.Port
		conf := s.configure("at", pullSection(f, time.Second)+processSection("classic")+
			graphiteSection(carbon.Port)+"[local-store]\ndir = "+s.path("stored")+"\n")
		incoming, queue := s.watch(s.path("at", "incoming")), s.watch(s.path("at", "queue", "graphite"))
		process := s.start(processProgram, conf)
		pull := &rounds{pull: s.start(pullProgram, conf), incoming: incoming}

		first := pull.make(2)
		s.whisper(carbon, s.stored(first)) // it may lose what it has read and not yet written
		carbon.Process.Kill()
		s.must(f.work(s.ctx))
		second := pull.make(2)
		if waiting := queue.batches(); len(waiting) != len(second) {
			s.t.Errorf("%q wait on disk for carbon, want %d batches", waiting, len(second))
		}
		// A crash of ours meanwhile loses nothing either.
		process.kill()
		process = s.start(processProgram, conf)
		third := pull.make(1)

		carbon = s.carbon(config)
		all := slices.Concat(first, second, third)
		want := s.stored(all)
		got := s.whisper(carbon, want)
		queue.waitDrained()
		process.end(syscall.SIGTERM)
		for _, epoch := range all {
			s.compare("whisper files at "+epoch, got[epoch], want[epoch])
			s.checkSelf(got[epoch])
		}
		process.says("destination is up again")
	}, "haproxy", "simulator")
}

// carbon starts a carbon-cache that is stopped with the test at the latest.
func (s *site) carbon(c real.CarbonConfig) *real.Carbon {
	s.t.Helper()
	carbon, err := real.StartCarbon(s.ctx, c)
	s.must(err)
	s.stopAtEnd(carbon.Process)
	return carbon
}

// stopAtEnd ends a server with the test, unless the test has done so.
func (s *site) stopAtEnd(p *real.Process) {
	s.t.Cleanup(func() {
		select {
		case <-p.Done():
			return
		default:
		}
		if err := p.Stop(); err != nil {
			s.t.Error(err)
		}
	})
}

// whisper waits until carbon has written metrics of those paths at those times,
// and returns all that its files hold, by time.
func (s *site) whisper(carbon *real.Carbon, want map[string]metrics) map[string]metrics {
	s.t.Helper()
	need := make(map[string][]int64) // times by path
	since := time.Now()
	for epoch, m := range want {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		s.must(err)
		if at := time.Unix(seconds, 0); at.Before(since) {
			since = at
		}
		for path := range m {
			need[root+path] = append(need[root+path], seconds)
		}
		for _, name := range slices.Concat(selfTimes, selfCounts) {
			need[root+"haproxystats."+name] = append(need[root+"haproxystats."+name], seconds)
		}
	}
	_, err := carbon.Await(s.ctx, since, slices.Collect(maps.Keys(need)), func(all map[string]real.Series) bool {
		for path, times := range need {
			for _, at := range times {
				if _, ok := all[path][at]; !ok {
					return false
				}
			}
		}
		return true
	})
	s.must(err)

	paths, err := carbon.Paths()
	s.must(err)
	all, err := carbon.Fetch(s.ctx, since, paths...)
	s.must(err)
	found := make(map[string]metrics)
	for path, series := range all {
		for at, v := range series {
			epoch := strconv.FormatInt(at, 10)
			if found[epoch] == nil {
				found[epoch] = make(metrics)
			}
			found[epoch][strings.TrimPrefix(path, root)] = v
		}
	}
	return found
}

// stored returns what local-store holds, by time.
func (s *site) stored(epochs []string) map[string]metrics {
	s.t.Helper()
	all := make(map[string]metrics)
	for _, epoch := range epochs {
		text, err := os.ReadFile(s.path("stored", epoch, "stats"))
		s.must(err)
		all[epoch] = make(metrics)
		for line := range strings.Lines(string(text)) {
			p, err := real.ParsePoint(line)
			s.must(err)
			if strconv.FormatInt(p.Time, 10) != epoch {
				s.t.Errorf("%s is stored at %s", line, epoch)
			}
			all[epoch][strings.TrimPrefix(p.Path, root)] = p.Value
		}
	}
	return all
}
