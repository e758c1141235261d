package graphite

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
)

// Direct delivers batches without a queue: whoever sends one waits until the
// server has confirmed it. It is not safe for concurrent use.
type Direct struct {
	log      *slog.Logger
	relays   *relays
	pace     outbox.Pace
	patience time.Duration
	encoder  *plaintext.Encoder
	notices  *plaintext.Notices
	skipped  int64
}

// NewDirect returns what sends as a [Sink] of these options does. Their queue
// is not used. Patience is how long the server may be down.
func NewDirect(o Options, patience time.Duration) *Direct {
	log := o.logger()
	return &Direct{log: log, relays: newRelays(o, log), pace: o.Pace, patience: patience, encoder: plaintext.New(o.Paths), notices: plaintext.NewNotices(log)}
}

// Close closes the connections that are kept.
func (d *Direct) Close() { d.relays.close() }

// Skipped returns how many metrics were left out because their path has no
// place in Graphite.
func (d *Direct) Skipped() int64 { return d.skipped }

// Send sends the batch and returns the lines and bytes that the server has
// confirmed. While it is down, Send tries again as the options say, and returns an
// error once that was for as long as its patience, or ctx has ended. Then the
// server may have got the batch, or part of it.
func (d *Direct) Send(ctx context.Context, b *metric.Batch) (lines int, bytes int64, err error) {
	result, bytes := d.encoder.Measure(b)
	d.skipped += result.Skipped
	d.notices.Note(plaintext.Result{Met: result.Met})
	var down time.Time // since when
	for failures := 0; ; {
		server, err := d.relays.send(ctx, outbox.Limit(bytes), func(w io.Writer) error {
			_, err := d.encoder.Encode(w, b)
			return err
		})
		switch {
		case err == nil:
			if failures > 0 {
				d.log.Info("graphite is up again", "server", server.String(), "down", time.Since(down).Round(time.Millisecond))
			}
			return result.Lines, bytes, nil
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
