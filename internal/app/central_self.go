package app

import (
	"context"
	"log/slog"
	"time"

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

// run sends them to a sink until ctx ends. A sink that does not accept them misses them:
// they tell of a moment, and the next ones of the next. That the sink accepts nothing
// is logged where it does not accept windows.
func (c centralSelf) run(ctx context.Context, to sink.Sink) error {
	meter := selfstat.NewCentral(c.sources)
	for {
		at := c.next(time.Now())
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

// next returns the next multiple of the interval after now.
func (c centralSelf) next(now time.Time) time.Time {
	seconds := int64(c.interval / time.Second)
	return time.Unix((now.Unix()/seconds+1)*seconds, 0)
}
