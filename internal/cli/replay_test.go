package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/app"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
)

// recordedSpool returns a directory with n snapshots, ten seconds apart.
func recordedSpool(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		to := filepath.Join(dir, strconv.Itoa(1700000000+10*i))
		if err := os.CopyFS(to, os.DirFS("../../testdata/recordings/3.4.0-single/1795335820")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newTestReplayer(w io.Writer, total int) *replayer {
	quiet := slog.New(slog.DiscardHandler)
	return &replayer{
		pipeline: app.NewPipeline(aggregate.Options{}, selfstat.Sources{}, quiet),
		progress: newProgress(w, total),
		log:      quiet,
	}
}

func TestReplayKeepsToItsRate(t *testing.T) {
	places, err := recorded(recordedSpool(t, 4), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newTestReplayer(&out, len(places))
		r.rate = 100
		start := time.Now()
		var at []time.Duration
		r.send = func(context.Context, *metric.Batch) (int, int64, error) {
			at = append(at, time.Since(start))
			time.Sleep(time.Second) // which counts
			return 1500, 50_000, nil
		}
		if err := r.run(t.Context(), places); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{0, 15 * time.Second, 30 * time.Second, 45 * time.Second} {
			if at[i] != want {
				t.Errorf("snapshot %d is sent after %v, want %v", i, at[i], want)
			}
		}
		const want = "2 of 4 snapshots (50%), 3000 metrics, 188 metrics/s, 16s left\n" +
			"3 of 4 snapshots (75%), 4500 metrics, 145 metrics/s, 10s left\n" +
			"4 of 4 snapshots (100%), 6000 metrics, 130 metrics/s, 0s left\n" +
			"4 of 4 snapshots, 6000 metrics, 200000 bytes in 46s\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", &out, want)
		}
	})
}

func TestReplayIsInterruptedWhileItWaits(t *testing.T) {
	places, err := recorded(recordedSpool(t, 2), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := newTestReplayer(io.Discard, len(places))
		r.rate = 1
		r.send = func(context.Context, *metric.Batch) (int, int64, error) { return 1500, 50_000, nil }
		if err := r.run(ctx, places); err == nil || err.Error() != "interrupted: to go on, run it with --from 1700000010" {
			t.Error(err)
		}
	})
}

func TestReplayStopsWhereItCanNotSend(t *testing.T) {
	places, err := recorded(recordedSpool(t, 3), 1700000010, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newTestReplayer(io.Discard, len(places))
	calls := 0
	r.send = func(context.Context, *metric.Batch) (int, int64, error) {
		if calls++; calls == 2 {
			return 0, 0, errors.New("graphite is gone")
		}
		return 1, 1, nil
	}
	if err := r.run(t.Context(), places); err == nil || err.Error() != "graphite is gone: to go on, run it with --from 1700000020" {
		t.Error(err)
	}
}

func TestProgressOnTerminals(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var out strings.Builder
	p := newProgress(&out, 3)
	p.terminal, p.start, p.told = true, now, now
	p.now = func() time.Time { return now }
	now = now.Add(time.Second)
	p.add(1000, 1)
	now = now.Add(100 * time.Millisecond) // too soon for another
	p.add(1000, 1)
	if _, err := p.Write([]byte("a warning\n")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(900 * time.Millisecond)
	p.add(1000, 1)
	p.end()
	const want = "1 of 3 snapshots (33%), 1000 metrics, 1000 metrics/s, 2s left" +
		"\r\x1b[Ka warning\n" +
		"3 of 3 snapshots (100%), 3000 metrics, 1500 metrics/s, 0s left" +
		"\r\x1b[K3 of 3 snapshots, 3000 metrics, 3 bytes in 2s\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
