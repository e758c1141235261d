package real

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/event"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/httpsend"
	"haproxystats/internal/sink/events"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
)

// TestEventsOfGraphite sends events to a real Graphite-web and asks for them as Grafana
// does.
func TestEventsOfGraphite(t *testing.T) {
	carbonBinary, manage, gunicorn := Need(t, "graphite-carbon"), Need(t, "graphite-web"), Need(t, "gunicorn")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := shortDir(t)
	carbon, err := StartCarbon(ctx, CarbonConfig{Binary: carbonBinary, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, carbon.Process)
	web, err := StartGraphiteWeb(ctx, GraphiteWebConfig{Manage: manage, Gunicorn: gunicorn, Dir: filepath.Join(dir, "web"), Carbon: carbon})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, web.Process)

	s, err := events.Open(events.Options{
		Name: "events-graphite",
		Destination: events.Graphite{
			URL: web.URL + "/events", Title: "{node}: {summary}", Text: "{details}", Kinds: events.Kinds{"*"},
			Tags: []events.Template{"haproxystats", "{kind}", "{node}", "{backend}"},
		},
		Client:  httpsend.New(httpcall.Options{}),
		Timeout: time.Minute, Dir: filepath.Join(dir, "queue"), Base: "graphite",
		Pace: outbox.Pace{Retries: -1, Interval: 100 * time.Millisecond, Backoff: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	running, end := context.WithCancel(ctx)
	go func() { ended <- s.Run(running) }()
	defer func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()

	now := time.Now().Unix()
	list := []event.Event{
		{ID: "lb1/haproxy/2-1/1", Time: now - 90, Seen: now, Node: "lb1", Kind: event.Reload, OldPid: 1, NewPid: 2, Exact: true},
		{ID: "lb1/haproxy/2-1/2", Time: now - 60, Seen: now, Node: "lb1", Kind: event.ServerState, Backend: "app é", Server: "a\"1", From: "UP", To: "DOWN", Exact: true},
	}
	if err := s.DeliverSnapshot(ctx, snapshot.Snapshot{Epoch: now, Files: snapshot.Memory{snapshot.EventsName: event.Append(nil, list)}}); err != nil {
		t.Fatal(err)
	}

	type shown struct {
		When       int64
		What, Data string
		Tags       []string
	}
	ask := func(tags string) (found []shown) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/events/get_data?"+url.Values{"tags": {tags}, "from": {"-5min"}}.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
			t.Fatalf("status %d: %v", answer.StatusCode, err)
		}
		for _, e := range found {
			slices.Sort(e.Tags)
		}
		slices.SortFunc(found, func(a, b shown) int { return int(a.When - b.When) })
		return found
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for s.Status().Metrics < 2 {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("the events have not been confirmed: %+v", s.Status())
		}
	}
	want := []shown{
		{now - 90, "lb1: HAProxy was reloaded: worker 2 follows 1, no old worker is left", "exact=true old_pid=1 new_pid=2", []string{"haproxystats", "lb1", "reload"}},
		{now - 60, `lb1: server app é/a"1 is DOWN, was UP`, `backend=app é server=a"1 from=UP to=DOWN exact=true`, []string{"app_é", "haproxystats", "lb1", "server_state"}},
	}
	if diff := cmp.Diff(want, ask("haproxystats lb1")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], ask("haproxystats reload")); diff != "" {
		t.Errorf("reloads (-want +got):\n%s", diff)
	}
}
