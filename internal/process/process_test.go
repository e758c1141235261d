package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestEverySinkThenCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(20)
		a, b := newRecorder("a", nil), newRecorder("b", nil)
		log, stop := run(t, Options{Source: s, Sinks: []Sink{a, b}, Workers: 4})
		synctest.Wait()
		if n := len(s.now().committed); n != 20 {
			t.Errorf("%d committed", n)
		}
		a.once(t, 20)
		b.once(t, 20)
		if n := log.count(`level=INFO msg="snapshot processed" snapshot=15000000`); n != 20 || log.count("points=1 duration=") != 20 {
			t.Errorf("log:\n%s", log)
		}
		if log.count("level=") != 20 || log.count("waiting=0") == 0 {
			t.Errorf("log:\n%s", log)
		}
		stopped(t, stop)
	})
}

func TestWithoutSinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		var aggregated atomic.Int64
		_, stop := run(t, Options{Source: s, NewAggregator: newAggregator(func(int64, fs.FS) error {
			aggregated.Add(1)
			return nil
		})})
		synctest.Wait()
		if len(s.now().committed) != 2 || aggregated.Load() != 2 {
			t.Errorf("%d aggregated, %q committed", aggregated.Load(), s.now().committed)
		}
		stopped(t, stop)
	})
}

// TestSlowSink checks that a slow sink delays no other sink, and that the commit waits for
// it.
func TestSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1)
		slow := newRecorder("slow", func(context.Context, int64) error {
			time.Sleep(10 * time.Second)
			return nil
		})
		fast := newRecorder("fast", nil)
		_, stop := run(t, Options{Source: s, Sinks: []Sink{slow, fast}})
		synctest.Wait()
		fast.once(t, 1)
		slow.once(t, 0)
		if len(s.now().committed) != 0 {
			t.Error("committed before every sink has accepted")
		}
		pass(11 * time.Second)
		slow.once(t, 1)
		if len(s.now().committed) != 1 {
			t.Error("not committed")
		}
		stopped(t, stop)
	})
}

// TestFailingSink checks that only the sink that failed gets the snapshot again, until it
// accepts, and that this does not count as a failed attempt of the snapshot.
func TestFailingSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(8)
		start := time.Now()
		bad := newRecorder("bad", func(context.Context, int64) error {
			if time.Since(start) < time.Hour {
				return errors.New("disk full")
			}
			return nil
		})
		good := newRecorder("good", nil)
		log, stop := run(t, Options{Source: s, Sinks: []Sink{good, bad}, Workers: 2})
		pass(time.Hour)
		// Each worker tries every 5 seconds at least.
		if calls := bad.total(); calls < 1000 || calls > 2*3600/5+50 {
			t.Errorf("%d deliveries in an hour", calls)
		}
		if len(s.now().committed) > 0 || len(s.now().corrupt) > 0 {
			t.Errorf("committed %q, corrupt %q", s.now().committed, s.now().corrupt)
		}
		pass(20 * time.Second)
		if len(s.now().committed) != 8 || len(s.now().released) != 0 {
			t.Errorf("committed %q, released %v", s.now().committed, s.now().released)
		}
		good.once(t, 8)
		bad.once(t, 8)
		for epoch, n := range good.calls {
			if n != 1 {
				t.Errorf("the good sink got %d %d times", epoch, n)
			}
		}
		if log.count("accepts no snapshots") != 1 || log.count("sink=bad") != 2 || log.count("accepts snapshots again") != 1 {
			t.Errorf("log:\n%s", log)
		}
		stopped(t, stop)
	})
}

// TestPoison checks that a snapshot that can't be processed is given up after three
// attempts, and delays no other.
func TestPoison(t *testing.T) {
	tests := []struct {
		name   string
		poison func() error
		log    string
		cause  string
	}{
		{"error", func() error { return errors.New("no replies") }, "", "no replies"},
		{"disk", func() error { return fmt.Errorf("read a_info: %w", syscall.EIO) }, "", "input/output error"},
		{"panic", func() error { panic("out of range") }, "fake_test.go", "panic: out of range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSource(3)
				made := 0
				sink := newRecorder("sink", nil)
				log, stop := run(t, Options{Source: s, Sinks: []Sink{sink}, NewAggregator: func() Aggregator {
					made++
					return newAggregator(func(epoch int64, _ fs.FS) error {
						if epoch == 1500000000 {
							return tt.poison()
						}
						return nil
					})()
				}})
				synctest.Wait() // and no time passes
				if fmt.Sprint(s.now().committed) != "[1500000001 1500000002]" {
					t.Errorf("committed %q", s.now().committed)
				}
				pass(time.Minute)
				if fmt.Sprint(s.now().corrupt) != "[1500000000]" || s.now().released["1500000000"] != 3 {
					t.Errorf("corrupt %q, released %v", s.now().corrupt, s.now().released)
				}
				if got := s.now().causes[0].Error(); !strings.Contains(got, tt.cause) {
					t.Errorf("cause %q lacks %q", got, tt.cause)
				}
				sink.once(t, 2)
				if tt.log != "" {
					if log.count(tt.log) == 0 || log.count("stack=") != 3 || log.count("step=aggregating") != 3 {
						t.Errorf("log:\n%s", log)
					}
					if made != 3 {
						t.Errorf("%d aggregators made, want a new one after a panic", made)
					}
				}
				stopped(t, stop)
			})
		})
	}
}

// TestPanicInSink checks that a panic in a sink counts as an attempt of the snapshot, so
// that it does not repeat for ever.
func TestPanicInSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		bad := newRecorder("bad", func(_ context.Context, epoch int64) error {
			if epoch == 1500000000 {
				panic("out of range")
			}
			return nil
		})
		good := newRecorder("good", nil)
		log, stop := run(t, Options{Source: s, Sinks: []Sink{bad, good}})
		pass(time.Minute)
		if len(s.now().corrupt) != 1 || len(s.now().committed) != 1 {
			t.Errorf("corrupt %q, committed %q", s.now().corrupt, s.now().committed)
		}
		bad.once(t, 1)
		good.once(t, 2)
		if log.count("stack=") != 3 || log.count("delivering to bad") != 3 {
			t.Errorf("log:\n%s", log)
		}
		stopped(t, stop)
	})
}

// TestExhausted checks that a lack of file descriptors does not count as an attempt.
func TestExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(3)
		start := time.Now()
		var reads atomic.Int64
		_, stop := run(t, Options{Source: s, NewAggregator: newAggregator(func(int64, fs.FS) error {
			reads.Add(1)
			if time.Since(start) < time.Hour {
				return fmt.Errorf("read a_info: %w", &fs.PathError{Op: "open", Path: "a_info", Err: syscall.EMFILE})
			}
			return nil
		})})
		pass(time.Hour)
		if n := reads.Load(); n > 3600/5+10 {
			t.Errorf("%d reads in an hour", n)
		}
		pass(10 * time.Second)
		if len(s.now().committed) != 3 || len(s.now().released) != 0 {
			t.Errorf("committed %q, released %v", s.now().committed, s.now().released)
		}
		stopped(t, stop)
	})
}

// TestCommitFails checks that only the commit is repeated.
func TestCommitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(3)
		start := time.Now()
		var reads atomic.Int64
		s.commitErr = func(string) error {
			if time.Since(start) < time.Hour {
				return syscall.EROFS
			}
			return nil
		}
		sink := newRecorder("sink", nil)
		log, stop := run(t, Options{Source: s, Sinks: []Sink{sink}, NewAggregator: newAggregator(func(int64, fs.FS) error {
			reads.Add(1)
			return nil
		})})
		pass(time.Hour + 20*time.Second)
		if len(s.now().committed) != 3 || len(s.now().released) != 0 {
			t.Errorf("committed %q, released %v", s.now().committed, s.now().released)
		}
		sink.once(t, 3)
		if n := reads.Load(); n != 3 {
			t.Errorf("%d reads of 3 snapshots", n)
		}
		if log.count("can't be removed from the spool") != 1 {
			t.Errorf("log:\n%s", log)
		}
		stopped(t, stop)
	})
}

// TestVanished checks that a snapshot with the name of one that vanished is delivered.
func TestVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1)
		commits := 0
		s.commitErr = func(string) error {
			if commits++; commits == 1 {
				return fmt.Errorf("commit: %w", fs.ErrNotExist)
			}
			return nil
		}
		sink := newRecorder("sink", nil)
		log, stop := run(t, Options{Source: s, Sinks: []Sink{sink}})
		pass(time.Minute)
		if got := sink.got[1500000000]; got != 2 || len(s.now().committed) != 1 {
			t.Errorf("delivered %d times, committed %q", got, s.now().committed)
		}
		if log.count("vanished") != 1 {
			t.Errorf("log:\n%s", log)
		}
		stopped(t, stop)
	})
}

func TestSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2)
		start := time.Now()
		var claims atomic.Int64
		s.claimErr = func() error {
			claims.Add(1)
			if hour := time.Since(start) / time.Hour; hour == 0 || hour == 2 {
				return errors.New("no descriptors")
			}
			return nil
		}
		log, stop := run(t, Options{Source: s})
		pass(time.Hour)
		if n := claims.Load(); n > 3600/5+10 {
			t.Errorf("%d claims in an hour", n)
		}
		pass(10 * time.Second)
		if len(s.now().committed) != 2 || log.count("no descriptors") != 1 {
			t.Errorf("committed %q, log:\n%s", s.now().committed, log)
		}
		pass(3 * time.Hour) // there is another outage in it
		if log.count("no descriptors") != 2 {
			t.Errorf("log:\n%s", log)
		}
		stopped(t, stop)
	})
}
