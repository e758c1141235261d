package faults

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// haproxyConfig is enough of a HAProxy: reloads are quick, and no port is taken.
const haproxyConfig = `
global
  stats socket %[1]s mode 600 level admin
  maxconn 50
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend fe
  bind unix@%[2]s
  default_backend be
backend be
  server s1 127.0.0.1:1
`

// haproxies are instances of one configuration, each of which takes over from
// the one before.
type haproxies struct {
	s            *harness.Site
	binary, conf string
	dir          string // of the stats socket
	now          *real.Process
}

func startHAProxy(s *harness.Site) *haproxies {
	s.T.Helper()
	h := &haproxies{s: s, binary: real.Need(s.T, "haproxy"), conf: s.Path("haproxy.cfg"), dir: s.Mkdir("run")}
	text := fmt.Sprintf(haproxyConfig, filepath.Join(h.dir, "admin.sock"), s.Path("fe.sock"))
	s.Must(os.WriteFile(h.conf, []byte(text), 0o640))
	h.reload()
	s.Until("HAProxy's answer", 20*time.Second, func() bool {
		_, err := real.Ask(s.Ctx, "unix", filepath.Join(h.dir, "admin.sock"), "show info")
		return err == nil
	})
	return h
}

// reload starts an instance and has it end the one before, as a service manager
// without a master process does.
func (h *haproxies) reload() {
	h.s.T.Helper()
	args := []string{"-db", "-f", h.conf}
	if h.now != nil {
		args = append(args, "-sf", strconv.Itoa(h.now.Pid()))
	}
	p, err := real.StartProcess(real.Command{Name: "haproxy", Path: h.binary, Args: args})
	h.s.Must(err)
	h.s.T.Cleanup(p.Kill)
	if h.now != nil {
		select {
		case <-h.now.Done():
		case <-h.s.Ctx.Done():
			h.s.T.Fatalf("wait for the end of the old HAProxy: %v: %s", h.s.Cause(), p.Output())
		}
	}
	h.now = p
}

// configureHAProxy returns a configuration for both programs, and what arrives.
func configureHAProxy(s *harness.Site, h *haproxies, timeout time.Duration) (conf string, graphite *harness.Graphite) {
	s.T.Helper()
	graphite = s.Graphite(nil)
	graphite.Received.Allow(func(path string, _ float64) bool { return strings.HasPrefix(path, harness.Root) })
	return s.Configure(harness.Config{Port: graphite.Port(), Set: harness.Options{"pull": {
		"socket-dir": h.dir, "pull-timeout": fmt.Sprint(timeout.Seconds()), "retries": "1", "interval": "0.5", "timeout": "0.1",
	}}}), graphite
}

// longest returns how long a round of pull may take. Other tests run at the same
// time, and a program that is given no processor can't be in time; the full counts
// are for a machine that has nothing else to do.
func longest(pull *harness.Program, timeout time.Duration) time.Duration {
	limit := timeout + 50*time.Millisecond
	if !harness.Full() {
		limit += pull.Starved()
	}
	return limit
}

// checkRounds wants no round of pull to have taken longer than it may.
func checkRounds(t *testing.T, pull *harness.Program, timeout time.Duration) (slowest time.Duration, dropped int) {
	t.Helper()
	limit := longest(pull, timeout)
	for _, line := range pull.Lines("duration=") {
		took := logged(t, line)
		slowest = max(slowest, took)
		if took > real.Loaded(limit) {
			t.Errorf("a round took %v, want at most %v: %s", took, limit, line)
		}
	}
	return slowest, len(pull.Lines("round dropped"))
}

// TestHAProxyIsStopped stops HAProxy for a while, again and again.
func TestHAProxyIsStopped(t *testing.T) {
	t.Parallel()
	const timeout = 700 * time.Millisecond
	row := harness.Begin(t, "HAProxy stopped (SIGSTOP)", "round at most pull-timeout + 50 ms; 0 crashes")
	s := harness.NewSite(t)
	h := startHAProxy(s)
	conf, graphite := configureHAProxy(s, h, timeout)
	watch := s.WatchQueue(s.Incoming())
	process, pull := s.Start(harness.Process, conf), s.Start(harness.Pull, conf)
	for range harness.Count(2, 100) {
		watch.WaitCame(watch.Count() + 1)
		dropped := len(pull.Lines("round dropped"))
		s.Must(h.now.Signal(syscall.SIGSTOP))
		s.Until("a dropped round", 5*time.Second, func() bool { return len(pull.Lines("round dropped")) > dropped })
		s.Must(h.now.Signal(syscall.SIGCONT))
		row.Inject(1)
	}
	finishHAProxy(s, row, watch, graphite, pull, process, timeout)
}

// finishHAProxy wants snapshots to come and arrive again, and nothing left.
func finishHAProxy(s *harness.Site, row *harness.Row, watch *harness.QueueWatch, graphite *harness.Graphite, pull, process *harness.Program, timeout time.Duration) {
	s.T.Helper()
	fresh := time.Now()
	watch.WaitCame(watch.Count() + 1)
	s.Must(graphite.Received.WaitLines(s.Ctx, graphite.Received.Lines()))
	if took := time.Since(fresh); took > real.Loaded(harness.FreshLimit) {
		s.T.Errorf("a fresh snapshot took %v to arrive", took)
	}
	slowest, dropped := checkRounds(s.T, pull, timeout)
	pull.End(stopSignal)
	watch.WaitEmpty()
	process.End(stopSignal)
	for _, problem := range graphite.Received.Problems() {
		s.T.Error(problem)
	}
	row.Result("slowest round %v; %d of %d rounds dropped", slowest.Round(time.Millisecond), dropped, dropped+watch.Count())
	s.NoLeaks(s.Base())
}

// TestReloadStorm reloads HAProxy as fast as it can while it is being asked.
func TestReloadStorm(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	row := harness.Begin(t, "reload storm of HAProxy", "round at most pull-timeout + 50 ms; 0 crashes")
	s := harness.NewSite(t)
	h := startHAProxy(s)
	conf, graphite := configureHAProxy(s, h, timeout)
	watch := s.WatchQueue(s.Incoming())
	process, pull := s.Start(harness.Process, conf), s.Start(harness.Pull, conf)
	watch.WaitCame(1)
	for range harness.Count(15, 500) {
		h.reload()
		row.Inject(1)
	}
	finishHAProxy(s, row, watch, graphite, pull, process, timeout)
}

// TestHAProxysOwnSockets plants what HAProxy calls a socket while it replaces it;
// one is of a process that hangs.
func TestHAProxysOwnSockets(t *testing.T) {
	t.Parallel()
	const timeout = 700 * time.Millisecond
	row := harness.Begin(t, ".tmp and .bak files of sockets", "never asked; 0 rounds dropped")
	s := harness.NewSite(t)
	h := startHAProxy(s)
	var asked atomic.Int64
	for _, name := range []string{"admin.sock.123.tmp", "admin.sock.123.bak", "admin.sock.4194304.tmp"} {
		l, err := net.Listen("unix", filepath.Join(h.dir, name))
		s.Must(err)
		accepting := make(chan struct{})
		go func() {
			defer close(accepting)
			for {
				if _, err := l.Accept(); err != nil {
					return
				}
				asked.Add(1)
			}
		}()
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			<-accepting
		})
		row.Inject(1)
	}
	abandoned(s, filepath.Join(h.dir, "admin.sock.7.bak"))
	abandoned(s, filepath.Join(h.dir, ".hidden.sock"))
	s.Must(os.Symlink(s.Path("nowhere"), filepath.Join(h.dir, "dangling.sock")))
	row.Inject(3)
	conf, graphite := configureHAProxy(s, h, timeout)
	watch := s.WatchQueue(s.Incoming())
	process, pull := s.Start(harness.Process, conf), s.Start(harness.Pull, conf)
	watch.WaitCame(2)
	if n := len(pull.Lines("round dropped")); n > 0 || asked.Load() > 0 {
		t.Errorf("%d rounds were dropped, %d connections made to HAProxy's own sockets", n, asked.Load())
	}
	finishHAProxy(s, row, watch, graphite, pull, process, timeout)
}
