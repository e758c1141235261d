package faults

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// pushKind is an output that posts metrics over HTTP.
type pushKind struct {
	// section is its section in the configuration, and address the option that has the
	// address, with path behind it.
	section, address, path string
	// options are those that differ from the defaults.
	options map[string]string
	// scheme is how a token is sent.
	scheme string
	// most is the number of samples of a body that is not too large: about half of those
	// that bodies have.
	most int
	// samples returns HAProxy's values in the body of a request: what haproxystats says of
	// itself differs from one attempt to the next.
	samples func(encoding string, body []byte) (map[pushSample]float64, error)
	// partial is an answer of a receiver that has not stored one metric, or one line.
	partial func(http.ResponseWriter)
}

// pushShape has bodies that can be cut several times.
var pushShape = harness.Shape{Servers: 100}

// pushSample is a series at a time.
type pushSample struct {
	series string
	time   int64
}

// pushKinds are all of them.
var pushKinds = []pushKind{influxKind, remoteWriteKind, otlpKind}

// gunzip expands a body that is compressed by gzip.
func gunzip(body io.Reader) ([]byte, error) {
	r, err := gzip.NewReader(body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// pushReceiver takes what is posted to it, unless it has a fault.
type pushReceiver struct {
	kind pushKind
	// fault answers a request in the place of the receiver, and reports whether it has.
	fault func(w http.ResponseWriter, r *http.Request, body []byte, epoch int64) bool

	mu     sync.Mutex
	got    map[pushSample]float64
	latest int64   // time of the newest samples
	order  []int64 // times of samples, as they came
	early  int     // requests with samples older than the newest
	wrong  []string
}

func (p *pushReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed while it sent
	}
	samples, err := p.kind.samples(r.Header.Get("Content-Encoding"), body)
	epoch := int64(0)
	for s := range samples {
		epoch = max(epoch, s.time)
	}
	p.mu.Lock()
	fault := p.fault
	if err != nil {
		p.wrong = append(p.wrong, err.Error())
	}
	p.mu.Unlock()
	if fault != nil && fault(w, r, body, epoch) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(samples) > 0 && epoch < p.latest {
		p.early++
	}
	p.latest = max(p.latest, epoch)
	if n := len(p.order); len(samples) > 0 && (n == 0 || p.order[n-1] != epoch) {
		p.order = append(p.order, epoch)
	}
	for s, v := range samples {
		if old, ok := p.got[s]; ok && old != v {
			p.wrong = append(p.wrong, fmt.Sprintf("%v has the values %v and %v", s, old, v))
		}
		p.got[s] = v
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *pushReceiver) set(fault func(http.ResponseWriter, *http.Request, []byte, int64) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// times returns the number of samples of each time.
func (p *pushReceiver) times() map[int64]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[int64]int)
	for s := range p.got {
		all[s.time]++
	}
	return all
}

// pushSite has haproxystats-process before a receiver with faults, and one without.
type pushSite struct {
	*harness.Site
	kind           pushKind
	faulty, steady *pushReceiver
	conf           string
	feeder         *harness.Feeder
}

func newPushSite(t *testing.T, kind pushKind, options map[string]string) *pushSite {
	t.Helper()
	s := &pushSite{Site: harness.NewSite(t), kind: kind}
	set := harness.Options{"graphite": {"enabled": "no"}}
	for section, to := range map[string]**pushReceiver{kind.section: &s.faulty, kind.section + ":steady": &s.steady} {
		*to = &pushReceiver{kind: kind, got: make(map[pushSample]float64)}
		server := httptest.NewServer(*to)
		t.Cleanup(server.Close)
		set[section] = map[string]string{kind.address: server.URL + kind.path, "max-age": "0"}
	}
	maps.Copy(set[kind.section], map[string]string{"interval": "0.05", "backoff": "1.5", "delay": "0.2"})
	maps.Copy(set[kind.section], kind.options)
	maps.Copy(set[kind.section], options)
	s.conf = s.Configure(harness.Config{Set: set})
	s.feeder = s.Feeder(harness.NewSource(pushShape), s.Incoming())
	return s
}

// feed hands over snapshots and waits until the receiver without faults has them: no fault
// of the other may delay that.
func (s *pushSite) feed(n int) {
	s.T.Helper()
	for range n {
		s.feeder.Next()
	}
	s.Until("the snapshots at the receiver without faults", time.Minute, func() bool { return len(s.steady.times()) == len(s.feeder.Epochs()) })
}

// settle wants that the receiver gets all that the other one has, in order, and ends the
// program. repeats tells that the program was killed: then what was not confirmed comes
// again.
func (s *pushSite) settle(row *harness.Row, p *harness.Program, repeats bool) {
	s.T.Helper()
	whole := func() bool { return fmt.Sprint(s.faulty.times()) == fmt.Sprint(s.steady.times()) }
	if !s.Within(time.Minute, whole) {
		s.T.Errorf("the receiver has %v samples by time, want %v", s.faulty.times(), s.steady.times())
	}
	p.End(syscall.SIGTERM)
	lost, invented, other := 0, 0, 0
	for sample, v := range s.steady.got {
		if got, ok := s.faulty.got[sample]; !ok {
			lost++
		} else if got != v {
			other++
		}
	}
	for sample := range s.faulty.got {
		if _, ok := s.steady.got[sample]; !ok {
			invented++
		}
	}
	row.Result("%d samples, %d lost, %d invented, %d of another value, %d requests older than the newest", len(s.steady.got), lost, invented, other, s.faulty.early)
	if lost+invented+other > 0 || !repeats && s.faulty.early > 0 || len(s.steady.got) == 0 {
		s.T.Errorf("%d samples, %d lost, %d invented, %d of another value, %d requests older than the newest", len(s.steady.got), lost, invented, other, s.faulty.early)
	}
	for _, r := range []*pushReceiver{s.faulty, s.steady} {
		if len(r.wrong) > 0 {
			s.T.Errorf("wrong: %q", r.wrong[:min(3, len(r.wrong))])
		}
	}
}

// TestPush has everything happen to each output that posts metrics.
func TestPush(t *testing.T) {
	for _, kind := range pushKinds {
		for _, c := range []struct {
			name, goal string
			test       func(*testing.T, pushKind, *harness.Row)
		}{
			{"receiver away, and a clean stop", "0 lost, 0 invented, in order", pushAway},
			{"process killed before a receiver that fails", "0 lost, 0 invented", pushKilled},
			{"slow receiver", "0 lost, in order; others undelayed", pushSlow},
			{"429 with Retry-After", "nothing before its time; 0 lost", pushLater},
			{"413", "requests that the receiver takes; 0 lost", pushTooLarge},
			{"500 for a batch for ever", "given up at max-age, counted; the others arrive", pushBroken},
			{"wrong token", "the log says so; 0 lost once it is right", pushToken},
			{"partial success", "counted; the others arrive", pushPartial},
			{"clock set by hours and back, and by minutes", "0 lost, 0 invented, as they were made", pushClock},
		} {
			t.Run(kind.section+" "+c.name, func(t *testing.T) {
				t.Parallel()
				c.test(t, kind, harness.Begin(t, "["+kind.section+"]: "+c.name, c.goal))
			})
		}
	}
}

func pushAway(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, nil)
	s.faulty.set(func(http.ResponseWriter, *http.Request, []byte, int64) bool { panic(http.ErrAbortHandler) })
	p := s.Start(harness.Process, s.conf)
	n := harness.Count(20, 120)
	s.feed(n)
	row.Inject(n)
	p.WaitSays(time.Minute, "destination is down, its metrics wait in the queue", kind.section)
	p.End(syscall.SIGTERM)
	p = s.Start(harness.Process, s.conf)
	p.WaitSays(time.Minute, "queue has metrics of an earlier run")
	s.faulty.set(nil)
	s.feed(1)
	s.settle(row, p, false)
}

func pushKilled(t *testing.T, kind pushKind, row *harness.Row) {
	random := harness.Random(t)
	s := newPushSite(t, kind, nil)
	n := 0
	s.faulty.set(func(w http.ResponseWriter, _ *http.Request, _ []byte, _ int64) bool {
		s.faulty.mu.Lock()
		defer s.faulty.mu.Unlock()
		if n++; n%3 > 0 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	stop := s.feeder.Keep(20 * time.Millisecond)
	for range harness.Count(3, 26) {
		p := s.Start(harness.Process, s.conf)
		before := len(s.steady.times())
		s.Until("more snapshots", time.Minute, func() bool { return len(s.steady.times()) > before })
		s.Pause(time.Duration(random.IntN(300)) * time.Millisecond)
		p.Kill()
		row.Inject(1)
	}
	stop()
	s.faulty.set(nil)
	p := s.Start(harness.Process, s.conf)
	s.feed(1)
	s.settle(row, p, true)
}

func pushSlow(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, map[string]string{"timeout": "30"})
	release := make(chan struct{})
	s.faulty.set(func(http.ResponseWriter, *http.Request, []byte, int64) bool {
		<-release
		return false
	})
	p := s.Start(harness.Process, s.conf)
	s.feed(harness.Count(10, 120)) // at the other one, while not one is answered here
	row.Inject(1)
	if n := len(s.faulty.times()); n > 0 {
		t.Errorf("got %d snapshots at the slow receiver, want none yet", n)
	}
	close(release)
	s.settle(row, p, false)
}

func pushLater(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, nil)
	var mu sync.Mutex
	var until time.Time
	refused, early := 0, 0
	s.faulty.set(func(w http.ResponseWriter, _ *http.Request, _ []byte, _ int64) bool {
		mu.Lock()
		defer mu.Unlock()
		if time.Now().Before(until) {
			early++
		}
		if refused == 2 {
			return false
		}
		refused++
		until = time.Now().Add(900 * time.Millisecond)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	p := s.Start(harness.Process, s.conf)
	s.feed(5)
	row.Inject(2)
	s.settle(row, p, false)
	if early > 0 || refused != 2 {
		t.Errorf("got %d requests before the time that the receiver had asked for, and %d refused, want 0 and 2", early, refused)
	}
}

func pushTooLarge(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, nil)
	refused := 0
	s.faulty.set(func(w http.ResponseWriter, r *http.Request, body []byte, _ int64) bool {
		if samples, err := kind.samples(r.Header.Get("Content-Encoding"), body); err == nil && len(samples) <= kind.most {
			return false
		}
		s.faulty.mu.Lock()
		defer s.faulty.mu.Unlock()
		refused++
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return true
	})
	p := s.Start(harness.Process, s.conf)
	s.feed(10)
	s.settle(row, p, false)
	row.Inject(refused)
	if refused == 0 || refused > 30 {
		t.Errorf("got %d requests that were too large, want some at the beginning", refused)
	}
}

func pushBroken(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, map[string]string{"max-age": "60"})
	src := harness.NewSource(pushShape)
	p := s.Start(harness.Process, s.conf)
	s.feeder.FeedFiles(time.Now().Unix()-1, src.Snapshot(1))
	s.Until("the first snapshot", time.Minute, func() bool { return len(s.faulty.times()) == 1 && len(s.steady.times()) == 1 })
	// The next one is given up 40 seconds after it was handed over.
	old := time.Now().Unix() - 20
	s.faulty.set(func(w http.ResponseWriter, _ *http.Request, _ []byte, epoch int64) bool {
		if epoch != old {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	s.feeder.FeedFiles(old, src.Snapshot(2))
	p.WaitSays(time.Minute, "destination is down", "status 500")
	s.feeder.FeedFiles(old+15, src.Snapshot(3))
	s.Until("both at the receiver without faults", time.Minute, func() bool { return len(s.steady.times()) == 3 })
	p.WaitSays(time.Minute, "metrics are older than max-age and are dropped", fmt.Sprint(old))
	s.Until("the other snapshot", time.Minute, func() bool { return s.faulty.times()[old+15] == s.steady.times()[old+15] })
	row.Inject(1)
	if got := s.faulty.times()[old]; got > 0 {
		t.Errorf("got %d samples of the batch that the receiver fails at", got)
	}
	p.End(syscall.SIGTERM)
}

func pushToken(t *testing.T, kind pushKind, row *harness.Row) {
	site := harness.NewSite(t)
	file := site.Path("token")
	site.Must(os.WriteFile(file, []byte("wrong"), 0o600))
	s := newPushSite(t, kind, map[string]string{"token-file": file})
	s.faulty.set(func(w http.ResponseWriter, r *http.Request, _ []byte, _ int64) bool {
		if r.Header.Get("Authorization") == kind.scheme+" s3cret" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "who is "+r.Header.Get("Authorization"))
		return true
	})
	// The other one has no token.
	p := s.Start(harness.Process, s.conf)
	s.feed(5)
	row.Inject(1)
	p.WaitSays(time.Minute, "answers with status 401", "Check the secret in ["+kind.section+"]")
	if strings.Contains(p.Output(), "wrong") {
		t.Error("the token is in the log")
	}
	site.Must(os.WriteFile(file, []byte("s3cret\n"), 0o600))
	s.settle(row, p, false)
}

func pushPartial(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, nil)
	done := false
	s.faulty.set(func(w http.ResponseWriter, r *http.Request, body []byte, _ int64) bool {
		s.faulty.mu.Lock()
		defer s.faulty.mu.Unlock()
		if done {
			return false
		}
		done = true
		samples, err := kind.samples(r.Header.Get("Content-Encoding"), body)
		if err != nil {
			return false
		}
		maps.Copy(s.faulty.got, samples)
		kind.partial(w)
		return true
	})
	p := s.Start(harness.Process, s.conf)
	s.feed(5)
	row.Inject(1)
	p.WaitSays(time.Minute, "destination does not take some metrics, they are left out", kind.section)
	s.settle(row, p, false)
}

// pushClock has the clock of the node jump forward by hours and back, and backwards by minutes,
// before a receiver that is there, and before one that is away meanwhile. The snapshots have
// times of their own, as the clock of haproxystats-pull has them when it is set.
func pushClock(t *testing.T, kind pushKind, row *harness.Row) {
	s := newPushSite(t, kind, map[string]string{"max-age": "7200"})
	src := harness.NewSource(pushShape)
	p := s.Start(harness.Process, s.conf)
	clock := time.Now().Unix() - 60
	var fed []int64
	feed := func(n int) {
		s.T.Helper()
		for range n {
			clock += 2
			fed = append(fed, clock)
			s.feeder.FeedFiles(clock, src.Snapshot(int64(len(fed))))
			s.Until("the snapshot at the receiver without faults", time.Minute, func() bool { return s.steady.times()[clock] > 0 })
		}
	}
	jumps := func() {
		const hours, minutes = 5 * 3600, 7*60 + 1
		for _, by := range []int64{hours, -hours, -minutes, minutes} {
			clock += by
			row.Inject(1)
			feed(harness.Count(3, 30))
		}
	}
	feed(3)
	jumps()
	s.faulty.set(func(http.ResponseWriter, *http.Request, []byte, int64) bool { panic(http.ErrAbortHandler) })
	jumps()
	s.faulty.set(nil)
	feed(3)
	s.settle(row, p, true)
	samples := s.faulty.times()
	for _, epoch := range fed {
		if got, want := samples[epoch], samples[fed[0]]; got != want || got == 0 {
			t.Errorf("got %d samples of the snapshot of %d, want %d as of the first one", got, epoch, want)
		}
	}
	for name, r := range map[string]*pushReceiver{"with faults": s.faulty, "without": s.steady} {
		if !slices.Equal(r.order, fed) {
			t.Errorf("the receiver %s got the snapshots of %v, want %v", name, r.order, fed)
		}
	}
}
