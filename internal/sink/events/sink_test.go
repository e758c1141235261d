package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/durable"
	"haproxystats/internal/event"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/tlsfile"
)

// server is a server that answers as the test wants, and what it got.
type server struct {
	mu     sync.Mutex
	answer func(r httpcall.Request) (httpcall.Answer, error) // nil: 200
	got    []httpcall.Request
}

func (s *server) Do(ctx context.Context, r httpcall.Request) (httpcall.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, r)
	if s.answer == nil {
		return httpcall.Answer{Status: 200}, ctx.Err()
	}
	return s.answer(r)
}

func (s *server) Close() {}

func (s *server) set(answer func(r httpcall.Request) (httpcall.Answer, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// always answers with a status.
func always(status int) func(httpcall.Request) (httpcall.Answer, error) {
	return func(httpcall.Request) (httpcall.Answer, error) { return httpcall.Answer{Status: status}, nil }
}

// take returns the requests since it was called before.
func (s *server) take() []httpcall.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// texts returns what the function makes of each request.
func texts(all []httpcall.Request, of func(httpcall.Request) string) (some []string) {
	for _, r := range all {
		some = append(some, of(r))
	}
	return some
}

func body(r httpcall.Request) string { return r.Method + " " + r.URL + " " + string(r.Body) }

var all = Kinds{"*"}

func graphite() Graphite {
	return Graphite{
		URL: "http://graphite/events", Title: "{summary}", Tags: []Template{"haproxystats", "{kind}", "{backend}"}, Text: "{seconds}", Kinds: all,
	}
}

func webhook() Webhook { return Webhook{URL: "http://hook/path?key=T0KEN", MaxEvents: 100, Kinds: all} }

// options returns those of a sink with its queue in the directory.
func options(dir string, s *server, to Destination) Options {
	return Options{
		Name: "events-test", Destination: to, Client: s, Timeout: time.Second, Dir: dir, Base: "test",
		Pace: outbox.Pace{Retries: 3, Interval: time.Second, Backoff: 2, Delay: 10 * time.Second},
	}
}

// started opens a sink and runs it until the returned function is called.
func started(t *testing.T, o Options) (*Sink, func()) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestGraphite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to server
		s, stop := started(t, options(t.TempDir(), &to, graphite()))
		defer stop()
		deliver(t, s)
		deliver(t, s, down, gap)
		synctest.Wait()
		want := []string{
			`POST http://graphite/events/ {"what":"server app/a1 is DOWN, was UP (L4CON, went down 3 times)","tags":"haproxystats server_state app","when":1795890533,"data":""}`,
			`POST http://graphite/events/ {"what":"HAProxy was not asked for 60 seconds","tags":"haproxystats gap","when":1795890534,"data":"60"}`,
		}
		if got := texts(to.take(), body); !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := s.Status(); got.Metrics != 2 || got.Batches != 1 || got.Skipped != 0 || got.Queue.Batches != 0 {
			t.Errorf("got %+v, want 2 events of one batch", got)
		}
	})
}

func TestGraphiteTextsHaveTheLengthOfItsColumns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to server
		g := graphite()
		g.Title, g.Tags = Template(strings.Repeat("é", 300)+"\x00"), []Template{Template(strings.Repeat("a b", 200))}
		s, stop := started(t, options(t.TempDir(), &to, g))
		defer stop()
		deliver(t, s, gap)
		synctest.Wait()
		var sent struct{ What, Tags string }
		if err := json.Unmarshal(to.take()[0].Body, &sent); err != nil {
			t.Fatal(err)
		}
		if len([]rune(sent.What)) != 255 || len([]rune(sent.Tags)) != 255 || strings.Contains(sent.Tags, " ") {
			t.Errorf("got %d and %d characters, want 255 of each, and no space in a tag", len([]rune(sent.What)), len([]rune(sent.Tags)))
		}
	})
}

// TestOutage checks what becomes of events while a destination is away, for each way in
// which it can be.
func TestOutage(t *testing.T) {
	for name, answer := range map[string]func(httpcall.Request) (httpcall.Answer, error){
		"no connection": func(httpcall.Request) (httpcall.Answer, error) { return httpcall.Answer{}, errors.New("refused") },
		"301":           always(301),
		"401":           always(401),
		"403":           always(403),
		"404":           always(404),
		"408":           always(408),
		"429":           always(429),
		"500":           always(500),
		"503":           always(503),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := server{answer: answer}
				dir := t.TempDir()
				s, stop := started(t, options(dir, &to, graphite()))
				deliver(t, s, line(1), line(2))
				deliver(t, s, line(3))
				time.Sleep(30 * time.Second)
				synctest.Wait()
				for _, r := range to.take() {
					if !strings.Contains(string(r.Body), `"when":1795890001,`) {
						t.Errorf("got %s while the first event is not confirmed", r.Body)
					}
				}
				if got := s.Status(); got.Metrics != 0 || got.Queue.Metrics != 3 || got.Health.Down.IsZero() || got.Failures == 0 || got.Skipped != 0 {
					t.Errorf("got %+v, want three events that wait", got)
				}
				stop()
				to.take()
				to.set(nil)
				s, stop = started(t, options(dir, &to, graphite()))
				defer stop()
				deliver(t, s, line(1), line(2), line(4)) // a snapshot comes again
				time.Sleep(30 * time.Second)
				synctest.Wait()
				if got := confirmed(t, &to); !slices.Equal(got, []int{1, 2, 3, 4}) {
					t.Errorf("got the events %v, want each once and in order", got)
				}
				if got := s.Status(); got.Metrics != 4 || got.Queue.Metrics != 0 || !got.Health.Down.IsZero() {
					t.Errorf("got %+v, want four events", got)
				}
			})
		})
	}
}

// confirmed returns the numbers of the events of line that Graphite got after the failures.
func confirmed(t *testing.T, s *server) (numbers []int) {
	t.Helper()
	for _, r := range s.take() {
		var sent struct{ When int }
		if err := json.Unmarshal(r.Body, &sent); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, sent.When-1795890000)
	}
	return numbers
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := server{answer: func(httpcall.Request) (httpcall.Answer, error) {
			return httpcall.Answer{Status: 429, RetryAfter: 5 * time.Minute}, nil
		}}
		s, stop := started(t, options(t.TempDir(), &to, graphite()))
		defer stop()
		deliver(t, s, line(1))
		time.Sleep(5*time.Minute - time.Second)
		if n := len(to.take()); n != 1 {
			t.Errorf("got %d requests within the pause, want 1", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(to.take()); n != 1 {
			t.Errorf("got %d requests after the pause, want 1", n)
		}
	})
}

func TestRefusedEventIsPutAside(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		synctest.Test(t, func(t *testing.T) {
			to := server{}
			to.answer = func(r httpcall.Request) (httpcall.Answer, error) {
				if strings.Contains(string(r.Body), `"when":1795890002,`) {
					return httpcall.Answer{Status: status, Body: []byte("no")}, nil
				}
				return httpcall.Answer{Status: 200}, nil
			}
			var log bytes.Buffer
			o := options(t.TempDir(), &to, graphite())
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			s, stop := started(t, o)
			deliver(t, s, line(1), line(2), line(3))
			deliver(t, s, line(4))
			synctest.Wait()
			stop()
			if got := confirmed(t, &to); !slices.Equal(got, []int{1, 2, 3, 4}) {
				t.Errorf("%d: got %v, want the others to go on", status, got)
			}
			if got := s.Status(); got.Metrics != 3 || got.Skipped != 1 || got.Failures != 0 {
				t.Errorf("%d: got %+v, want three events and one that is left out", status, got)
			}
			data, err := os.ReadFile(filepath.Join(o.Dir, "test.refused"))
			if string(data) != line(2)+"\n" || err != nil {
				t.Errorf("%d: got %q (%v) put aside, want the event", status, data, err)
			}
			if !strings.Contains(log.String(), `answers with status`) || !strings.Contains(log.String(), "event=lb1/haproxy/100-1/2") {
				t.Errorf("%d: got log %s", status, &log)
			}
		})
	}
}

// TestEventThatBreaksTheServer checks that an event at which the server fails for ever does
// not hold up the others for ever.
func TestEventThatBreaksTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := server{}
		to.answer = func(r httpcall.Request) (httpcall.Answer, error) {
			if strings.Contains(string(r.Body), `"when":1795890001,`) {
				return httpcall.Answer{Status: 500}, nil
			}
			return httpcall.Answer{Status: 200}, nil
		}
		s, stop := started(t, options(t.TempDir(), &to, graphite()))
		defer stop()
		deliver(t, s, line(1), line(2))
		time.Sleep(brokenAfter - time.Minute)
		if got := s.Status(); got.Skipped != 0 || got.Queue.Metrics != 2 {
			t.Errorf("got %+v, want two events that wait", got)
		}
		time.Sleep(2 * time.Minute)
		if got := s.Status(); got.Skipped != 1 || got.Metrics != 1 || got.Queue.Metrics != 0 {
			t.Errorf("got %+v, want one event that is put aside and one that was sent", got)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := server{answer: always(503)}
		o := options(t.TempDir(), &to, graphite())
		o.MaxEvents = 2
		s, stop := started(t, o)
		defer stop()
		for n := range 4 {
			deliver(t, s, line(n+1))
		}
		to.set(nil)
		time.Sleep(time.Minute)
		status := s.Status()
		if got := status.Queue.DroppedMetrics; got == 0 || status.Metrics+got != 4 {
			t.Errorf("got %d events sent and %d dropped, want some dropped, and four together", status.Metrics, got)
		}
	})
}

func TestGrafana(t *testing.T) {
	reload := `{"id":"lb1/haproxy/200-2/1","time":100,"seen":101,"node":"lb1","kind":"reload","exact":true,"old_pid":100,"new_pid":200,"old_workers":1}`
	gone := `{"id":"lb1/haproxy/200-2/2","time":160,"seen":161,"node":"lb1","kind":"worker_gone","exact":true,"old_pid":100,"ref":"lb1/haproxy/200-2/1"}`
	other := `{"id":"lb1/haproxy/200-2/3","time":170,"seen":171,"node":"lb1","kind":"worker_gone","exact":true,"old_pid":99,"ref":"lb1/haproxy/100-1/9"}`
	for name, c := range map[string]struct {
		kinds Kinds
		patch int // the status
		want  []string
	}{
		"all kinds": {all, 200, []string{
			`POST http://grafana/api/annotations {"time":100000,"tags":["reload"],"text":"lb1: reload"}`,
			`PATCH http://grafana/api/annotations/42 {"timeEnd":160000}`,
			`POST http://grafana/api/annotations {"time":170000,"tags":["worker_gone"],"text":"lb1: worker_gone"}`,
		}},
		"reloads only": {Kinds{"reload"}, 200, []string{
			`POST http://grafana/api/annotations {"time":100000,"tags":["reload"],"text":"lb1: reload"}`,
			`PATCH http://grafana/api/annotations/42 {"timeEnd":160000}`,
		}},
		"the annotation is gone": {Kinds{"reload"}, 404, []string{
			`POST http://grafana/api/annotations {"time":100000,"tags":["reload"],"text":"lb1: reload"}`,
			`PATCH http://grafana/api/annotations/42 {"timeEnd":160000}`,
			`POST http://grafana/api/annotations {"time":100000,"timeEnd":160000,"tags":["reload"],"text":"lb1: reload"}`,
		}},
		"others": {Kinds{"gap"}, 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := server{}
				to.answer = func(r httpcall.Request) (httpcall.Answer, error) {
					if r.Method == "PATCH" {
						return httpcall.Answer{Status: c.patch}, nil
					}
					return httpcall.Answer{Status: 200, Body: []byte(`{"message":"Annotation added","id":42}`)}, nil
				}
				token := filepath.Join(t.TempDir(), "token")
				write(t, token, "glsa_1\n")
				grafana := func() Destination {
					return &Grafana{
						URL: "http://grafana/api/annotations/", Tags: []Template{"{kind}", "{backend}"}, Text: "{node}: {kind}", Kinds: c.kinds,
						Token: tlsfile.Secret{Option: "grafana-token-file", File: token, Noun: "token"},
					}
				}
				dir := t.TempDir()
				s, stop := started(t, options(dir, &to, grafana()))
				deliver(t, s, reload)
				synctest.Wait()
				stop() // the region is still known after a restart
				s, stop = started(t, options(dir, &to, grafana()))
				defer stop()
				write(t, token, "glsa_2\n") // and the token is read again
				deliver(t, s, gone, other)
				synctest.Wait()
				got := to.take()
				if text := texts(got, body); !reflect.DeepEqual(text, c.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(c.want, "\n"))
				}
				for n, r := range got {
					want := "Bearer glsa_2"
					if n == 0 {
						want = "Bearer glsa_1"
					}
					if r.Header["Authorization"] != want {
						t.Errorf("request %d: got %q, want %q", n, r.Header["Authorization"], want)
					}
				}
			})
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to server
		secret := filepath.Join(t.TempDir(), "secret")
		write(t, secret, "key\n")
		w := webhook()
		w.Secret, w.MaxEvents = tlsfile.Secret{Option: "webhook-secret-file", File: secret, Noun: "secret"}, 2
		s, stop := started(t, options(t.TempDir(), &to, w))
		defer stop()
		deliver(t, s, line(1), line(2), line(3))
		synctest.Wait()
		got := to.take()
		want := []string{
			"POST http://hook/path?key=T0KEN {\"version\":1,\"events\":[" + line(1) + "," + line(2) + "]}\n",
			"POST http://hook/path?key=T0KEN {\"version\":1,\"events\":[" + line(3) + "]}\n",
		}
		if text := texts(got, body); !reflect.DeepEqual(text, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
		}
		for _, r := range got {
			if sign := r.Header[SignatureHeader]; sign != Signature([]byte("key"), r.Body) {
				t.Errorf("got signature %q, want that of the body", sign)
			}
			if len(r.Header[DeliveryHeader]) != 32 {
				t.Errorf("got delivery %q, want 32 digits", r.Header[DeliveryHeader])
			}
		}
	})
}

// TestSignature has the example of RFC 4231, test case 2.
func TestSignature(t *testing.T) {
	want := "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := Signature([]byte("Jefe"), []byte("what do ya want for nothing?")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWebhookFindsTheEventThatIsRefused checks that a batch is halved, both if it is too
// large and if one event of it is refused.
func TestWebhookFindsTheEventThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := server{}
		var taken []string
		to.answer = func(r httpcall.Request) (httpcall.Answer, error) {
			var b struct{ Events []event.Event }
			if err := json.Unmarshal(r.Body, &b); err != nil {
				return httpcall.Answer{}, err
			}
			switch {
			case len(b.Events) > 3:
				return httpcall.Answer{Status: 413}, nil
			case strings.Contains(string(r.Body), "/5\""):
				return httpcall.Answer{Status: 400}, nil
			}
			for _, e := range b.Events {
				taken = append(taken, e.ID[len("lb1/haproxy/100-1/"):])
			}
			return httpcall.Answer{Status: 204}, nil
		}
		s, stop := started(t, options(t.TempDir(), &to, webhook()))
		defer stop()
		var lines []string
		for n := range 10 {
			lines = append(lines, line(n))
		}
		deliver(t, s, lines...)
		synctest.Wait()
		to.take()
		if got := strings.Join(taken, " "); got != "0 1 2 3 4 6 7 8 9" {
			t.Errorf("got the events %s, want all but 5, in order", got)
		}
		if got := s.Status(); got.Skipped != 1 || got.Metrics != 9 {
			t.Errorf("got %+v, want 9 events and one that is left out", got)
		}
	})
}

// TestErrorsDoNotTellTheAddress checks that what stands behind the host of an address is in
// no message.
func TestErrorsDoNotTellTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{200, 302, 400, 401, 404, 429, 500, 503} {
			var log bytes.Buffer
			to := server{answer: always(status)}
			o := options(t.TempDir(), &to, webhook())
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			s, stop := started(t, o)
			deliver(t, s, line(1))
			synctest.Wait()
			stop()
			if text := log.String() + fmt.Sprint(s.Status().Health.Cause); strings.Contains(text, "T0KEN") || strings.Contains(text, "/path") {
				t.Errorf("%d: got %s", status, text)
			}
		}
	})
}

// TestEventsAreSentInOrder tries schedules of snapshots that come once or again, of
// failures before and after the destination has taken a request, and of restarts. Each
// event arrives, in order; one arrives again only if its confirmation was lost.
func TestEventsAreSentInOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "events")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		failing := 0   // requests that will fail
		after := false // behind the destination
		lost := map[string]int{}
		var got []string
		to := &server{}
		to.answer = func(req httpcall.Request) (httpcall.Answer, error) {
			var b struct{ Events []event.Event }
			if err := json.Unmarshal(req.Body, &b); err != nil {
				return httpcall.Answer{}, err
			}
			failed := failing > 0
			if failed {
				failing--
			}
			if !failed || after {
				for _, e := range b.Events {
					got = append(got, e.ID)
					if failed {
						lost[e.ID]++
					}
				}
			}
			if failed {
				return httpcall.Answer{}, errors.New("away")
			}
			return httpcall.Answer{Status: 200}, nil
		}
		w := webhook()
		w.MaxEvents = rapid.IntRange(1, 4).Draw(r, "batch")
		open := func() *Sink {
			s, err := Open(options(dir, to, w))
			if err != nil {
				r.Fatal(err)
			}
			return s
		}
		s := open()
		defer func() { _ = s.Close() }()
		// send does what Run does, without its pauses.
		send := func() {
			for {
				if waiting, _ := s.queue.Len(); waiting == 0 {
					return
				}
				if err := s.queue.First(func(i sink.Item) error {
					_, err := s.transport.Send(context.Background(), i.Size, func(w io.Writer) error {
						_, err := i.Content.WriteTo(w)
						return err
					})
					return err
				}); err != nil {
					return
				}
			}
		}
		var known []string
		next := 0
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			switch rapid.IntRange(0, 5).Draw(r, "step") {
			case 0:
				failing, after = rapid.IntRange(1, 3).Draw(r, "failing"), rapid.Bool().Draw(r, "after")
			case 1:
				if err := s.Close(); err != nil {
					r.Fatal(err)
				}
				s = open()
			case 2: // the last snapshots come again
				deliver(t, s, known[max(0, len(known)-4):]...)
			case 3:
				send()
			default:
				var lines []string
				for range rapid.IntRange(1, 5).Draw(r, "events") {
					lines = append(lines, line(next))
					next++
				}
				deliver(t, s, lines...)
				known = append(known, lines...)
			}
		}
		failing = 0
		send()
		newest := -1
		times := map[string]int{}
		for _, id := range got {
			var n int
			if _, err := fmt.Sscanf(id, "lb1/haproxy/100-1/%d", &n); err != nil {
				r.Fatal(err)
			}
			times[id]++
			if n > newest+1 {
				r.Fatalf("event %d came after %d: %v", n, newest, got)
			}
			newest = max(newest, n)
		}
		if newest != next-1 {
			r.Fatalf("got events up to %d, want %d", newest, next-1)
		}
		for id, n := range times {
			if n > 1+lost[id] {
				r.Fatalf("event %s came %d times, and its confirmation was lost %d times", id, n, lost[id])
			}
		}
	})
}

// TestLedgerIsBounded checks that the file of ids does not grow without end, and that a
// torn line at its end costs no other id.
func TestLedgerIsBounded(t *testing.T) {
	dir := t.TempDir()
	d, err := durable.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l, err := openLedger(d, "sent")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 * maxIDs {
		if err := l.add(fmt.Sprint("id ", n)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "sent"))
	if lines := bytes.Count(data, []byte("\n")); err != nil || lines > 3*maxIDs {
		t.Errorf("got %d lines (%v), want at most %d", lines, err, 3*maxIDs)
	}
	if err := os.WriteFile(filepath.Join(dir, "sent"), append(data, "id 99"...), 0o640); err != nil {
		t.Fatal(err)
	}
	if l, err = openLedger(d, "sent"); err != nil {
		t.Fatal(err)
	}
	if err := l.add("another"); err != nil {
		t.Fatal(err)
	}
	if l, err = openLedger(d, "sent"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"another": true, fmt.Sprint("id ", 5*maxIDs-1): true, fmt.Sprint("id ", 4*maxIDs): true, "id 0": false, "id 99another": false} {
		if got := l.ids.has(id); got != want {
			t.Errorf("%s: got %t, want %t", id, got, want)
		}
	}
}
