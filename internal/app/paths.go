package app

import (
	"errors"
	"fmt"
	"io"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// WritePaths writes the metrics of the snapshot in dir, as Graphite or another output would
// get them, and logs what is wrong with its names.
func WritePaths(w io.Writer, c *config.Config, dir string, o PathsOptions) error {
	write, err := o.writer(c)
	if err != nil {
		return err
	}
	options, err := AggregateOptions(c, o.Log, nil)
	if err != nil {
		return err
	}
	options.Series = o.needsSeries()
	pipeline := NewPipeline(options, selfstat.Sources{}, o.Log)
	pipeline.Bound(c.Process.MaxMetrics)
	batch, err := pipeline.Read(dir)
	if err != nil {
		return err
	}
	return write(w, batch)
}

// WriteClusterPaths writes the metrics of a cluster, without those of its window, that has the
// snapshots in dirs as those of its nodes.
func WriteClusterPaths(w io.Writer, c *config.Config, cluster string, dirs []string, o PathsOptions) error {
	write, err := o.writer(c)
	if err != nil {
		return err
	}
	options, err := AggregateOptions(c, o.Log, nil)
	if err != nil {
		return err
	}
	options.Processes, options.Series = true, o.needsSeries()
	nodes := NewPipeline(options, selfstat.Sources{}, o.Log)
	options = clusterOptions(options)
	all := aggregate.New(options)
	epoch := int64(0)
	for _, dir := range dirs {
		batch, err := nodes.Read(dir)
		if err != nil {
			return err
		}
		all.AddTable(dir, batch.Processes)
		all.AddTexts(batch.Texts)
		for _, t := range batch.Tables {
			all.AddTable(dir, t)
		}
		epoch = max(epoch, batch.Epoch)
	}
	seconds := int64(c.Cluster(cluster).Interval / time.Second)
	combined := all.Batch(epoch / seconds * seconds)
	combined.Cluster = cluster
	return write(w, combined)
}

// Read returns the batch of the recorded snapshot in dir, without the metrics of
// haproxystats itself and those that [Pipeline.Bound] leaves out.
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
	p.trim.apply(batch)
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
