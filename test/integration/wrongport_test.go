package integration

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"haproxystats/test/real"
)

// TestCarbonWrongPort sends lines to carbon's ports for pickles and for queries:
// nothing counts as delivered, and the log says what is wrong.
func TestCarbonWrongPort(t *testing.T) {
	binary := real.Need(t, "graphite-carbon")
	for _, c := range []struct {
		name  string
		usual int
	}{{"pickle", 2004}, {"query", 7002}} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			port := freePort(t, c.usual)
			config := real.CarbonConfig{Binary: binary, Dir: s.mkdir("carbon"), Retention: perSecond}
			if c.name == "pickle" {
				config.Pickle = port
			} else {
				config.Query = port
			}
			s.carbon(config)
			f := simFleet(s, recordings(s, "golden/2.6.12-multi3/snapshot/1795335122"))
			snapshot := s.pullOnce("pull", f)
			conf := s.configure("at", processSection("classic")+graphiteSection(port))
			incoming := s.watch(s.path("at", "incoming"))
			queue := s.path("at", "queue", "graphite")
			process := s.start(processProgram, conf)
			s.hand(incoming.dir, snapshot, 1_700_000_000, 1_700_000_001)
			incoming.waitLeft("1700000000", "1700000001")
			process.end(syscall.SIGTERM)
			process.says("destination is down, its metrics wait in the queue")
			if port == c.usual {
				process.says("[graphite] port = ", strconv.Itoa(port))
			}
			if got := (&dirWatch{s: s, dir: queue}).batches(); len(got) != 2 {
				t.Errorf("got batches %q in the queue, want both", got)
			}
			if _, err := os.Stat(s.path("carbon", "whisper", "it")); !os.IsNotExist(err) {
				t.Errorf("carbon has stored metrics: %v", err)
			}
		})
	}
}

// freePort returns the port, or another one where it is in use.
func freePort(t *testing.T, port int) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		if l, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
