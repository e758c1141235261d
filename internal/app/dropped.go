package app

import (
	"log/slog"
	"sync/atomic"

	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
)

// dropped counts the series that exceed max-series, and says so once for each change.
type dropped struct {
	log  *slog.Logger
	all  atomic.Int64 // over all batches
	last series.Dropped
}

// take takes what a batch had. One goroutine at a time calls it.
func (d *dropped) take(r samples.Result) {
	changed := false
	for reason, n := range r.Dropped {
		changed = changed || n > 0 && d.last[reason] == 0
		d.all.Add(int64(n))
	}
	if d.last = r.Dropped; changed {
		d.log.Warn("series exceed max-series and are left out", "shown", r.Series, "dropped", r.Dropped.String())
	}
}
