package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// graphite is a render in memory: what it answers, and what it was asked.
type graphite struct {
	mu     sync.Mutex
	answer string
	err    error
	asked  []string
}

func (g *graphite) get(ctx context.Context, address string, _ *x509.CertPool) ([]byte, error) {
	g.mu.Lock()
	g.asked = append(g.asked, address)
	answer, err := g.answer, g.err
	g.mu.Unlock()
	if answer == "silence" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []byte(answer), err
}

// questions returns what it was asked.
func (g *graphite) questions() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

// journal is a log that is read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// shows lets it have values up to a time.
func (g *graphite) shows(t time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = fmt.Sprintf(`[{"target":"x","datapoints":[[1,%d],[2,%d],[null,%d]]}]`, t.Unix()-10, t.Unix(), t.Unix()+10)
	g.err = nil
}

func run(t *testing.T, g *graphite, confirmed func() time.Time, test func(v *Verifier, log *journal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		v := New(Options{
			URL: "http://g/render", Path: func() string { return "lb.h.haproxystats.MetricsFrontend" }, Get: g.get,
			Confirmed: confirmed, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		test(v, &log)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// minutes lets so many questions be asked.
func minutes(n int) {
	time.Sleep(time.Duration(n)*interval + limit + time.Second)
	synctest.Wait()
}

func TestArrives(t *testing.T) {
	g := new(graphite)
	run(t, g, time.Now, func(v *Verifier, log *journal) {
		begun := time.Now()
		g.shows(begun.Add(50 * time.Second))
		minutes(1)
		s := v.Status()
		if want := begun.Add(50 * time.Second); !s.Newest.Equal(want) || s.Behind != 10*time.Second || s.Age != time.Since(want) || s.Cause != nil {
			t.Errorf("got %+v, want the newest value at %v, 10s behind", s, want)
		}
		minutes(10)
		asked := g.questions()
		if n := len(asked); n > 12 {
			t.Errorf("got %d questions in 11 minutes, want one a minute", n)
		}
		u, err := url.Parse(asked[0])
		if err != nil || u.Host != "g" || u.Path != "/render" || u.Query().Get("target") != "lb.h.haproxystats.MetricsFrontend" || u.Query().Get("format") != "json" {
			t.Errorf("got question %s, %v, want render of the metric", asked[0], err)
		}
	})
}

// TestBehind: values stop to arrive while snapshots are confirmed.
func TestBehind(t *testing.T) {
	g := &graphite{answer: "[]"} // nothing has ever arrived
	run(t, g, time.Now, func(v *Verifier, log *journal) {
		begun := time.Now()
		minutes(4)
		if s := v.Status(); s.Behind != 4*time.Minute || log.String() != "" {
			t.Errorf("got %+v, log %s, want 4m0s behind and no message", s, log)
		}
		minutes(4)
		if n := strings.Count(log.String(), `level=WARN msg="graphite does not show metrics that were confirmed"`); n != 1 {
			t.Errorf("got %d warnings, want one: %s", n, log)
		}
		if s := v.Status(); !s.Newest.IsZero() || s.Age != time.Since(begun) {
			t.Errorf("got %+v, want no value and the age since the start", s)
		}
		g.shows(time.Now())
		minutes(1)
		if !strings.Contains(log.String(), "graphite shows confirmed metrics again") {
			t.Errorf("the end is not told: %s", log)
		}
	})
}

// TestWaiting: while snapshots wait, Graphite can't be expected to show any.
func TestWaiting(t *testing.T) {
	g := &graphite{answer: "[]"}
	run(t, g, func() time.Time { return time.Time{} }, func(v *Verifier, log *journal) {
		minutes(20)
		if s := v.Status(); s.Behind != 0 || log.String() != "" {
			t.Errorf("got %+v, log %s, want nothing to be behind", s, log)
		}
	})
}

func TestFails(t *testing.T) {
	for _, answer := range []string{"silence", "<html>", `{"a":1}`, `[{"datapoints":[[1]]}]`, `[{"datapoints":[[1,null]]}]`, `[{"datapoints":[[1,"now"]]}]`, ""} {
		g := &graphite{answer: answer}
		if answer == "" {
			g.err = errors.New("refused")
		}
		run(t, g, time.Now, func(v *Verifier, log *journal) {
			minutes(3)
			s := v.Status()
			if s.Cause == nil || s.Failing.IsZero() || !s.Asked.IsZero() {
				t.Errorf("%q: got %+v, want a cause", answer, s)
			}
			if n := strings.Count(log.String(), "graphite can't be asked which metrics have arrived"); n != 1 {
				t.Errorf("%q: got %d warnings, want one: %s", answer, n, log)
			}
			g.shows(time.Now())
			minutes(1)
			if s := v.Status(); s.Cause != nil || !s.Failing.IsZero() || s.Asked.IsZero() || !strings.Contains(log.String(), "can be asked again") {
				t.Errorf("%q: got %+v, want it over: %s", answer, s, log)
			}
		})
	}
}

// TestClockSetBack: a value that was shown before the clock was set back does not hide
// that none arrives since.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(Options{Path: func() string { return "x" }})
		before := time.Now().Add(2 * time.Hour) // by the clock then
		v.note(before, before, nil)
		time.Sleep(time.Hour)
		for _, newest := range []time.Time{time.Now().Add(-20 * time.Minute), {}} {
			v.note(time.Now(), newest, nil)
			if s := v.Status(); s.Age != 20*time.Minute || s.Behind != 20*time.Minute {
				t.Errorf("newest value at %v: got age %v and %v behind, want 20m0s", newest, s.Age, s.Behind)
			}
		}
	})
}

// TestImpossibleTimes: values of a time that can't be are ignored.
func TestImpossibleTimes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	got, err := newest([]byte(`[{"datapoints":[[1,1e300],[1,-5],[1,0],[7,999990],[null,999999]]},{"datapoints":[[1,999980]]}]`), now)
	if err != nil || got.Unix() != 999990 {
		t.Errorf("got %v, %v, want 999990", got.Unix(), err)
	}
}

// TestAuthoritiesThatCantBeRead are a failure, not a question without them.
func TestAuthoritiesThatCantBeRead(t *testing.T) {
	g := new(graphite)
	v := New(Options{Get: g.get, Path: func() string { return "x" }, Roots: func() (*x509.CertPool, error) { return nil, errors.New("ca-file") }})
	if _, err := v.Ask(t.Context()); err == nil || len(g.questions()) != 0 {
		t.Errorf("got %v and %d questions, want an error and none", err, len(g.questions()))
	}
}
