package faults

import (
	"os"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// TestReloadKeepsHeld reloads haproxystats-pull while it holds connections to workers that a
// reload of HAProxy has replaced. Nobody else can ask these workers, so what they count from
// then on is missing if a connection is lost.
func TestReloadKeepsHeld(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "SIGUSR1 to pull over reloads of HAProxy under traffic", "every request, session and byte counted once; 0 totals fall; no round without the old workers")
	s := newReloadSite(t, "haproxy")
	config := func(workers, timeout string) string {
		return s.Configure(harness.Config{Port: s.graphite.Port, Set: reloadOptions(harness.Options{
			"pull": {"socket-dir": s.haproxy.Sockets, "workers": workers, "timeout": timeout},
		})})
	}
	confs := []string{config("8", "2"), config("2", "2.5")}
	conf := s.Path("now.conf")
	put := func(from string) {
		text, err := os.ReadFile(from)
		s.Must(err, os.WriteFile(conf+".new", text, 0o640), os.Rename(conf+".new", conf))
	}
	put(confs[0])
	process, pull := s.Start(harness.Process, conf), s.Start(harness.Pull, conf)
	s.settled()
	files := pull.Files()
	stop := s.traffic(2)
	reloads := 0
	reload := func() {
		reloads++
		put(confs[reloads%2])
		s.Must(pull.Signal(syscall.SIGUSR1))
		row.Inject(1)
		s.Until("the reload of pull", time.Minute, func() bool { return len(pull.Lines("configuration reloaded")) == reloads })
	}
	for range harness.Count(3, 200) {
		s.dial()
		s.Must(s.haproxy.Reload(s.Ctx))
		s.settled() // pull holds the old worker
		reload()
		for _, c := range s.sessions { // of old workers, which pull still hears
			s.send(c, 1000)
		}
		s.dial()
		s.settled()
		s.hangUp(2) // their workers end
		reload()
		s.settled()
	}
	stop()
	result := s.finish(true)
	row.Result("%s; open sessions right in %d samples", result, s.checkOpen())
	if lost := pull.Lines("connection to a worker"); len(lost) > 0 {
		t.Errorf("got %q, want no connection to a worker lost", lost)
	}
	s.Until("pull to let go of its connections", time.Minute, func() bool { return pull.Files() <= files })
	pull.End(stopSignal)
	process.End(stopSignal)
}
