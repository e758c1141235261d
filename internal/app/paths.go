package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// WritePaths writes the lines that Graphite would get of the snapshot in dir, and
// logs what is wrong with its names.
func WritePaths(w io.Writer, c *config.Config, hostname, dir string, log *slog.Logger) error {
	options, err := AggregateOptions(c, log, nil)
	if err != nil {
		return err
	}
	batch, err := NewPipeline(options, selfstat.Sources{}, log).Read(dir)
	if err != nil {
		return err
	}
	result, err := plaintext.New(GraphitePaths(c, hostname)).Encode(w, batch)
	plaintext.NewNotices(log).Note(result)
	return err
}

// Read returns the batch of the recorded snapshot in dir, without the metrics of
// haproxystats itself.
func (p *Pipeline) Read(dir string) (*metric.Batch, error) {
	view, err := spool.OpenView(dir, p.log)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	s, err := view.Snapshot()
	if err != nil {
		return nil, unusable(dir, err)
	}
	batch, _, err := p.Combine(s)
	if err != nil {
		return nil, unusable(dir, err)
	}
	return batch, nil
}

// unusable returns why no batch can be made of a snapshot.
func unusable(dir string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, reply.ErrNoReplies):
		hint = ": a snapshot holds the files SOCKET" + snapshot.InfoSuffix + " and SOCKET" + snapshot.StatSuffix + " of each socket"
	case errors.Is(err, snapshot.ErrDamaged):
		hint = ": it has been changed, or the disk has"
	}
	return fmt.Errorf("use snapshot %s: %w%s", dir, err, hint)
}
