package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/encode"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/httpsend"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/internal/tlsfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines encodes a batch of n metrics as n lines, some in each body. A batch of sinktest has
// a line for each value.
type lines struct{ each int }

func (l lines) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	all := linesOf(b)
	for part := range slices.Chunk(all, l.each) {
		if err := emit(encode.Message{Metrics: len(part), Value: []byte(strings.Join(part, ""))}); err != nil {
			return err
		}
	}
	return nil
}

func linesOf(b *metric.Batch) (all []string) {
	for _, t := range b.Tables {
		for _, row := range t.Rows() {
			for c, column := range t.Columns() {
				if v, ok := t.At(row, c); ok {
					all = append(all, fmt.Sprintf("%d %d %v %s %v\n", b.Epoch, t.Scope(), t.Entity(row), column.Name, v.Number()))
				}
			}
		}
	}
	return all
}

// batchOf returns a batch of n metrics.
func batchOf(epoch int64, n int) *metric.Batch {
	b := metric.NewBuilder(metric.Backend, []metric.Column{{Name: "scur"}})
	for i := range n {
		row := b.Row(metric.Entity{Name: fmt.Sprintf("app%04d", i)})
		b.Touch(row)
		b.Add(row, 0, int64(i))
	}
	return &metric.Batch{Epoch: epoch, Tables: []*metric.Table{b.Table()}}
}

// splitLines cuts lines in the middle.
func splitLines(body []byte) (first, second []byte, metrics int, ok bool) {
	all := slices.Collect(bytes.Lines(body))
	if len(all) < 2 {
		return nil, nil, 0, false
	}
	half := len(all) / 2
	cut := len(bytes.Join(all[:half], nil))
	return body[:cut], body[cut:], half, true
}

// plain is a format whose compression is a letter.
func plain(each int) Format {
	return Format{
		NewEncoder:  func() Encoder { return lines{each} },
		ContentType: "text/plain", ContentEncoding: "letter", Header: map[string]string{"X-Format": "lines"},
		Compress: func(dst, body []byte) []byte { return append(append(dst, 'z'), body...) },
		Expand: func(body []byte, limit int) ([]byte, error) {
			if len(body)-1 > limit {
				return nil, errLong
			}
			return body[1:], nil
		},
		Split: splitLines,
	}
}

// receiver answers requests in the memory of the test.
type receiver struct {
	mu     sync.Mutex
	answer func(r httpcall.Request) (httpcall.Answer, error) // nil: 204
	got    []string                                          // the first line of each body, and the number of lines
	taken  []string                                          // lines
	last   httpcall.Request
	atOnce int
	most   int
	pause  time.Duration
}

func (s *receiver) Do(ctx context.Context, r httpcall.Request) (httpcall.Answer, error) {
	s.mu.Lock()
	s.atOnce++
	s.most = max(s.most, s.atOnce)
	s.last = r
	text := strings.TrimPrefix(string(r.Body), "z")
	s.got = append(s.got, fmt.Sprintf("%s*%d", strings.Fields(text)[3], strings.Count(text, "\n")))
	answer := s.answer
	s.mu.Unlock()
	if s.pause > 0 {
		if err := outbox.Sleep(ctx, s.pause); err != nil {
			return httpcall.Answer{}, err
		}
	}
	a, err := httpcall.Answer{Status: 204}, error(nil)
	if answer != nil {
		a, err = answer(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atOnce--
	if err == nil && a.Status/100 == 2 {
		s.taken = append(s.taken, slices.Collect(strings.Lines(text))...)
	}
	return a, err
}

func (s *receiver) Close() {}

func (s *receiver) set(answer func(httpcall.Request) (httpcall.Answer, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// take returns the requests since it was called before.
func (s *receiver) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

func always(status int) func(httpcall.Request) (httpcall.Answer, error) {
	return func(httpcall.Request) (httpcall.Answer, error) { return httpcall.Answer{Status: status}, nil }
}

// start runs a sink until the test ends.
func start(t *testing.T, o Options) (*Sink, *bytes.Buffer) {
	t.Helper()
	queue, err := sink.OpenQueue(sink.QueueOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o.Name, o.Queue = "push", queue
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	if o.URL == "" {
		o.URL = "http://receiver.example/write?key=T0KEN"
	}
	o.Timeout = 5 * time.Second
	o.Pace = outbox.Pace{Retries: -1, Interval: 100 * time.Millisecond, Backoff: 2, Delay: 5 * time.Second}
	s := New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, queue.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, &log
}

func deliver(t *testing.T, s *Sink, batches ...*metric.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestSink runs the tests of every sink over HTTP.
func TestSink(t *testing.T) {
	sinktest.Test(t, func(t *testing.T) sinktest.Target {
		dir := t.TempDir()
		var mu sync.Mutex
		var broken atomic.Bool
		have := make(map[string]bool)
		more := make(chan struct{}, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if broken.Load() || err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			if r.Header.Get("Content-Encoding") != "letter" || r.Header.Get("X-Format") != "lines" || r.Header.Get("Content-Type") != "text/plain" {
				t.Errorf("got headers %v, want those of the format", r.Header)
			}
			mu.Lock()
			for line := range strings.Lines(string(body[1:])) {
				have[line] = true
			}
			mu.Unlock()
			select {
			case more <- struct{}{}:
			default:
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		t.Cleanup(server.Close)
		return sinktest.Target{
			Open: func(t *testing.T) (sink.Sink, func()) {
				queue, err := sink.OpenQueue(sink.QueueOptions{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				s := New(Options{
					Name: "push", Format: plain(7), URL: server.URL, Client: httpsend.New(httpcall.Options{Connections: 2}),
					Timeout: 10 * time.Second, Parallel: 2, Queue: queue,
					Pace: outbox.Pace{Retries: -1, Interval: time.Millisecond, Backoff: 2, Delay: 20 * time.Millisecond},
				})
				return s, func() { s.Close(); queue.Close() }
			},
			Break:  func(*testing.T) { broken.Store(true) },
			Repair: func(*testing.T) { broken.Store(false) },
			Await: func(ctx context.Context, b *metric.Batch) error {
				for {
					mu.Lock()
					missing := slices.DeleteFunc(linesOf(b), func(l string) bool { return have[l] })
					mu.Unlock()
					if len(missing) == 0 {
						return nil
					}
					select {
					case <-more:
					case <-ctx.Done():
						return fmt.Errorf("missing %q", missing[0])
					}
				}
			},
		}
	})
}

// TestAnswers has each answer for the first request of three, for an hour and then no more.
// One that is sent again delays all that comes after it, and nothing is lost.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name     string
		answer   httpcall.Answer
		err      error
		requests int    // at least so many in an hour
		most     int    // and at most
		skipped  int64  // metrics
		log      string // a part of it
	}{
		{name: "200", answer: httpcall.Answer{Status: 200}, requests: 1, most: 1},
		{name: "no answer", err: errors.New("connection refused"), requests: 700, most: 750, log: "receiver.example: connection refused"},
		{name: "408", answer: httpcall.Answer{Status: 408}, requests: 700, most: 750, log: "answers with status 408"},
		{name: "429", answer: httpcall.Answer{Status: 429, RetryAfter: time.Minute}, requests: 59, most: 61, log: "answers with status 429"},
		{name: "500", answer: httpcall.Answer{Status: 500, Body: []byte("panic\nkey=T0KEN")}, requests: 700, most: 750, log: `panic ...`},
		{name: "503", answer: httpcall.Answer{Status: 503, RetryAfter: 10 * time.Minute}, requests: 6, most: 7, log: "answers with status 503"},
		{name: "401", answer: httpcall.Answer{Status: 401}, requests: 700, most: 750, log: "Check the secret in [push] and what it allows"},
		{name: "403", answer: httpcall.Answer{Status: 403}, requests: 700, most: 750, log: "Check the secret in [push]"},
		{name: "404", answer: httpcall.Answer{Status: 404, Body: []byte(`{"error":"no such database"}`)}, requests: 700, most: 750, log: `: \"no such database\". Check`},
		{name: "405", answer: httpcall.Answer{Status: 405}, requests: 700, most: 750, log: "Check the address in [push]"},
		{name: "301", answer: httpcall.Answer{Status: 301, Redirect: "http://elsewhere/write"}, requests: 700, most: 750, log: "redirects to"},
		{name: "304", answer: httpcall.Answer{Status: 304}, requests: 700, most: 750, log: "Check the address in [push]"},
		{name: "400", answer: httpcall.Answer{Status: 400, Body: []byte("bad sample")}, requests: 1, most: 1, skipped: 1, log: "bad sample"},
		{name: "422", answer: httpcall.Answer{Status: 422}, requests: 1, most: 1, skipped: 1, log: "destination does not take some metrics"},
		{name: "413", answer: httpcall.Answer{Status: 413}, requests: 1, most: 1, skipped: 1, log: "destination does not take some metrics"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := new(receiver)
				s, log := start(t, Options{Format: plain(1), Client: r})
				asked := 0
				r.set(func(q httpcall.Request) (httpcall.Answer, error) {
					if strings.Contains(string(q.Body), "app0000") {
						asked++
						return c.answer, c.err
					}
					return httpcall.Answer{Status: 204}, nil
				})
				deliver(t, s, batchOf(1000, 3))
				time.Sleep(time.Hour)
				synctest.Wait()
				if asked < c.requests || asked > c.most {
					t.Errorf("got %d requests in an hour, want %d to %d", asked, c.requests, c.most)
				}
				status := s.Status()
				if up := c.most == 1; status.Health.Down.IsZero() != up {
					t.Errorf("got health %+v, want up: %t", status.Health, up)
				}
				r.set(nil)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				status = s.Status()
				equal(t, "metrics left out", status.Skipped, c.skipped)
				equal(t, "metrics delivered", status.Metrics, 3-c.skipped)
				equal(t, "metrics taken", len(r.taken), 3-int(c.skipped))
				equal(t, "batches that wait", status.Queue.Batches, 0)
				if !strings.Contains(log.String(), c.log) || strings.Contains(log.String(), "T0KEN") {
					t.Errorf("got log %s, want %q in it, and no secret", log, c.log)
				}
			})
		})
	}
}

// TestProof: who does not show that it knows the format has stored nothing, and gets the
// request again.
func TestProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		format := plain(3)
		format.Proof, format.Remedy = "X-Written", "Set protocol in [push] to another version"
		s, log := start(t, Options{Format: format, Client: r})
		deliver(t, s, batchOf(1000, 3))
		time.Sleep(time.Minute)
		synctest.Wait()
		status := s.Status()
		if n := len(r.take()); n < 10 || status.Health.Down.IsZero() || status.Metrics != 0 {
			t.Errorf("got %d requests and the status %+v, want several, a receiver that is down, and no metrics", n, status)
		}
		if want := "It does not know this format. Set protocol in [push] to another version"; !strings.Contains(log.String(), want) {
			t.Errorf("got the log %s, want %q in it", log, want)
		}
		r.set(func(httpcall.Request) (httpcall.Answer, error) {
			return httpcall.Answer{Status: 204, Header: map[string]string{"X-Written": "3"}}, nil
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if status := s.Status(); status.Metrics != 3 || status.Queue.Batches != 0 {
			t.Errorf("got the status %+v, want 3 metrics and no batch that waits", status)
		}
	})
}

// TestTranslate: what is in the queue in another version of the format is sent in the present
// one, and the rest as it is.
func TestTranslate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		format := plain(1)
		format.Compress, format.Expand = nil, nil
		format.Translate = func(body []byte) ([]byte, bool) {
			return bytes.ReplaceAll(body, []byte("app0001"), []byte("translated")), bytes.Contains(body, []byte("app0001"))
		}
		s, _ := start(t, Options{Format: format, Client: r})
		deliver(t, s, batchOf(1000, 3))
		time.Sleep(time.Minute)
		synctest.Wait()
		got := strings.Join(r.taken, "")
		if !strings.Contains(got, "translated") || strings.Contains(got, "app0001") || len(r.taken) != 3 {
			t.Errorf("got %q, want 3 lines, of which the second one is translated", got)
		}
		equal(t, "metrics delivered", s.Status().Metrics, 3)
	})
}

// TestOrder: while the oldest batch is not taken, no newer one is sent.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(always(503))
		s, _ := start(t, Options{Format: plain(2), Client: r, Parallel: 4})
		var want []string
		for epoch := range int64(5) {
			b := batchOf(1000+epoch, 2)
			want = append(want, linesOf(b)...)
			deliver(t, s, b)
		}
		time.Sleep(time.Minute)
		r.set(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "taken", r.taken, want)
	})
}

// TestGoesOnBehindWhatWasTaken has a receiver that fails at the third request of six. If it is
// down, nothing is sent behind that; if it fails at this one, the others come first.
func TestGoesOnBehindWhatWasTaken(t *testing.T) {
	for status, order := range map[int][]int{503: {0, 1, 2, 3, 4, 5}, 500: {0, 1, 3, 4, 5, 2}} {
		synctest.Test(t, func(t *testing.T) {
			r := new(receiver)
			r.set(func(q httpcall.Request) (httpcall.Answer, error) {
				if strings.Contains(string(q.Body), "app0002") {
					return httpcall.Answer{Status: status}, nil
				}
				return httpcall.Answer{Status: 204}, nil
			})
			s, _ := start(t, Options{Format: plain(1), Client: r})
			b := batchOf(1000, 6)
			deliver(t, s, b)
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if s.Status().Health.Down.IsZero() {
				t.Errorf("status %d: the destination is up, want down", status)
			}
			r.set(nil)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			var want []string
			for _, n := range order {
				want = append(want, linesOf(b)[n])
			}
			equal(t, fmt.Sprintf("taken, status %d", status), r.taken, want)
			equal(t, "metrics", s.Status().Metrics, 6)
		})
	}
}

// TestBroken: what a receiver fails at for ever is all that is dropped, and a receiver that
// fails at everything gets no more than two requests an attempt.
func TestBroken(t *testing.T) {
	for name, c := range map[string]struct {
		broken  string
		dropped int64
	}{"one": {"app0002", 1}, "all": {"scur", 6}} {
		synctest.Test(t, func(t *testing.T) {
			r := new(receiver)
			r.set(func(q httpcall.Request) (httpcall.Answer, error) {
				if strings.Contains(string(q.Body), c.broken) {
					return httpcall.Answer{Status: 500, RetryAfter: time.Minute}, nil
				}
				return httpcall.Answer{Status: 204}, nil
			})
			s, _ := start(t, Options{Format: plain(1), Client: r, MaxAge: 10 * time.Minute})
			deliver(t, s, batchOf(time.Now().Unix(), 6))
			time.Sleep(90 * time.Second) // two attempts
			synctest.Wait()
			if got := len(r.take()); c.dropped == 6 && got != 4 || c.dropped == 1 && got != 7 {
				t.Errorf("%s: got %d requests in two attempts", name, got)
			}
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			status := s.Status()
			equal(t, name+": dropped", status.Queue.DroppedMetrics, c.dropped)
			equal(t, name+": delivered", status.Metrics, 6-c.dropped)
		})
	}
}

// TestParallel counts the requests at a time.
func TestParallel(t *testing.T) {
	for parallel, want := range map[int]int{0: 1, 1: 1, 3: 3, 20: 10} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{pause: time.Second}
			s, _ := start(t, Options{Format: plain(1), Client: r, Parallel: parallel})
			deliver(t, s, batchOf(1000, 10), batchOf(1001, 1))
			time.Sleep(time.Minute)
			synctest.Wait()
			equal(t, fmt.Sprintf("requests at a time with %d", parallel), r.most, want)
			equal(t, "metrics", s.Status().Metrics, 11)
			if got := r.taken[len(r.taken)-1]; !strings.HasPrefix(got, "1001 ") {
				t.Errorf("got %q as the last line, want that of the second batch", got)
			}
		})
	}
}

// TestSlow has a receiver that answers after the time for a request.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{pause: 10 * time.Second}
		s, log := start(t, Options{Format: plain(1), Client: r})
		deliver(t, s, batchOf(1000, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.Status().Health.Down.IsZero() || !strings.Contains(log.String(), context.DeadlineExceeded.Error()) {
			t.Errorf("got status %+v and log %s, want that it is down for want of an answer", s.Status(), log)
		}
	})
}

// long returns a receiver's answer to bodies of more lines than it takes.
func long(most int) func(httpcall.Request) (httpcall.Answer, error) {
	return func(r httpcall.Request) (httpcall.Answer, error) {
		if bytes.Count(r.Body, []byte("\n")) > most {
			return httpcall.Answer{Status: 413}, nil
		}
		return httpcall.Answer{Status: 204}, nil
	}
}

// TestTooLarge: bodies are cut until the receiver takes them, which the next ones know.
func TestTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(long(600))
		s, log := start(t, Options{Format: plain(2000), Client: r})
		first, second := batchOf(1000, 2000), batchOf(1001, 2000)
		deliver(t, s, first)
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "requests", r.take(), "[app0000*2000 app0000*1000 app0000*500 app0500*500 app1000*500 app1500*500]")
		deliver(t, s, second)
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "requests", r.take(), "[app0000*500 app0500*500 app1000*500 app1500*500]")
		equal(t, "taken", r.taken, append(linesOf(first), linesOf(second)...))
		if n := strings.Count(log.String(), "destination finds requests too large"); n != 2 {
			t.Errorf("got %d messages that requests are made smaller, want 2: %s", n, log)
		}
	})
}

// TestLargerAgain: the bound that a receiver has taught grows after enough bodies that it
// takes, and slower each time that it was too much.
func TestLargerAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, _ := start(t, Options{Format: plain(200), Client: r})
		epoch := int64(1000)
		even := func(epoch int64, n int) *metric.Batch { // whose lines are of one length
			b := metric.NewBuilder(metric.Backend, []metric.Column{{Name: "scur"}})
			for i := range n {
				row := b.Row(metric.Entity{Name: fmt.Sprintf("app%096d", i)})
				b.Touch(row)
				b.Add(row, 0, 7)
			}
			return &metric.Batch{Epoch: epoch, Tables: []*metric.Table{b.Table()}}
		}
		// send delivers batches, and returns after how many requests of 50 lines each larger
		// one came.
		send := func(batches int) (before []int) {
			for range batches {
				epoch++
				deliver(t, s, even(epoch, 2000))
				time.Sleep(time.Second)
				synctest.Wait()
			}
			n := 0
			for _, got := range r.take() {
				if strings.HasSuffix(got, "*50") {
					n++
					continue
				}
				before = append(before, n)
			}
			return before
		}
		r.set(long(60))
		// After 32 requests the bound is 93 lines, after 64 it is 117 and one of 100 is
		// tried; the next one is after twice as many.
		equal(t, "requests of 50 lines before the larger ones", send(5), "[0 0 64 192]")
		equal(t, "metrics left out", s.Status().Skipped, 0)
		r.set(nil)
		send(28)
		epoch++
		deliver(t, s, even(epoch, 200))
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "requests to a receiver that takes all again", r.take(), fmt.Sprintf("[app%096d*200]", 0))
		equal(t, "metrics delivered", s.Status().Metrics, 2000*(epoch-1001)+200)
	})
}

// TestTooLargeForEver: a receiver that finds everything too large gets no request for each
// line.
func TestTooLargeForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(always(413))
		s, _ := start(t, Options{Format: plain(2000), Client: r})
		deliver(t, s, batchOf(1000, 2000))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(r.take()); got > 200 {
			t.Errorf("got %d requests, want few", got)
		}
		equal(t, "left out", s.Status().Skipped, 2000)
	})
}

// TestFloor: one bad metric costs those near it.
func TestFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(func(q httpcall.Request) (httpcall.Answer, error) {
			if strings.Contains(string(q.Body), "app0700") {
				return httpcall.Answer{Status: 400, Body: []byte("duplicate sample")}, nil
			}
			return httpcall.Answer{Status: 204}, nil
		})
		f := plain(2000)
		f.Floor = 100
		s, log := start(t, Options{Format: f, Client: r})
		deliver(t, s, batchOf(1000, 2000), batchOf(1001, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		status := s.Status()
		equal(t, "left out", status.Skipped, 63)
		equal(t, "delivered", status.Metrics, 2001-63)
		equal(t, "taken", len(r.taken), 2001-63)
		if !status.Health.Down.IsZero() || !strings.Contains(log.String(), "duplicate sample") {
			t.Errorf("got status %+v, log %s; want it up, and the reason", status, log)
		}
	})
}

// TestJudge has receivers that store a part.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		units  func([]byte) int
		want   int64
	}{
		"accepted, nothing said":   {200, "", nil, 0},
		"accepted, three rejected": {200, "3", nil, 3},
		"more than there were":     {200, "30", nil, 10},
		"refused, three rejected":  {400, "3", nil, 3},
		"refused, nothing said":    {400, "", nil, 10},
		"of other units":           {400, "1", func([]byte) int { return 3 }, 4},
		"all units":                {400, "3", func([]byte) int { return 3 }, 10},
		"no units":                 {400, "3", func([]byte) int { return 0 }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := new(receiver)
				r.set(func(httpcall.Request) (httpcall.Answer, error) {
					return httpcall.Answer{Status: c.status, Body: []byte(c.body)}, nil
				})
				f := plain(10)
				f.Units = c.units
				f.Judge = func(a httpcall.Answer) (n int, reason string) {
					_, _ = fmt.Sscan(string(a.Body), &n)
					return n, "these are bad"
				}
				s, log := start(t, Options{Format: f, Client: r})
				deliver(t, s, batchOf(1000, 10))
				time.Sleep(time.Minute)
				synctest.Wait()
				equal(t, "left out", s.Status().Skipped, c.want)
				equal(t, "delivered", s.Status().Metrics, 10-c.want)
				equal(t, "requests", len(r.take()), 1)
				if told := strings.Contains(log.String(), "these are bad"); told != (c.body != "") {
					t.Errorf("got log %s, want the reason in it: %t", log, c.body != "")
				}
			})
		})
	}
}

// TestJudgeOfLongAnswers: an answer that is too long to say how much was rejected brings the
// request again in halves, whose answers are shorter.
func TestJudgeOfLongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(func(q httpcall.Request) (httpcall.Answer, error) {
			bad := bytes.Count(q.Body, []byte("7 ")) // of the ten lines app0000 to app0009 or so
			switch {
			case bad == 0:
				return httpcall.Answer{Status: 204}, nil
			case bad > 2:
				bad = -1
			}
			return httpcall.Answer{Status: 400, Body: fmt.Append(nil, bad)}, nil
		})
		f := plain(100)
		f.Judge = func(a httpcall.Answer) (n int, reason string) {
			_, _ = fmt.Sscan(string(a.Body), &n)
			return n, "these are bad"
		}
		s, _ := start(t, Options{Format: f, Client: r})
		b := batchOf(1001, 100)
		bad := 0
		for _, line := range linesOf(b) {
			bad += strings.Count(line, "7 ")
		}
		deliver(t, s, b)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "left out", s.Status().Skipped, bad)
		equal(t, "delivered", s.Status().Metrics, 100-bad)
		if n := len(r.take()); n < 7 || n > 16 {
			t.Errorf("got %d requests, want 7 to 16: halves until their answers are short", n)
		}
	})
}

// TestRevert: an encoder is told that its requests could not be stored.
func TestRevert(t *testing.T) {
	queue, err := sink.OpenQueue(sink.QueueOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer queue.Close()
	full := &fullQueue{Queue: queue, err: syscall.ENOSPC}
	f := plain(2)
	e := &reverter{lines: lines{2}}
	f.NewEncoder = func() Encoder { return e }
	s := New(Options{Format: f, Client: new(receiver), Queue: full})
	if err := s.Deliver(t.Context(), batchOf(1000, 3)); !errors.Is(err, syscall.ENOSPC) || e.reverted != 1 {
		t.Errorf("got the error %v, reverted %d times, want %v and once", err, e.reverted, syscall.ENOSPC)
	}
	full.err = nil
	deliver(t, s, batchOf(1000, 3))
	equal(t, "reverted after what was stored", e.reverted, 1)
}

// fullQueue is a queue that can't store what was encoded.
type fullQueue struct {
	*sink.Queue
	err error
}

func (q *fullQueue) Append(epoch int64, encode func(io.Writer) (int, error)) error {
	return q.Queue.Append(epoch, func(w io.Writer) (int, error) {
		n, err := encode(w)
		return n, errors.Join(err, q.err)
	})
}

type reverter struct {
	lines
	reverted int
}

func (r *reverter) Revert() { r.reverted++ }

// TestMaxAgeOfTheFuture: a batch whose clock was ahead by years does not hold up the others for
// longer than another one.
func TestMaxAgeOfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		future := time.Now().Add(100_000 * time.Hour).Unix()
		r.set(func(q httpcall.Request) (httpcall.Answer, error) {
			if strings.Contains(string(q.Body), fmt.Sprint(future)) {
				return httpcall.Answer{Status: 500}, nil
			}
			return httpcall.Answer{Status: 204}, nil
		})
		s, _ := start(t, Options{Format: plain(2), Client: r, MaxAge: 10 * time.Minute})
		deliver(t, s, batchOf(future, 2))
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		equal(t, "batches dropped before max-age", s.Status().Queue.DroppedBatches, 0)
		deliver(t, s, batchOf(time.Now().Unix(), 2))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		equal(t, "batches dropped", s.Status().Queue.DroppedBatches, 1)
		equal(t, "metrics delivered", s.Status().Metrics, 2)
	})
}

// TestMaxAgeWhenTheClockIsSet: a clock that is set, by hours in either direction, drops no batch
// before its time, and keeps none for longer.
func TestMaxAgeWhenTheClockIsSet(t *testing.T) {
	for _, jump := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := new(receiver)
			r.set(always(503))
			s, _ := start(t, Options{Format: plain(1), Client: r, MaxAge: 2 * time.Hour})
			for range 3 {
				deliver(t, s, batchOf(time.Now().Unix(), 1))
				time.Sleep(time.Minute)
			}
			s.transport.mu.Lock()
			s.transport.now = func() time.Time { return time.Now().Add(jump) }
			s.transport.mu.Unlock()
			late := batchOf(time.Now().Add(jump).Unix(), 1)
			deliver(t, s, late)
			time.Sleep(110 * time.Minute)
			synctest.Wait()
			equal(t, fmt.Sprintf("batches dropped after a jump by %v", jump), s.Status().Queue.DroppedBatches, 0)
			time.Sleep(9*time.Minute + 30*time.Second) // the first three are too old then
			synctest.Wait()
			equal(t, fmt.Sprintf("batches dropped at max-age, after a jump by %v", jump), s.Status().Queue.DroppedBatches, 3)
			r.set(nil)
			time.Sleep(30 * time.Second)
			synctest.Wait()
			equal(t, "taken", r.taken, linesOf(late))
			if n := len(s.transport.waiting); n != 0 {
				t.Errorf("%d times are remembered of batches that do not wait any more", n)
			}
		})
	}
}

// TestMaxAge: batches that are too old are dropped, which the log tells once in an outage,
// and says nothing about the destination.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(func(q httpcall.Request) (httpcall.Answer, error) {
			if strings.Contains(string(q.Body), "app0000") {
				return httpcall.Answer{Status: 204}, nil
			}
			return httpcall.Answer{Status: 500, Body: []byte("bad")}, nil
		})
		s, log := start(t, Options{Format: plain(1), Client: r, MaxAge: 10 * time.Minute})
		for range 3 {
			deliver(t, s, batchOf(time.Now().Unix(), 4))
			time.Sleep(time.Minute)
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		status := s.Status()
		equal(t, "batches dropped", status.Queue.DroppedBatches, 3)
		equal(t, "metrics dropped", status.Queue.DroppedMetrics, 3*3)
		equal(t, "metrics delivered", status.Metrics, 3)
		equal(t, "batches that wait", status.Queue.Batches, 0)
		for text, want := range map[string]int{"metrics are older than max-age": 1, "destination is up again": 0, "destination is down": 1} {
			if n := strings.Count(log.String(), text); n != want {
				t.Errorf("got %q %d times in the log, want %d: %s", text, n, want, log)
			}
		}
		if status.Health.Down.IsZero() {
			t.Error("got a destination that is up after a batch was dropped, want it down")
		}
		r.set(nil)
		deliver(t, s, batchOf(time.Now().Unix(), 4))
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "metrics delivered", s.Status().Metrics, 7)
		if !strings.Contains(log.String(), "destination is up again") {
			t.Errorf("the end of the outage is not told: %s", log)
		}
	})
}

// TestBarren: a receiver that refuses all of a batch does not get it in small parts.
func TestBarren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		r.set(func(q httpcall.Request) (httpcall.Answer, error) {
			if strings.HasPrefix(string(q.Body), "z1000 ") {
				return httpcall.Answer{Status: 400, Body: []byte("out of bounds")}, nil
			}
			return httpcall.Answer{Status: 204}, nil
		})
		f := plain(2000)
		f.Floor = 100
		s, _ := start(t, Options{Format: f, Client: r})
		deliver(t, s, batchOf(1000, 20_000), batchOf(1001, 2000))
		time.Sleep(time.Minute)
		synctest.Wait()
		status := s.Status()
		equal(t, "left out", status.Skipped, 20_000)
		equal(t, "delivered", status.Metrics, 2000)
		if n := len(r.take()); n > 60 {
			t.Errorf("got %d requests, want at most 60: a few parts show that all are refused", n)
		}
	})
}

// TestOnce: a receiver that refuses another value for a time that it has gets none.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		f := plain(100)
		f.Once = true
		s, _ := start(t, Options{Format: f, Client: r})
		first, again, next := batchOf(1000, 3), batchOf(1000, 5), batchOf(1001, 1)
		other := batchOf(1000, 2)
		other.Node = "lb2"
		deliver(t, s, first, again, other, next)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "taken", r.taken, slices.Concat(linesOf(first), linesOf(other), linesOf(next)))
	})
}

// TestCompressionChanges: bodies that an earlier configuration has compressed are sent as
// the present one has it.
func TestCompressionChanges(t *testing.T) {
	codecs := []struct {
		name     string
		compress func(dst, body []byte) []byte
		expand   func(body []byte, limit int) ([]byte, error)
	}{{"", nil, nil}, {"gzip", Gzip, Gunzip}, {"zstd", Zstd, Unzstd}}
	for _, before := range codecs {
		for _, now := range codecs {
			t.Run(before.name+" to "+now.name, func(t *testing.T) {
				queue, err := sink.OpenQueue(sink.QueueOptions{Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				defer queue.Close()
				f := plain(2)
				f.ContentEncoding, f.Compress, f.Expand = before.name, before.compress, before.expand
				b := batchOf(time.Now().Unix(), 5)
				deliver(t, New(Options{Format: f, Client: new(receiver), Queue: queue}), b)
				f.ContentEncoding, f.Compress, f.Expand = now.name, now.compress, now.expand
				var got []string
				client := doFunc(func(q httpcall.Request) (httpcall.Answer, error) {
					if q.Header["Content-Encoding"] != now.name {
						t.Errorf("got the encoding %q, want %q", q.Header["Content-Encoding"], now.name)
					}
					whole := q.Body
					if now.expand != nil {
						var err error
						if whole, err = now.expand(q.Body, MaxBody); err != nil {
							return httpcall.Answer{}, err
						}
					}
					got = append(got, slices.Collect(strings.Lines(string(whole)))...)
					return httpcall.Answer{Status: 204}, nil
				})
				s := New(Options{Format: f, Client: client, Queue: queue, Timeout: time.Minute})
				if err := queue.First(func(i sink.Item) error {
					_, err := s.transport.Send(t.Context(), i.Size, func(w io.Writer) error {
						_, err := i.Content.WriteTo(w)
						return err
					})
					return err
				}); err != nil {
					t.Fatal(err)
				}
				equal(t, "taken", got, linesOf(b))
			})
		}
	}
}

// TestRepeatedDelivery: a batch that is delivered again has the same bytes.
func TestRepeatedDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, _ := start(t, Options{Format: plain(2), Client: r})
		b := batchOf(1000, 3)
		deliver(t, s, b, b)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "taken", r.taken, append(linesOf(b), linesOf(b)...))
	})
}

// TestLongBodies: an encoder's body that is too long is cut, or left out if that can't be.
func TestLongBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		f := plain(0)
		half := strings.Repeat("x", 999) + "\n"
		f.NewEncoder = func() Encoder {
			return encoderFunc(func(b *metric.Batch, emit func(encode.Message) error) error {
				return errors.Join(
					emit(encode.Message{Metrics: 2, Value: []byte(half + half)}),
					emit(encode.Message{Metrics: 1, Value: []byte("x" + half)}),
					emit(encode.Message{Metrics: 1, Value: []byte("a b c d\n")}),
				)
			})
		}
		f.Compress, f.Expand = nil, nil
		s, log := start(t, Options{Format: f, Client: first{r}})
		s.limit = 1000
		deliver(t, s, batchOf(1000, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		status := s.Status()
		equal(t, "delivered and left out", []int64{status.Metrics, status.Skipped}, []int64{3, 1})
		if !strings.Contains(log.String(), errLong.Error()) {
			t.Errorf("got log %s, want %q in it", log, errLong)
		}
	})
}

// first gives a receiver the beginnings of bodies.
type first struct{ *receiver }

func (f first) Do(ctx context.Context, r httpcall.Request) (httpcall.Answer, error) {
	r.Body = []byte("a b c d\n")
	return f.receiver.Do(ctx, r)
}

// doFunc is a client.
type doFunc func(httpcall.Request) (httpcall.Answer, error)

func (f doFunc) Do(_ context.Context, r httpcall.Request) (httpcall.Answer, error) { return f(r) }

func (f doFunc) Close() {}

type encoderFunc func(*metric.Batch, func(encode.Message) error) error

func (f encoderFunc) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	return f(b, emit)
}

// TestLogin has secrets in files, which are read for each request, and a server that repeats
// them.
func TestLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	secret := tlsfile.Secret{Option: "token-file", File: file, Noun: "token"}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"nobody":                     {Options{}, ""},
		"a token":                    {Options{TokenFile: secret}, "Bearer s3cret"},
		"a token of InfluxDB":        {Options{TokenFile: secret, Scheme: Token}, "Token s3cret"},
		"a user":                     {Options{User: "me", PasswordFile: secret}, "Basic bWU6czNjcmV0"},
		"a user without a password":  {Options{User: "me"}, "Basic bWU6"},
		"other headers":              {Options{Header: map[string]string{"X-Scope-Orgid": "a", "Content-Type": "b", "X-Key": "private-key"}}, ""},
		"a secret that is not there": {Options{TokenFile: tlsfile.Secret{Option: "token-file", File: file + "2", Noun: "token"}}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if err := os.WriteFile(file, []byte("0ld"), 0o600); err != nil {
					t.Fatal(err)
				}
				r := new(receiver)
				r.set(func(q httpcall.Request) (httpcall.Answer, error) {
					return httpcall.Answer{Status: 401, Body: []byte("not " + q.Header["Authorization"] + " " + q.Header["X-Key"] + " " + q.URL)}, nil
				})
				o := c.options
				o.Format, o.Client = plain(1), r
				s, log := start(t, o)
				deliver(t, s, batchOf(1000, 1))
				time.Sleep(time.Minute)
				if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if c.want == "-" {
					equal(t, "requests", len(r.take()), 0)
					if !strings.Contains(log.String(), "token-file "+file+"2") {
						t.Errorf("got log %s, want the file in it", log)
					}
					return
				}
				equal(t, "authorization", r.last.Header["Authorization"], c.want)
				equal(t, "content type", r.last.Header["Content-Type"], "text/plain")
				equal(t, "header", r.last.Header["X-Scope-Orgid"], c.options.Header["X-Scope-Orgid"])
				if strings.Contains(log.String(), "private-key") {
					t.Errorf("got the value of a header in the log: %s", log)
				}
				for _, text := range []string{"s3cret", "0ld", "T0KEN", "bWU6", "/write"} {
					if c.want != "" && text != "/write" && strings.Contains(log.String(), text) {
						t.Errorf("got %q in the log: %s", text, log)
					}
				}
			})
		})
	}
}

// TestReplacedSecret: a server repeats a token that was replaced while it had the request.
func TestReplacedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte("0ld"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := new(receiver)
		r.set(func(q httpcall.Request) (httpcall.Answer, error) {
			if err := os.WriteFile(file, []byte("n3w"), 0o600); err != nil {
				t.Error(err)
			}
			return httpcall.Answer{Status: 401, Body: []byte("not " + q.Header["Authorization"])}, nil
		})
		s, log := start(t, Options{Format: plain(1), Client: r, TokenFile: tlsfile.Secret{Option: "token-file", File: file, Noun: "token"}})
		deliver(t, s, batchOf(1000, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if text := log.String(); strings.Contains(text, "0ld") || strings.Contains(text, "n3w") || !strings.Contains(text, "not Bearer ...") {
			t.Errorf("got log %s, want the answer without a token", text)
		}
	})
}

// TestForeignItem: an item of another version stays, and the others go on.
func TestForeignItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, _ := start(t, Options{Format: plain(1), Client: r})
		err := s.opt.Queue.Append(999, func(w io.Writer) (int, error) {
			_, err := io.WriteString(w, "hsp\x02")
			return 1, err
		})
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, s, batchOf(1000, 2))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		status := s.Status()
		equal(t, "delivered", status.Metrics, 2)
		equal(t, "batches that wait", status.Queue.Batches, 1)
	})
}
