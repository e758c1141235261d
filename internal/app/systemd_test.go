package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/process"
	"haproxystats/internal/snapshot"
)

// told is a supervisor whose messages are kept.
func told(watchdog time.Duration, send func(message string) error) (*Supervisor, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &Supervisor{
		send: send, watchdog: watchdog,
		log: slog.New(slog.NewTextHandler(log, nil)), turn: make(chan struct{}, 1),
	}, log
}

func TestNobodyToTell(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	s := newSupervisor(slog.New(slog.DiscardHandler))
	if s != nil {
		t.Fatal("there is a supervisor")
	}
	s.ready()
	s.alive("fine")
	s.stopping()
	if d := s.interval(time.Minute); d != time.Minute {
		t.Errorf("interval %v", d)
	}
}

func TestSupervisorsInterval(t *testing.T) {
	for _, test := range []struct {
		usec string
		want time.Duration
		log  string
	}{
		{"", 10 * time.Second, ""},
		{"600000000", 10 * time.Second, ""},
		{"12000000", 4 * time.Second, ""},
		{"soon", 10 * time.Second, "WATCHDOG_USEC"},
	} {
		t.Setenv("NOTIFY_SOCKET", "/nowhere")
		t.Setenv("WATCHDOG_USEC", test.usec)
		t.Setenv("WATCHDOG_PID", "")
		var log bytes.Buffer
		if got := newSupervisor(slog.New(slog.NewTextHandler(&log, nil))).interval(10 * time.Second); got != test.want {
			t.Errorf("WATCHDOG_USEC=%s: %v, want %v", test.usec, got, test.want)
		}
		if test.log == "" && log.Len() > 0 || !strings.Contains(log.String(), test.log) {
			t.Errorf("WATCHDOG_USEC=%s: log %s", test.usec, log.String())
		}
	}
}

// TestSystemdHangs has a service manager that accepts no message for a while. The program
// does not wait long, and reports again afterwards.
func TestSystemdHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		release := make(chan struct{})
		s, log := told(0, func(m string) error {
			<-release
			got = append(got, m)
			return nil
		})
		for range 3 {
			start := time.Now()
			s.ready()
			if d := time.Since(start); d != patience {
				t.Errorf("took %v", d)
			}
		}
		if n := strings.Count(log.String(), "not taken within 500ms"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, log)
		}
		close(release)
		synctest.Wait()
		s.stopping()
		if want := "READY=1 STOPPING=1\nWATCHDOG=1"; strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestSystemdIsAway(t *testing.T) {
	s, log := told(0, func(string) error { return errors.New("no such file") })
	s.ready()
	s.alive("fine")
	if n := strings.Count(log.String(), "no such file"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log)
	}
}

// oneSnapshot is a source of one snapshot.
type oneSnapshot struct{ claims chan process.Claim }

func (s oneSnapshot) Waiting() int { return len(s.claims) }

func (s oneSnapshot) Claim(ctx context.Context) (process.Claim, error) {
	select {
	case c := <-s.claims:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type noClaim struct{}

func (noClaim) Name() string     { return "1795335122" }
func (noClaim) Identity() string { return "" }
func (noClaim) Lane() string     { return "" }
func (noClaim) Commit() error    { return nil }
func (noClaim) Release(error)    {}
func (noClaim) Postpone()        {}
func (noClaim) Snapshot() (snapshot.Snapshot, error) {
	return snapshot.Snapshot{Epoch: 1795335122, Files: snapshot.Memory{}}, nil
}

type noAggregator struct{}

func (noAggregator) Aggregate(snapshot.Snapshot) (*metric.Batch, error) {
	return new(metric.Batch), nil
}

// stuckSink holds a batch until it is let go.
type stuckSink struct{ release chan struct{} }

func (stuckSink) Name() string { return "stuck" }

func (s stuckSink) Deliver(context.Context, *metric.Batch) error {
	<-s.release
	return nil
}

// TestStuckWorkerGivesNoSignOfLife checks that the watchdog gets signs of life only while
// no worker is stuck.
func TestStuckWorkerGivesNoSignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var signs int
		var last time.Time
		var message string
		s, _ := told(9*time.Second, func(m string) error {
			signs++
			last, message = time.Now(), m
			return nil
		})
		source := oneSnapshot{make(chan process.Claim, 1)}
		sink := stuckSink{make(chan struct{})}
		var p *process.Processor
		p = process.New(process.Options{
			Source: source, Sinks: []process.Sink{sink}, NewAggregator: func() process.Aggregator { return noAggregator{} },
			LivenessInterval: s.interval(time.Minute), StallAfter: 20 * time.Second,
			Alive: func() { s.alive(processStatus(p.Stats(), source.Waiting())) },
		})
		ended := make(chan error, 1)
		go func() { ended <- p.Run(t.Context()) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if signs != 1200 || message != "WATCHDOG=1\nSTATUS=no snapshot done yet, 0 waiting" {
			t.Errorf("%d signs of life in an hour, the last one %q", signs, message)
		}
		source.claims <- noClaim{}
		stuck := time.Now()
		if err := <-ended; !errors.Is(err, process.ErrStalled) {
			t.Errorf("ended by %v", err)
		}
		if d := last.Sub(stuck); d > 23*time.Second {
			t.Errorf("a sign of life %v after the worker was stuck", d)
		}
		close(sink.release)
	})
}

func TestProcessStatus(t *testing.T) {
	got := processStatus(process.Stats{Done: 7, Last: "1795335122"}, 3)
	if want := "last snapshot done 1795335122, 7 done, 3 waiting"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
