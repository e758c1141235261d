// Package sinktest has the tests that every sink must pass. Only tests import it.
package sinktest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
)

// Target is a sink under test, and its destination.
type Target struct {
	// Open opens the sink on its state and destination, which outlive it. After close,
	// Open can open the sink again, as after a restart.
	Open func(t *testing.T) (s sink.Sink, close func())

	// Break makes the destination refuse everything, and Repair ends that.
	Break, Repair func(t *testing.T)

	// Await returns nil once the destination has every value of the batch, unchanged, and
	// an error if ctx ends first.
	Await func(ctx context.Context, b *metric.Batch) error
}

// patience bounds the wait for an event that must come.
const patience = 20 * time.Second

// Test runs the tests, each on a target of its own.
func Test(t *testing.T, target func(t *testing.T) Target) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Target)
	}{
		{"delivers", delivers},
		{"delivers all accepted batches after an outage", survivesOutage},
		{"delivers all accepted batches after a restart", survivesRestart},
		{"accepts or refuses when the context has ended", ended},
		{"takes batches from several workers", concurrent},
		{"does not use the batch after Deliver", releases},
		{"takes a batch twice", twice},
		{"Run ends with its context", ends},
		{"counts what the destination has confirmed", counts},
		{"reports the health of the destination", health},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, target(t)) })
	}
}

// Batch returns a batch with a table of every scope. Its values are derived from the
// epoch.
func Batch(epoch int64) *metric.Batch {
	b, _ := build(epoch)
	return b
}

// build returns the batch of [Batch], and the builders of its tables.
func build(epoch int64) (b *metric.Batch, builders []*metric.Builder) {
	b = &metric.Batch{Epoch: epoch}
	for scope := metric.Scope(0); int(scope) < metric.NumScopes; scope++ {
		t := metric.NewBuilder(scope, []metric.Column{{Name: "scur"}, {Name: "rtime", Combine: metric.Mean}, {Name: "Ulimit-n"}})
		for i := range int64(3) {
			e := metric.Entity{Name: fmt.Sprint("name", i)}
			switch scope {
			case metric.Daemon, metric.Self:
				e.Name = ""
			case metric.Server, metric.Listener, metric.StickTable, metric.Resolver, metric.Certificate, metric.ServerProcesses:
				e.Parent = "backend"
			}
			row := t.Row(e)
			t.Touch(row)
			t.Add(row, 0, epoch+i)
			t.Add(row, 1, epoch)
			t.Add(row, 1, i)
		}
		b.Tables = append(b.Tables, t.Table())
		builders = append(builders, t)
	}
	return b, builders
}

// run starts Run, if the sink has it, and returns a function that ends it.
func run(t *testing.T, s sink.Sink) (stop func()) {
	t.Helper()
	r, ok := s.(sink.Runner)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end with its context")
		}
	})
}

func await(t *testing.T, target Target, batches ...*metric.Batch) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, b := range batches {
		if err := target.Await(ctx, b); err != nil {
			t.Fatalf("batch of %d: %v", b.Epoch, err)
		}
	}
}

func delivers(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	defer run(t, s)()
	if s.Name() == "" {
		t.Error("the sink has no name")
	}
	for epoch := range int64(5) {
		b := Batch(1000 + epoch)
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		await(t, target, b)
	}
}

func survivesOutage(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	defer run(t, s)()
	target.Break(t)
	var accepted []*metric.Batch
	for epoch := range int64(5) {
		b := Batch(1000 + epoch)
		begun := time.Now()
		if s.Deliver(t.Context(), b) == nil {
			accepted = append(accepted, b)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("Deliver took %v with the destination down", took)
		}
	}
	target.Repair(t)
	last := Batch(2000)
	if err := s.Deliver(t.Context(), last); err != nil {
		t.Fatalf("after the repair: %v", err)
	}
	await(t, target, append(accepted, last)...)
}

func survivesRestart(t *testing.T, target Target) {
	s, close := target.Open(t)
	target.Break(t)
	var accepted []*metric.Batch
	for epoch := range int64(5) {
		if b := Batch(1000 + epoch); s.Deliver(t.Context(), b) == nil {
			accepted = append(accepted, b)
		}
	}
	close()
	target.Repair(t)
	s, close = target.Open(t)
	defer close()
	defer run(t, s)()
	await(t, target, accepted...)
}

func ended(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := Batch(1000)
	err := s.Deliver(ctx, b)
	defer run(t, s)()
	if err == nil {
		await(t, target, b)
		return
	}
	if err := s.Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	await(t, target, b)
}

func concurrent(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	defer run(t, s)()
	var all []*metric.Batch
	var wg sync.WaitGroup
	for worker := range int64(4) {
		var mine []*metric.Batch
		for i := range int64(5) {
			mine = append(mine, Batch(1000*(worker+1)+i))
		}
		all = append(all, mine...)
		wg.Go(func() {
			for _, b := range mine {
				if err := s.Deliver(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	await(t, target, all...)
}

func releases(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	b, builders := build(1000)
	same := Batch(1000)
	if err := s.Deliver(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b.Epoch = 1
	for _, builder := range builders {
		builder.Reset()
	}
	defer run(t, s)()
	await(t, target, same)
}

func twice(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	defer run(t, s)()
	for range 2 {
		if err := s.Deliver(t.Context(), Batch(1000)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, target, Batch(1000))
}

func ends(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	run(t, s)()
	target.Break(t)
	stop := run(t, s)
	s.Deliver(t.Context(), Batch(1000)) // accepted or not
	stop()
	target.Repair(t)
}

// awaitStatus returns the sink's status once ok accepts it.
func awaitStatus(t *testing.T, s sink.Sink, what string, ok func(sink.Status) bool) sink.Status {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		status := s.Status()
		if ok(status) {
			return status
		}
		if time.Now().After(deadline) {
			t.Fatalf("got status %+v, want %s", status, what)
		}
		time.Sleep(time.Millisecond)
	}
}

func counts(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	if got := s.Status(); got.Batches != 0 || got.Metrics != 0 || got.Bytes != 0 || got.Failures != 0 || !got.Health.Confirmed.IsZero() || !got.Health.Down.IsZero() {
		t.Errorf("got status %+v before the first batch, want zeros", got)
	}
	defer run(t, s)()
	metrics := int64(0)
	for epoch := range int64(3) {
		b := Batch(1000 + epoch)
		metrics += int64(b.Points())
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		await(t, target, b)
	}
	got := awaitStatus(t, s, "3 batches", func(s sink.Status) bool { return s.Batches >= 3 })
	if got.Batches != 3 || got.Metrics != metrics || got.Bytes <= 0 || got.Failures != 0 || got.Skipped != 0 {
		t.Errorf("got status %+v, want 3 batches of %d metrics and no failures", got, metrics)
	}
	if got.Health.Confirmed.IsZero() || !got.Health.Down.IsZero() || got.Health.Cause != nil {
		t.Errorf("got health %+v, want a confirmation", got.Health)
	}
	if got.Queue != nil && (got.Queue.Batches != 0 || got.Queue.Metrics != 0 || got.Queue.Bytes != 0 || got.Queue.OldestEpoch != 0) {
		t.Errorf("got queue %+v, want an empty one", got.Queue)
	}
}

func health(t *testing.T, target Target) {
	s, close := target.Open(t)
	defer close()
	defer run(t, s)()
	target.Break(t)
	b := Batch(1000)
	accepted := s.Deliver(t.Context(), b) == nil
	got := awaitStatus(t, s, "a failure", func(s sink.Status) bool { return s.Failures > 0 && !s.Health.Down.IsZero() })
	if got.Health.Cause == nil || got.Batches != 0 {
		t.Errorf("got status %+v while the destination is down, want since when and why", got)
	}
	switch {
	case accepted && (got.Queue == nil || got.Queue.Batches != 1 || got.Queue.OldestEpoch != b.Epoch || got.Queue.Bytes <= 0):
		t.Errorf("got queue %+v, want the batch of %d", got.Queue, b.Epoch)
	case accepted && got.Queue.Metrics != int64(b.Points()):
		t.Errorf("got %d metrics in the queue, want %d", got.Queue.Metrics, b.Points())
	}
	target.Repair(t)
	if !accepted {
		if err := s.Deliver(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	await(t, target, b)
	got = awaitStatus(t, s, "a confirmation", func(s sink.Status) bool { return s.Batches == 1 })
	if !got.Health.Down.IsZero() || got.Health.Cause != nil || got.Health.Confirmed.IsZero() {
		t.Errorf("got health %+v after the repair, want a confirmation", got.Health)
	}
}
