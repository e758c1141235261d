package process

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRetryForAnotherSink tells nothing of a sink that is left out because it has
// accepted the snapshot before.
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

// TestNameUsedAgain: what is known of a snapshot ends with it, so that another
// one of its name is delivered, too.
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

func TestLedgerIsBounded(t *testing.T) {
	var l ledger
	for i := range 3 * maxLedger {
		l.add(fmt.Sprint(i), 0)
		if !l.has(fmt.Sprint(i), 0) || l.has(fmt.Sprint(i), 1) || l.all(fmt.Sprint(i), 2) || !l.all(fmt.Sprint(i), 1) {
			t.Fatalf("%d is not remembered", i)
		}
	}
	if n := len(l.snapshots); n != maxLedger {
		t.Errorf("%d remembered", n)
	}
	if l.all("never", 0) {
		t.Error("a snapshot that was never seen counts as delivered to no sinks")
	}
}
