package app

import (
	"io/fs"
	"log/slog"
	"runtime/debug"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// Pipeline turns snapshots into batches for one worker, and measures the work.
type Pipeline struct {
	reader     reply.Reader
	aggregator *aggregate.Aggregator
	meter      *selfstat.Meter
	faults     *faults       // shared by the workers
	trim       *trim         // nil without max-metrics
	node       func() string // returns the host's name; nil to leave it out of the batch
	// addressed reports whether servers of a cluster are named by their addresses; nil for
	// no cluster.
	addressed func(cluster string) bool
	log       *slog.Logger
	raw       bool // counters are those of the current workers
	release   bool // the memory of many names that are gone is still to be given back
}

// manyNames is the number of forgotten names whose memory is given back to the system
// at once. Otherwise the next collection would come only after as much garbage as there
// was memory in use, which takes small snapshots hours.
const manyNames = 20_000

// NewPipeline returns a pipeline for one worker.
func NewPipeline(opt aggregate.Options, sources selfstat.Sources, log *slog.Logger) *Pipeline {
	return &Pipeline{aggregator: aggregate.New(opt), meter: selfstat.New(sources), faults: new(faults), log: log, raw: opt.Raw}
}

// Bound makes the pipeline leave out groups of metrics as max-metrics says; 0 is for no limit.
func (p *Pipeline) Bound(maxMetrics int) { p.trim = newLimit(maxMetrics, p.log).newTrim() }

// newLedger returns the ledger that the workers share, for snapshots without accounts; nil
// if it is not needed. For Graphite alone it is not: there such counters have always fallen
// when a process restarted. Readers of series take that for a restart of all processes, and
// count everything again.
func newLedger(opt aggregate.Options) *truth.Ledger {
	if !opt.Series || opt.Raw {
		return nil
	}
	return new(truth.Ledger)
}

// ledgerAfter returns the ledger of other options: the one before, which knows the counters
// so far, if it is still needed.
func ledgerAfter(before *truth.Ledger, opt aggregate.Options) *truth.Ledger {
	made := newLedger(opt)
	if made != nil && before != nil {
		return before
	}
	return made
}

// Aggregate implements process.Aggregator.
func (p *Pipeline) Aggregate(s snapshot.Snapshot) (*metric.Batch, error) {
	start := time.Now()
	batch, work, err := p.Combine(s)
	if err != nil {
		return nil, err
	}
	batch.Node, batch.Cluster = s.Node, s.Cluster
	if p.node != nil {
		batch.Node = p.node()
	}
	if s.Round != nil {
		batch.Interval = s.Round.Interval
	}
	work.LeftOut = p.trim.apply(batch)
	work.Total = time.Since(start)
	batch.Tables = append(batch.Tables, p.meter.Table(work, batch))
	return batch, nil
}

// Combine returns the batch without the metrics of haproxystats itself, and the
// measured work.
func (p *Pipeline) Combine(s snapshot.Snapshot) (*metric.Batch, selfstat.Work, error) {
	// The encoders forget the names only with the next batch, so it is waited for.
	if p.release {
		debug.FreeOSMemory()
	}
	p.release = p.aggregator.Reset() >= manyNames
	timed := timedConsumer{Accountant: p.aggregator, Collected: p.aggregator}
	raw := p.raw
	var named *reply.Addressed
	if p.addressed != nil && p.addressed(s.Cluster) {
		named = &reply.Addressed{FS: s.Files}
		s.Files = named
		raw = true // accounts have the servers' names
	}
	counted := countedFS{FS: s.Files}
	read := func() (reply.Report, error) { return p.reader.ReadSnapshot(s, &counted, &timed) }
	if raw {
		read = func() (reply.Report, error) { return p.reader.Read(&counted, &timed) }
	}
	if s.Round != nil && s.Round.ProxiesOnly {
		p.aggregator.ProxiesOnly()
	}
	report, err := read()
	if err != nil {
		return nil, selfstat.Work{}, err
	}
	if named != nil {
		p.faults.tellHidden(p.log, s, named.Hidden)
		p.aggregator.Repeated() // servers of one address are meant to be one
	}
	p.tell(s.Epoch, report)
	// Only a complete snapshot shows that a name does not exist.
	if len(report.BadFiles) == 0 && report.BadRows == 0 && (s.Round == nil || s.Round.SocketsFailed == 0) {
		p.faults.tellUnmatched(p.log, s.Epoch, p.aggregator.Unmatched())
	}
	work := p.share(timed.stat)
	work.HAProxy = timed.info
	work.AllStats = timed.info + timed.stat
	work.Bytes = counted.read
	work.BadRows = report.BadRows
	work.BadFiles = len(report.BadFiles)
	work.DuplicateSockets = len(p.aggregator.Duplicates())
	for _, m := range p.aggregator.Missing() {
		work.ProcessesMissing += m.Missing
	}
	work.Round = s.Round
	p.faults.count(work)
	if s.Round != nil {
		p.aggregator.Down(s.Round.Down)
	}
	return p.aggregator.Batch(s.Epoch), work, nil
}

// tell logs files and rows that can't be used, repeated names, and faults of HAProxy.
func (p *Pipeline) tell(epoch int64, report reply.Report) {
	for _, bad := range report.BadFiles {
		p.log.Warn("file can't be used in whole", "snapshot", epoch, "file", bad.File, "error", bad.Err)
	}
	if report.BadRows > 0 {
		p.log.Warn("rows can't be used and are left out", "snapshot", epoch, "rows", report.BadRows)
	}
	if names := p.aggregator.Repeated(); len(names) > 0 {
		p.log.Warn("two rows of one name are combined", "snapshot", epoch, "scope", names[0].Scope, "name", names[0].Name, "names", len(names))
	}
	p.faults.tell(p.log, epoch, faultsOf(p.aggregator))
}

// share divides the time for `show stat`, which is read once for all scopes, in
// proportion to their rows.
func (p *Pipeline) share(stat time.Duration) selfstat.Work {
	frontends := p.aggregator.Rows(haproxy.FrontendRow)
	backends := p.aggregator.Rows(haproxy.BackendRow)
	servers := p.aggregator.Rows(haproxy.ServerRow)
	part := func(rows int) time.Duration {
		return time.Duration(float64(stat) * float64(rows) / float64(max(1, frontends+backends+servers)))
	}
	return selfstat.Work{Frontends: part(frontends), Backends: part(backends), Servers: part(servers)}
}

// timedConsumer measures how long a consumer takes for each command.
type timedConsumer struct {
	reply.Accountant
	reply.Collected
	info, stat time.Duration
}

func (t *timedConsumer) Info(socket string, s *haproxy.InfoScanner) {
	start := time.Now()
	t.Accountant.Info(socket, s)
	t.info += time.Since(start)
}

func (t *timedConsumer) Stat(sockets []string, s []*haproxy.StatScanner) {
	start := time.Now()
	t.Accountant.Stat(sockets, s)
	t.stat += time.Since(start)
}

// countedFS counts the bytes that are read from its files.
type countedFS struct {
	fs.FS
	read int64
}

// Open implements [fs.FS].
func (c *countedFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if _, ok := f.(fs.ReadDirFile); err != nil || ok && name == "." {
		return f, err
	}
	return countedFile{f, c}, nil
}

type countedFile struct {
	fs.File
	fs *countedFS
}

// Read implements [fs.File].
func (c countedFile) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.fs.read += int64(n)
	return n, err
}
