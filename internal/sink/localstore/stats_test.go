package localstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
)

func TestStats(t *testing.T) {
	dir := t.TempDir()
	s := New(dir, paths)
	if got := s.Status(); got != (sink.Status{}) {
		t.Errorf("at first %+v", got)
	}
	var want sink.Status
	for epoch := range int64(3) {
		b := sinktest.Batch(7 + epoch)
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		want.Batches++
		want.Metrics += int64(b.Points())
		want.Bytes += int64(len(read(t, dir, b.Epoch)))
	}
	// A link in the directory's place is refused.
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "99")); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), sinktest.Batch(99)); err == nil {
		t.Error("a link was followed")
	}
	want.Failures++
	// The end of the program is no failure.
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Deliver(ended, sinktest.Batch(100)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	got := s.Status()
	got.Health = sink.Health{} // TestHealth's
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := New(dir, paths)
		if got := s.Status().Health; got != (sink.Health{}) {
			t.Errorf("at first %+v", got)
		}
		if err := os.Symlink(t.TempDir(), filepath.Join(dir, "99")); err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(t.Context(), sinktest.Batch(1)); err != nil {
			t.Fatal(err)
		}
		confirmed := time.Now()
		time.Sleep(time.Minute)
		down := time.Now()
		for range 2 {
			err := s.Deliver(t.Context(), sinktest.Batch(99))
			if got := s.Status().Health; got.Confirmed != confirmed || got.Down != down || got.Cause == nil || !strings.Contains(err.Error(), got.Cause.Error()) {
				t.Errorf("%v: %+v", err, got)
			}
			time.Sleep(time.Minute)
		}
		if err := s.Deliver(t.Context(), sinktest.Batch(2)); err != nil {
			t.Fatal(err)
		}
		if got := s.Status().Health; got != (sink.Health{Confirmed: time.Now()}) {
			t.Errorf("at the end %+v", got)
		}
	})
}

func TestStatsOfSkippedMetrics(t *testing.T) {
	long := metric.NewBuilder(metric.Frontend, []metric.Column{{Name: "bin"}, {Name: "bout"}})
	for _, name := range []string{"www", strings.Repeat("w", plaintext.MaxPath)} {
		row := long.Row(metric.Entity{Name: name})
		long.Touch(row)
		long.Add(row, 0, 1)
		long.Add(row, 1, 1)
	}
	s := New(t.TempDir(), paths)
	for range 2 {
		if err := s.Deliver(t.Context(), &metric.Batch{Epoch: 7, Tables: []*metric.Table{long.Table()}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Status(); got.Skipped != 4 || got.Metrics != 4 {
		t.Errorf("%+v, want 4 metrics skipped and 4 written", got)
	}
}
