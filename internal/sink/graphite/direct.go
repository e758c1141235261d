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

// Direct delivers batches without a queue: Send waits until the server has confirmed
// the batch. It is not safe for concurrent use.
type Direct struct {
	log      *slog.Logger
	relays   *relays
	pace     outbox.Pace
	patience time.Duration
	encoder  *plaintext.Encoder
	notices  *plaintext.Notices
	skipped  int64
}

// NewDirect returns a Direct that sends as a [Sink] of these options does. It does not
// use their queue. Patience is the time for which the server may be down.
func NewDirect(o Options, patience time.Duration) *Direct {
	log := o.logger()
	return &Direct{log: log, relays: newRelays(o, log), pace: o.Pace, patience: patience, encoder: plaintext.New(o.Paths), notices: plaintext.NewNotices(log)}
}

// Close closes the connections that are kept.
func (d *Direct) Close() { d.relays.close() }

// Skipped returns the number of metrics that were left out because their path is too
// long for Graphite.
func (d *Direct) Skipped() int64 { return d.skipped }

// Send sends the batch and returns the lines and bytes that the server has
// confirmed. While the server is down, Send tries again at the options' Pace. It
// returns an error when the server has been down for the patience, or ctx has ended.
// The server may have received the batch, or part of it, even then.
func (d *Direct) Send(ctx context.Context, b *metric.Batch) (lines int, bytes int64, err error) {
	result, bytes := d.encoder.Measure(b)
	d.skipped += result.Skipped
	d.notices.Note(plaintext.Result{Met: result.Met})
	var down time.Time // time of the first failure
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
		if err := outbox.Sleep(ctx, min(d.pace.Wait(failures), left)); err != nil {
			return 0, 0, err
		}
	}
}
