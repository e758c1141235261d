package cli

import (
	"io/fs"
	"log/slog"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
)

// pipeline makes the batch of a snapshot for one worker: it reads, combines and
// measures the work.
type pipeline struct {
	reader     snapshot.Reader
	aggregator *aggregate.Aggregator
	log        *slog.Logger
}

func newPipeline(opt aggregate.Options, log *slog.Logger) *pipeline {
	return &pipeline{aggregator: aggregate.New(opt), log: log}
}

// Aggregate implements process.Aggregator.
func (p *pipeline) Aggregate(epoch int64, files fs.FS) (*metric.Batch, error) {
	start := time.Now()
	p.aggregator.Reset()
	timed := timedConsumer{Consumer: p.aggregator}
	report, err := p.reader.Read(files, &timed)
	if err != nil {
		return nil, err
	}
	p.tell(epoch, report)
	batch := p.aggregator.Batch(epoch)
	work := p.share(timed.stat)
	work.HAProxy = timed.info
	work.AllStats = timed.info + timed.stat
	work.BadRows = report.BadRows
	work.BadFiles = len(report.BadFiles)
	work.Total = time.Since(start)
	self := work.Table(batch)
	self.Rows()
	batch.Tables = append(batch.Tables, self)
	return batch, nil
}

// tell logs what could not be used, once a snapshot and kind of problem.
func (p *pipeline) tell(epoch int64, report snapshot.Report) {
	for _, bad := range report.BadFiles {
		p.log.Warn("file can't be used in whole", "snapshot", epoch, "file", bad.File, "err", bad.Err)
	}
	if report.BadRows > 0 {
		p.log.Warn("rows can't be used and are left out", "snapshot", epoch, "rows", report.BadRows)
	}
	for _, c := range p.aggregator.Collisions() {
		p.log.Warn("names meet in one path and are combined", "scope", c.Scope, "first", c.First, "next", c.Next)
	}
}

// share divides the time for `show stat`, which is read once for all scopes, by
// their rows.
func (p *pipeline) share(stat time.Duration) selfstat.Snapshot {
	frontends := p.aggregator.Rows(haproxy.FrontendRow)
	backends := p.aggregator.Rows(haproxy.BackendRow)
	servers := p.aggregator.Rows(haproxy.ServerRow)
	part := func(rows int) time.Duration {
		return time.Duration(float64(stat) * float64(rows) / float64(max(1, frontends+backends+servers)))
	}
	return selfstat.Snapshot{Frontends: part(frontends), Backends: part(backends), Servers: part(servers)}
}

// timedConsumer measures how long a consumer takes for either command.
type timedConsumer struct {
	snapshot.Consumer
	info, stat time.Duration
}

func (t *timedConsumer) Info(socket string, s *haproxy.InfoScanner) {
	start := time.Now()
	t.Consumer.Info(socket, s)
	t.info += time.Since(start)
}

func (t *timedConsumer) Stat(socket string, s *haproxy.StatScanner) {
	start := time.Now()
	t.Consumer.Stat(socket, s)
	t.stat += time.Since(start)
}
