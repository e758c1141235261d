package app

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
)

// centralSelf sends the metrics of haproxystats-central itself, below the path of its
// host. Each sink gets them once an interval.
type centralSelf struct {
	sources  selfstat.CentralSources
	node     func() string // returns the host's name
	interval time.Duration
	log      *slog.Logger
}

// turns is the number of deliveries to a sink that may be in flight: a sink that holds
// its connection to be sure (confirm-hold) takes longer than the shortest interval.
const turns = 2

// run sends them to a sink until ctx ends.
func (c centralSelf) run(ctx context.Context, to sink.Sink) error {
	var g errgroup.Group
	for turn := range int64(turns) {
		g.Go(func() error { return c.take(ctx, to, turn) })
	}
	return g.Wait()
}

// take sends them in every interval whose number, divided by turns, leaves turn. A sink
// that does not accept them misses them: they tell of a moment, and the next ones of the
// next. That the sink accepts nothing is logged where it does not accept windows.
func (c centralSelf) take(ctx context.Context, to sink.Sink, turn int64) error {
	meter := selfstat.NewCentral(c.sources)
	for {
		at := c.next(time.Now(), turn)
		if outbox.Sleep(ctx, time.Until(at)) != nil {
			return nil
		}
		err := to.Deliver(ctx, &metric.Batch{
			Node: c.node(), Epoch: at.Unix(), Interval: c.interval, Tables: []*metric.Table{meter.Table()},
		})
		if err != nil && ctx.Err() == nil {
			c.log.Debug("sink did not accept this program's own metrics", "sink", to.Name(), "error", err)
		}
	}
}

// next returns the beginning of the next interval after now whose number, divided by
// turns, leaves turn.
func (c centralSelf) next(now time.Time, turn int64) time.Time {
	seconds := int64(c.interval / time.Second)
	number := now.Unix()/seconds + 1
	number += (turn - number%turns + turns) % turns
	return time.Unix(number*seconds, 0)
}
