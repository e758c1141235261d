package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text encodes a batch as its epoch and every value, so that equal batches are equal
// text.
type text struct{}

func (text) Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error) {
	_, err = fmt.Fprintf(w, "%d:%s\n", b.Epoch, encoded(b))
	return int64(b.Points()), 0, err
}

func encoded(b *metric.Batch) string {
	var s strings.Builder
	for _, t := range b.Tables {
		for _, row := range t.Rows() {
			for col := range t.Columns() {
				if v, ok := t.At(row, col); ok {
					fmt.Fprintf(&s, " %v", v.Number())
				}
			}
		}
	}
	return s.String()
}

// destination is a Transport in memory.
type destination struct {
	mu     sync.Mutex
	refuse func(text string) error // nil takes everything
	got    []string
	more   chan struct{} // a token when something has come
}

func newDestination() *destination { return &destination{more: make(chan struct{}, 1)} }

func (d *destination) Send(_ context.Context, _ int64, write func(io.Writer) error) (string, error) {
	var buffer bytes.Buffer
	if err := write(&buffer); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		if err := d.refuse(buffer.String()); err != nil {
			return "", err
		}
	}
	d.got = append(d.got, buffer.String())
	select {
	case d.more <- struct{}{}:
	default:
	}
	return "memory", nil
}

func (d *destination) set(refuse func(string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = refuse
}

// epochs returns what has come, in order.
func (d *destination) epochs() (epochs []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, text := range d.got {
		epoch, _, _ := strings.Cut(text, ":")
		epochs = append(epochs, epoch)
	}
	return epochs
}

var errDown = fmt.Errorf("dial: %w", syscall.ECONNREFUSED)

func down(string) error { return errDown }

// probed is a destination that can be asked whether it works.
type probed struct {
	*destination
	probe func() error
}

func (p probed) Probe(context.Context) error { return p.probe() }

func openQueue(t testing.TB, dir string) *sink.Queue {
	t.Helper()
	q, err := sink.OpenQueue(sink.QueueOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// outboxOf returns an outbox to transport, what it logs, and its queue.
func outboxOf(t testing.TB, transport Transport) (*Outbox, *bytes.Buffer, *sink.Queue) {
	var log bytes.Buffer
	q := openQueue(t, t.TempDir())
	return New(Options{
		Name: "memory", Transport: transport, NewEncoder: func() Encoder { return text{} },
		Pace:  Pace{Retries: 3, Interval: time.Second, Backoff: 2, Delay: 10 * time.Second},
		Queue: q, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}), &log, q
}

// run runs the outbox for so long.
func run(t testing.TB, o *Outbox, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := o.Run(ctx); err != nil {
		t.Error(err)
	}
}

func deliver(t testing.TB, o *Outbox, epochs ...int64) {
	t.Helper()
	for _, epoch := range epochs {
		if err := o.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
			t.Fatal(err)
		}
	}
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestContract(t *testing.T) {
	sinktest.Test(t, func(t *testing.T) sinktest.Target {
		d := newDestination()
		dir := filepath.Join(t.TempDir(), "queue")
		return sinktest.Target{
			Open: func(t *testing.T) (sink.Sink, func()) {
				q := openQueue(t, dir)
				o := New(Options{
					Name: "memory", Transport: d, NewEncoder: func() Encoder { return text{} },
					Pace: Pace{Interval: time.Millisecond, Backoff: 1, Delay: time.Millisecond}, Queue: q,
				})
				return o, func() { q.Close() }
			},
			Break:  func(*testing.T) { d.set(down) },
			Repair: func(*testing.T) { d.set(nil) },
			Await: func(ctx context.Context, b *metric.Batch) error {
				want := fmt.Sprintf("%d:%s\n", b.Epoch, encoded(b))
				for {
					d.mu.Lock()
					there := slices.Contains(d.got, want)
					d.mu.Unlock()
					if there {
						return nil
					}
					select {
					case <-d.more:
					case <-ctx.Done():
						return fmt.Errorf("missing %.40q", want)
					}
				}
			},
		}
	})
}

// TestRefusedBatch has a destination that refuses one batch. The others are delivered,
// the log does not report an outage, and nothing is lost.
func TestRefusedBatch(t *testing.T) {
	reset := fmt.Errorf("write: %w", syscall.ECONNRESET)
	for _, c := range []struct {
		name      string
		err       error
		transport func(*destination) Transport
	}{
		{"without a word", reset, func(d *destination) Transport { return probed{d, func() error { return nil }} }},
		{"with a word", &ItemError{errors.New("400 Bad Request")}, func(d *destination) Transport { return d }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDestination()
				poison := func(text string) error {
					if strings.HasPrefix(text, "1001:") {
						return c.err
					}
					return nil
				}
				d.set(down)
				o, log, q := outboxOf(t, c.transport(d))
				deliver(t, o, 1000, 1001, 1002, 1003)
				d.set(poison)
				run(t, o, 50*time.Second)
				equal(t, "delivered", d.epochs(), []string{"1000", "1002", "1003"})
				s := o.Status()
				if s.Queue.Refused != 1 || s.Queue.Batches != 1 || !s.Health.Down.IsZero() {
					t.Errorf("got status %+v, queue %+v, want one refused batch and no outage", s, s.Queue)
				}
				if n := strings.Count(log.String(), "destination refuses a batch and takes others"); n != 1 || !strings.Contains(log.String(), "snapshot=1001") {
					t.Errorf("got %d messages about the batch, want one: %s", n, log)
				}
				// Fresh ones don't wait for it.
				deliver(t, o, 1004)
				equal(t, "delivered", d.epochs(), []string{"1000", "1002", "1003", "1004"})
				before := strings.Count(log.String(), "\n")
				run(t, o, time.Hour)
				if got := strings.Count(log.String(), "\n"); got > before+1 { // that the queue holds something
					t.Errorf("tries later are logged again: %s", log)
				}
				d.set(nil)
				run(t, o, 2*time.Hour)
				equal(t, "delivered", d.epochs(), []string{"1000", "1002", "1003", "1004", "1001"})
				if batches := q.Stats().Batches; batches != 0 {
					t.Errorf("got %d batches that wait, want none", batches)
				}
			})
		})
	}
}

// TestGivenUp has a destination that is down, and a transport that gives a batch up: it leaves
// the queue, the others go on, and the destination is as down as before.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDestination()
		d.set(down)
		o, log, q := outboxOf(t, d)
		deliver(t, o, 1000, 1001)
		d.set(func(text string) error {
			if strings.HasPrefix(text, "1000:") {
				return &ExpiredError{errors.New("too old")}
			}
			return errDown
		})
		run(t, o, time.Minute)
		s := o.Status()
		equal(t, "batches that wait", q.Stats().Batches, 1)
		equal(t, "batches and metrics delivered", []int64{s.Batches, s.Metrics, s.Resent}, []int64{0, 0, 0})
		if s.Health.Down.IsZero() || !s.Health.Confirmed.IsZero() || strings.Contains(log.String(), "up again") {
			t.Errorf("got health %+v, log %s, want it down", s.Health, log)
		}
		d.set(nil)
		run(t, o, time.Minute)
		equal(t, "delivered", d.epochs(), []string{"1001"})
	})
}

// TestOutageIsNotARefusal has a destination that answers probes and confirms nothing. It
// counts as down, and the order of the batches stays.
func TestOutageIsNotARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDestination()
		d.set(down)
		o, log, _ := outboxOf(t, probed{d, func() error { return nil }})
		deliver(t, o, 1000, 1001, 1002)
		run(t, o, 5*time.Minute)
		if s := o.Status(); s.Health.Down.IsZero() || !errors.Is(s.Health.Cause, syscall.ECONNREFUSED) {
			t.Errorf("got health %+v, want down", s.Health)
		}
		d.set(nil)
		run(t, o, time.Minute)
		equal(t, "delivered", d.epochs(), []string{"1000", "1001", "1002"})
		if strings.Contains(log.String(), "refuses a batch") {
			t.Errorf("the outage is said to be a batch's: %s", log)
		}
	})
}

// TestReachedAndSilent has a destination that can be reached and confirms no batch, such
// as one that sends a banner. The log says so once.
func TestReachedAndSilent(t *testing.T) {
	const text = "destination can be reached and confirms nothing, and gets the same metrics at each try"
	for _, c := range []struct {
		name  string
		probe error
		want  int
	}{{"reached", nil, 1}, {"not reached", errDown, 0}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDestination()
				banner := errors.New("it answers")
				d.set(func(string) error { return banner })
				o, log, _ := outboxOf(t, probed{d, func() error { return c.probe }})
				deliver(t, o, 1000, 1001)
				run(t, o, 20*time.Minute)
				if got := strings.Count(log.String(), text); got != c.want {
					t.Errorf("got %d messages %q, want %d: %s", got, text, c.want, log)
				}
				h := o.Status().Health
				if got := strings.HasPrefix(fmt.Sprint(h.Cause), "the destination can be reached and confirms nothing: "); got != (c.want == 1) || c.want == 1 && !errors.Is(h.Cause, banner) {
					t.Errorf("got cause %v", h.Cause)
				}
				d.set(nil)
				run(t, o, time.Minute)
				equal(t, "delivered", d.epochs(), []string{"1000", "1001"})
			})
		})
	}
}

// TestOutageIsReminded checks that the log has a reminder every ten minutes, with the size
// of the queue, and each new cause.
func TestOutageIsReminded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDestination()
		d.set(down)
		o, log, _ := outboxOf(t, d)
		start := time.Now().Unix()
		deliver(t, o, start, start+10)
		run(t, o, 25*time.Minute)
		d.set(func(string) error { return fmt.Errorf("read 127.0.0.1:%d: %w", time.Now().Unix(), syscall.ECONNRESET) })
		run(t, o, 10*time.Minute)
		for text, want := range map[string]int{
			`level=WARN msg="destination is down, its metrics wait in the queue" sink=memory`:                   1,
			`level=WARN msg="destination is still down" sink=memory down=`:                                      3,
			`level=WARN msg="destination is still down, for another reason" sink=memory error="read 127.0.0.1:`: 1,
		} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("got %q %d times, want %d: %s", text, got, want, log)
			}
		}
		if !strings.Contains(log.String(), "batches=2 ") || !strings.Contains(log.String(), " oldest=10m") {
			t.Errorf("the reminder does not say what waits: %s", log)
		}
		d.set(nil)
		run(t, o, time.Minute)
		if !strings.Contains(log.String(), `level=INFO msg="destination is up again" sink=memory server=memory`) {
			t.Errorf("the end is not told: %s", log)
		}
	})
}

// brokenQueue is a queue of which nothing can be read for a while.
type brokenQueue struct {
	*sink.Queue
	err error
}

func (q *brokenQueue) First(send func(sink.Item) error) error {
	return q.Queue.First(func(i sink.Item) error {
		if q.err != nil {
			i.Content = q
		}
		return send(i)
	})
}

func (q *brokenQueue) WriteTo(io.Writer) (int64, error) { return 0, q.err }

// TestFaultOfTheQueue checks that the log does not blame the destination for a queue that
// can't be read.
func TestFaultOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDestination()
		o, log, q := outboxOf(t, d)
		broken := &brokenQueue{q, syscall.EMFILE}
		o.opt.Queue = broken
		if err := q.Append(1000, func(w io.Writer) (int, error) { return text{}.count(w) }); err != nil {
			t.Fatal(err)
		}
		run(t, o, time.Minute)
		broken.err = nil
		run(t, o, time.Minute)
		equal(t, "delivered", d.epochs(), []string{"1000"})
		if text := log.String(); strings.Contains(text, "is down") || strings.Contains(text, "is up again") ||
			strings.Count(text, "metrics in the queue can't be sent, will try again") != 1 ||
			strings.Count(text, "metrics in the queue can be sent again") != 1 {
			t.Errorf("got log %s, want begin and end of the queue's fault", text)
		}
	})
}

// count encodes a batch as Append wants it.
func (e text) count(w io.Writer) (int, error) {
	n, _, err := e.Encode(w, sinktest.Batch(1000))
	return int(n), err
}

func TestLimit(t *testing.T) {
	for size, want := range map[int64]time.Duration{
		0: LiveLimit, slowest: LiveLimit + time.Second, slowest / 4: LiveLimit + time.Second/4,
		math.MaxInt64: LiveLimit + maxLimit,
	} {
		if got := Limit(size); got != want {
			t.Errorf("Limit(%d): got %v, want %v", size, got, want)
		}
	}
}

// slowToConfirm is a destination that confirms when it is told to.
type slowToConfirm struct{ confirm chan struct{} }

func (d slowToConfirm) Send(_ context.Context, _ int64, write func(io.Writer) error) (string, error) {
	if err := write(io.Discard); err != nil {
		return "", err
	}
	<-d.confirm
	return "memory", nil
}

// TestNextBeforeTheConfirmation checks that next is called once the bytes are written, and
// before the confirmation.
func TestNextBeforeTheConfirmation(t *testing.T) {
	d := slowToConfirm{make(chan struct{})}
	o, _, _ := outboxOf(t, d)
	next := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- o.DeliverThen(t.Context(), &metric.Batch{Epoch: 1}, func() { close(next) }) }()
	<-next
	select {
	case err := <-done:
		t.Errorf("delivered before it is confirmed: %v", err)
	default:
	}
	close(d.confirm)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
