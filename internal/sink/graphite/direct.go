package graphite

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
)

// Direct delivers batches without a queue: whoever sends one waits until the
// server has confirmed it. It is not safe for concurrent use.
type Direct struct {
	log       *slog.Logger
	relays    *relays
	pace      outbox.Pace
	patience  time.Duration
	formatter *Formatter
}

// NewDirect returns what sends as a [Sink] of these options does. Their queue
// is not used. Patience is how long the server may be down.
func NewDirect(o Options, patience time.Duration) *Direct {
	log := o.logger()
	return &Direct{log: log, relays: newRelays(o, log), pace: o.Pace, patience: patience, formatter: NewFormatter(o.Paths)}
}

// Close closes the connections that are kept.
func (d *Direct) Close() { d.relays.close() }

// Skipped returns how many metrics were left out because their path is longer
// than [MaxPath].
func (d *Direct) Skipped() int64 { return d.formatter.Skipped() }

// Send sends the batch and returns the lines and bytes that the server has
// confirmed. While it is down, Send tries again as the options say, and returns an
// error once that was for as long as its patience, or ctx has ended. Then the
// server may have got the batch, or part of it.
func (d *Direct) Send(ctx context.Context, b *metric.Batch) (lines int, bytes int64, err error) {
	skipped := d.formatter.skipped
	lines, bytes = d.formatter.Measure(b)
	var down time.Time // since when
	for failures := 0; ; {
		d.formatter.skipped = skipped
		server, err := d.relays.send(ctx, outbox.Limit(bytes), func(w io.Writer) error {
			_, err := d.formatter.Write(w, b)
			return err
		})
		switch {
		case err == nil:
			if failures > 0 {
				d.log.Info("graphite is up again", "server", server.String(), "down", time.Since(down).Round(time.Millisecond))
			}
			return lines, bytes, nil
		case ctx.Err() != nil:
			return 0, 0, ctx.Err()
		case failures == 0:
			down = time.Now()
			d.log.Warn("graphite is down, will try again", "for", d.patience, "error", err)
		}
		failures++
		left := d.patience - time.Since(down)
		if left <= 0 {
			return 0, 0, fmt.Errorf("graphite has been down for %v: %w", d.patience, err)
		}
		if err := sleep(ctx, min(d.pace.Wait(failures), left)); err != nil {
			return 0, 0, err
		}
	}
}

// Measure returns how many lines and bytes the batch has.
func (f *Formatter) Measure(b *metric.Batch) (lines int, bytes int64) {
	c := counter{w: io.Discard}
	lines, _ = f.Write(&c, b) // which takes everything
	return lines, c.n
}
