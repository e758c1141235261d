package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestUntilSignal sends signals to a program that needs a time to end.
func TestUntilSignal(t *testing.T) {
	const never = time.Hour
	broken := errors.New("broken")
	for _, test := range []struct {
		name    string
		signals []time.Duration // after the start
		needs   time.Duration   // to end
		fails   error           // what it ends with
		after   time.Duration   // the end, after the start
		err     error
		log     string
	}{
		{"one signal", []time.Duration{time.Minute}, 2 * time.Second, nil, time.Minute + 2*time.Second, nil, "msg=ended"},
		{"at once", []time.Duration{0}, 0, nil, 0, nil, "msg=ended"},
		{"process and group", []time.Duration{0, 3 * time.Millisecond}, 2 * time.Second, nil, 2 * time.Second, nil, "msg=ended"},
		{
			"a burst",
			[]time.Duration{0, time.Millisecond, 2 * time.Millisecond, 300 * time.Millisecond, 499 * time.Millisecond},
			2 * time.Second, nil, 2 * time.Second, nil, "msg=ended",
		},
		{"impatience", []time.Duration{0, 500 * time.Millisecond}, 2 * time.Second, nil, 500 * time.Millisecond, nil, "ending at once"},
		{
			"impatience after a burst",
			[]time.Duration{0, time.Millisecond, 2 * time.Millisecond, time.Second},
			2 * time.Second, nil, time.Second, nil, "ending at once",
		},
		{"does not end", []time.Duration{time.Minute}, never, nil, time.Minute + stopLimit, nil, "work unfinished"},
		{"fails at its end", []time.Duration{time.Minute}, time.Second, broken, time.Minute + time.Second, ErrLogged, "error=broken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var messages []string
				service, _ := told(0, func(m string) error {
					messages = append(messages, m)
					return nil
				})
				signals := make(chan os.Signal, 2)
				start := time.Now()
				for _, after := range test.signals {
					time.AfterFunc(after, func() { signals <- syscall.SIGTERM })
				}
				var log bytes.Buffer
				released := make(chan struct{})
				err := untilSignal(signals, service, slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context) error {
					<-ctx.Done()
					select {
					case <-time.After(test.needs):
					case <-released:
					}
					return test.fails
				})
				if took := time.Since(start); took != test.after {
					t.Errorf("ended after %v, want %v", took, test.after)
				}
				if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
					t.Errorf("error %v, want %v", err, test.err)
				}
				if !strings.Contains(log.String(), test.log) {
					t.Errorf("log:\n%s", log.String())
				}
				if got := strings.Join(messages, " "); got != "STOPPING=1\nWATCHDOG=1" {
					t.Errorf("systemd was told %q", got)
				}
				close(released)
			})
		})
	}
}

// TestEndsByItself ends without any signal.
func TestEndsByItself(t *testing.T) {
	broken := errors.New("broken")
	for want, ends := range map[error]error{nil: nil, ErrLogged: broken} {
		err := untilSignal(nil, nil, slog.New(slog.DiscardHandler), func(context.Context) error { return ends })
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
}

// TestHangingSystemdDoesNotHoldTheEnd has a service manager that accepts no message.
func TestHangingSystemdDoesNotHoldTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		service, _ := told(0, func(string) error {
			<-release
			return nil
		})
		signals := make(chan os.Signal, 2)
		signals <- syscall.SIGTERM
		start := time.Now()
		err := untilSignal(signals, service, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		if took := time.Since(start); err != nil || took > patience {
			t.Errorf("ended after %v with %v", took, err)
		}
		close(release)
	})
}
