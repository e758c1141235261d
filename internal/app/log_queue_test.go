package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/config"
)

// reader is the reader of a log. It can hang, and it can be dead.
type reader struct {
	mu   sync.Mutex
	hang chan struct{} // nil: it reads
	gone bool
	got  bytes.Buffer
}

func (r *reader) Write(line []byte) (int, error) {
	r.mu.Lock()
	hang := r.hang
	r.mu.Unlock()
	if hang != nil {
		<-hang
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return 0, errors.New("broken pipe")
	}
	return r.got.Write(line)
}

func (r *reader) set(gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = gone
}

func (r *reader) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.String()
}

func numberedDrops(lines int) []byte { return fmt.Appendf(nil, "dropped %d\n", lines) }

// TestLogReaderHangs fills the queue while the reader hangs. No write waits, the lines
// stay in order, and the number of dropped lines is in their place.
func TestLogReaderHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{hang: make(chan struct{})}
		q := newLogQueue(r, numberedDrops)
		start := time.Now()
		line := func(i int) string { return fmt.Sprintf("%06d %s\n", i, strings.Repeat("x", 992)) }
		const kilobyte = 1000
		if _, err := q.Write([]byte(line(0))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it is on its way
		fit := maxLogBytes / kilobyte
		for i := range fit + 7 {
			if n, err := q.Write([]byte(line(1 + i))); n != kilobyte || err != nil {
				t.Fatalf("got %d, %v, want %d", n, err, kilobyte)
			}
		}
		if _, err := q.Write([]byte("short\n")); err != nil {
			t.Fatal(err)
		}
		close(r.hang)
		synctest.Wait()
		if _, err := q.Write([]byte("next\n")); err != nil {
			t.Fatal(err)
		}
		q.Close(time.Minute)
		if got := q.total.Load(); got != 8 {
			t.Errorf("got %d dropped in all, want 8", got)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v, want 0", took)
		}
		var want strings.Builder
		for i := range 1 + fit {
			want.WriteString(line(i))
		}
		want.WriteString("dropped 8\nnext\n")
		if got := r.text(); got != want.String() {
			t.Errorf("got %d bytes that end in %q, want %d that end in %q", len(got), got[max(0, len(got)-40):], want.Len(), "dropped 8\nnext\n")
		}
	})
}

// TestLogReaderIsGone writes to a log whose writes fail for a while.
func TestLogReaderIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{gone: true}
		q := newLogQueue(r, numberedDrops)
		for range 5 {
			fmt.Fprintln(q, "lost")
			synctest.Wait()
		}
		r.set(false)
		fmt.Fprintln(q, "read")
		q.Close(time.Minute)
		if got, want := r.text(), "dropped 5\nread\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := q.total.Load(); got != 5 {
			t.Errorf("got %d dropped in all, want 5", got)
		}
	})
}

// TestLogCloseIsBounded closes a log whose reader hangs.
func TestLogCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{hang: make(chan struct{})}
		log, closeLog := openLog(r, config.LogText, slog.LevelInfo, true)
		log.Info("started")
		synctest.Wait()
		start := time.Now()
		closeLog()
		if took := time.Since(start); took != flushLimit {
			t.Errorf("took %v, want %v", took, flushLimit)
		}
		close(r.hang)
	})
}

// TestLogSaysWhatWasDropped checks that the number of dropped lines is in the format of
// the log, whatever its level.
func TestLogSaysWhatWasDropped(t *testing.T) {
	for format, want := range map[config.LogFormat]string{
		config.LogText: "<4>level=WARN msg=\"log messages were dropped, because the log was not read\" messages=3\n",
		config.LogJSON: `<4>{"level":"WARN","msg":"log messages were dropped, because the log was not read","messages":3}` + "\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &reader{gone: true}
			log, closeLog := openLog(r, format, slog.LevelError, true)
			for range 3 {
				log.Error("disk full")
			}
			synctest.Wait()
			r.set(false)
			closeLog()
			if got := r.text(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestDurationsHaveAUnit checks that durations are readable without knowledge of Go.
func TestDurationsHaveAUnit(t *testing.T) {
	for format, want := range map[config.LogFormat]string{
		config.LogText: "<6>level=INFO msg=done duration=1.5s round.skew=2ms\n",
		config.LogJSON: `<6>{"level":"INFO","msg":"done","duration_seconds":1.5,"round":{"skew_seconds":0.002}}` + "\n",
	} {
		var out bytes.Buffer
		newLogger(&out, format, slog.LevelInfo, true).Info("done", "duration", 1500*time.Millisecond, slog.Group("round", "skew", 2*time.Millisecond))
		if got := out.String(); got != want {
			t.Errorf("%v: got %q, want %q", format, got, want)
		}
	}
}
