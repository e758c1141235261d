package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
)

// noted is a sink that takes down the self metrics that come, and refuses one batch.
type noted struct {
	refuse string
	takes  time.Duration

	mu  sync.Mutex
	got []string
}

func (n *noted) Name() string        { return "noted" }
func (n *noted) Status() sink.Status { return sink.Status{Batches: 7} }

func (n *noted) Deliver(_ context.Context, b *metric.Batch) error {
	time.Sleep(n.takes)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range b.Tables {
		said := fmt.Sprint(b.Node, " ", b.Cluster, b.Epoch, " ", b.Interval)
		for _, name := range []string{"CentralQueueLength", "CentralNotedConfirmedBatches"} {
			v, _ := t.At(t.Rows()[0], t.Column(name))
			said += fmt.Sprint(" ", v.Int)
		}
		if said == n.refuse {
			return errors.New("the disk is full")
		}
		n.got = append(n.got, said)
	}
	return nil
}

// TestCentralSelf: a sink gets the metrics of haproxystats-central at whole intervals,
// also while the ones before take longer than an interval and after some that it did not
// accept, until the program ends.
func TestCentralSelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3 * time.Second) // the clock begins at a whole interval
		begun := time.Now().Unix() - 3
		to := &noted{refuse: fmt.Sprintf("central.example.com %d 10s 6 7", begun+20), takes: 11 * time.Second}
		c := centralSelf{
			sources: selfstat.CentralSources{
				Sources: selfstat.Sources{
					Spool: waitingSpool{}, Retries: zero, LogDropped: zero,
					Sinks: []selfstat.Sink{{Name: "noted", Status: to.Status}},
				},
				Done: zero, OpenWindows: func() int { return 0 }, JournalBytes: zero, AddressesHidden: zero,
			},
			node:     func() string { return "central.example.com" },
			interval: 10 * time.Second,
			log:      slog.New(slog.DiscardHandler),
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.run(ctx, to) }()
		time.Sleep(40 * time.Second)
		end()
		if err := <-done; err != nil {
			t.Errorf("got %v at the end, want nil", err)
		}
		var want []string
		for _, second := range []int64{10, 30, 40} {
			want = append(want, fmt.Sprintf("central.example.com %d 10s 6 7", begun+second))
		}
		if !slices.Equal(to.got, want) {
			t.Errorf("got %q, want %q", to.got, want)
		}
	})
}

func zero() int64 { return 0 }

// waitingSpool has snapshots that wait.
type waitingSpool struct{ emptySpool }

func (waitingSpool) Waiting() int { return 6 }
