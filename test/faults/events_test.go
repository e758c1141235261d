package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/event"
	"haproxystats/internal/sink/events"
	"haproxystats/internal/snapshot"
	"haproxystats/test/faults/harness"
)

// hook is a receiver of events that fails now and then, before or after it has taken them.
type hook struct {
	secret []byte // nil for a receiver of Graphite's events

	mu      sync.Mutex
	random  *rand.Rand
	failing bool
	failed  int
	got     []int64 // the times of events, which number them
	wrong   []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		return // the program was killed while it sent
	}
	fault := 4
	if h.failing {
		fault = h.random.IntN(10)
	}
	if fault < 2 {
		h.failed++
		w.WriteHeader([]int{http.StatusInternalServerError, http.StatusTooManyRequests}[fault])
		return
	}
	if h.secret == nil {
		var e struct{ When int64 }
		if err := json.Unmarshal(body, &e); err != nil {
			h.wrong = append(h.wrong, string(body))
		}
		h.got = append(h.got, e.When)
	} else {
		var b struct{ Events []event.Event }
		if err := json.Unmarshal(body, &b); err != nil || r.Header.Get(events.SignatureHeader) != events.Signature(h.secret, body) {
			h.wrong = append(h.wrong, string(body))
		}
		for _, e := range b.Events {
			h.got = append(h.got, e.Time)
		}
	}
	if fault < 4 && h.failing {
		h.failed++
		panic(http.ErrAbortHandler) // the confirmation is lost
	}
}

// newest returns the newest event that has come.
func (h *hook) newest() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.got) == 0 {
		return 0
	}
	return h.got[len(h.got)-1]
}

// judge returns what is wrong, with events of that many in a snapshot, and counts those
// that came again.
func (h *hook) judge(first, last, each int64) (wrong []string, repeated int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wrong = h.wrong
	next := first
	for _, n := range h.got {
		switch {
		case n == next:
			next++
		case n > next:
			wrong = append(wrong, fmt.Sprintf("event %d came where %d was to come", n, next))
			next = n + 1
		case n < next-each:
			wrong = append(wrong, fmt.Sprintf("event %d came again after %d, which was confirmed", n, next-1))
		default:
			repeated++
		}
	}
	if next != last+1 {
		wrong = append(wrong, fmt.Sprintf("events %d to %d have not come", next, last))
	}
	return wrong, repeated
}

// TestKillProcessWithEvents kills process at random times while snapshots with events keep
// coming and their receivers fail.
func TestKillProcessWithEvents(t *testing.T) {
	t.Parallel()
	const (
		first = int64(harness.FirstEpoch)
		each  = 3 // events of a snapshot
	)
	row := harness.Begin(t, "kill -9 of process with events, and receivers that fail", "0 lost, in order; only events without confirmation come again; the file has each once")
	random := harness.Random(t)
	s := harness.NewSite(t)
	seed := func() *rand.Rand { return rand.New(rand.NewPCG(random.Uint64(), random.Uint64())) }
	web, graphite := &hook{random: seed(), failing: true, secret: []byte("key")}, &hook{random: seed(), failing: true}
	addresses := make([]string, 2)
	for i, h := range []*hook{web, graphite} {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		addresses[i] = server.URL
	}
	secret, file := s.Path("secret"), s.Path("events.json")
	s.Must(os.WriteFile(secret, []byte("key\n"), 0o600))
	conf := s.Configure(harness.Config{Set: harness.Options{
		"graphite": {"enabled": "no"},
		"events": {
			"file": file, "webhook": addresses[0] + "/hook", "webhook-secret-file": secret, "graphite-url": addresses[1] + "/events/",
			"retries": "1", "interval": "0.05", "backoff": "1", "delay": "0.05",
		},
	}})
	feeder := s.Feeder(s.Source(harness.Shape{}), s.Incoming())
	last := first - 1
	feed := func(snapshots int) {
		for range snapshots {
			var list []event.Event
			for range each {
				last++
				list = append(list, event.Event{ID: fmt.Sprintf("lb1/haproxy/1-1/%d", last), Time: last, Seen: last, Node: "lb1", Kind: event.Gap})
			}
			feeder.FeedFiles(last, map[string][]byte{snapshot.EventsName: event.Append(nil, list)})
		}
	}
	kills := harness.Count(12, 500)
	for range kills {
		feed(5)
		process := s.Start(harness.Process, conf)
		before := web.newest()
		if random.IntN(2) == 0 {
			s.Until("an event", time.Minute, func() bool { return web.newest() > before })
		}
		s.Pause(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
		process.Kill()
		row.Inject(1)
	}
	for _, h := range []*hook{web, graphite} {
		h.mu.Lock()
		h.failing = false
		row.Inject(h.failed)
		h.mu.Unlock()
	}
	feed(1)
	process := s.Start(harness.Process, conf)
	s.Until("the last event", time.Minute, func() bool { return web.newest() == last && graphite.newest() == last })
	s.Until("an empty spool", time.Minute, func() bool {
		left, err := os.ReadDir(s.Incoming())
		s.Must(err)
		for _, e := range left {
			if !strings.HasPrefix(e.Name(), ".") {
				return false
			}
		}
		return true
	})
	process.End(stopSignal)

	repeated := 0
	for name, h := range map[string]*hook{"webhook": web, "graphite": graphite} {
		wrong, again := h.judge(first, last, each)
		repeated += again
		for _, text := range wrong {
			t.Errorf("%s: %s", name, text)
		}
	}
	data, err := os.ReadFile(file)
	s.Must(err)
	next := first
	for line := range strings.Lines(string(data)) {
		var e event.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time != next {
			t.Errorf("the file has %q (%v) where event %d is to be", line, err, next)
		}
		next = e.Time + 1
	}
	if next != last+1 {
		t.Errorf("the file has events up to %d, want %d", next-1, last)
	}
	row.Result("%d events: 0 lost, in order, %d repeated", last-first+1, repeated)
}
