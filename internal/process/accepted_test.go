package process

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRetryForAnotherSink checks that the log does not mention a sink that is left out
// because it has already accepted the snapshot.
func TestRetryForAnotherSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		full := func(bad int64) func(context.Context, int64) error {
			return func(_ context.Context, epoch int64) error {
				if epoch == bad {
					return errors.New("disk full")
				}
				return nil
			}
		}
		log, stop := run(t, Options{
			Source: s,
			Sinks:  []Sink{newRecorder("takes-first", full(1500000001)), newRecorder("takes-second", full(1500000000))},
		})
		pass(time.Minute)
		for _, sink := range []string{"takes-first", "takes-second"} {
			if n := log.count("accepts snapshots again\" sink=" + sink); n > 1 {
				t.Errorf("%s is said %d times to accept again:\n%s", sink, n, log)
			}
		}
		stopped(t, stop)
	})
}

// TestNameUsedAgain checks that a later snapshot with the same name is delivered, too.
func TestNameUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1)
		sink := newRecorder("sink", nil)
		_, stop := run(t, Options{Source: s, Sinks: []Sink{sink}})
		for n := range 3 {
			pass(time.Hour)
			if got := sink.got[1500000000]; got != n+1 || len(s.now().committed) != n+1 {
				t.Errorf("delivered %d times, committed %q", got, s.now().committed)
			}
			s.mu.Lock()
			s.waiting = append(s.waiting, &claim{s: s, name: "1500000000"})
			s.mu.Unlock()
		}
		stopped(t, stop)
	})
}

// TestNameTakenByAnother has a snapshot replaced by another one of the same name while one
// sink refuses it. The sink that has accepted the first one gets the new one, too.
func TestNameTakenByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1)
		refuses := true
		good := newRecorder("good", nil)
		bad := newRecorder("bad", func(context.Context, int64) error {
			if refuses {
				return errors.New("disk full")
			}
			return nil
		})
		_, stop := run(t, Options{Source: s, Sinks: []Sink{good, bad}})
		pass(10*time.Second + time.Second/10)
		if got := good.got[1500000000]; got != 1 {
			t.Fatalf("the first is accepted %d times, want 1", got)
		}
		s.mu.Lock()
		if len(s.waiting) != 1 {
			t.Fatalf("%d wait, want 1", len(s.waiting))
		}
		s.waiting[0].id = "another"
		refuses = false
		s.mu.Unlock()
		pass(time.Minute)
		if got := good.got[1500000000]; got != 2 || bad.got[1500000000] != 1 {
			t.Errorf("accepted %d and %d times, want 2 and 1", got, bad.got[1500000000])
		}
		stopped(t, stop)
	})
}

func TestAcceptedIsBounded(t *testing.T) {
	var a acceptedBy
	for i := range 3 * maxAccepted {
		c := &claim{name: fmt.Sprint(i)}
		a.keep(c, []bool{true, false})
		if n := len(a.snapshots); n > maxAccepted {
			t.Fatalf("%d remembered, want %d at most", n, maxAccepted)
		}
		if i%2 == 0 {
			continue
		}
		if got := a.take(c, 2); !got[0] || got[1] {
			t.Fatalf("snapshot %d: got %v, want the first sink", i, got)
		}
		if got := a.take(c, 2); got[0] || got[1] {
			t.Fatalf("snapshot %d is still remembered: %v", i, got)
		}
	}
	c := &claim{name: "never"}
	a.keep(c, []bool{false, false})
	if a.snapshots["never"].sinks != nil {
		t.Error("what no sink has accepted is remembered")
	}
}
