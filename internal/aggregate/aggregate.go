// Package aggregate makes metrics of a snapshot: it combines what several
// HAProxy processes say of one frontend, backend or server, each field by its
// rule in package catalogue.
//
// It is pure: rows in, tables out, no I/O, no clock. Equal snapshots give equal
// batches, whatever the order of their files, and aggregating the parts of a
// snapshot and merging them gives what aggregating the whole gives. It does not
// know any sink.
package aggregate

import (
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// Options say what is made of a snapshot.
type Options struct {
	// Classic keeps to the metrics that the original haproxystats emitted;
	// else every number that HAProxy shows is a metric.
	Classic bool
	// Frontend, Backend and Server, where not nil, name the only metrics of
	// their scope.
	Frontend, Backend, Server []string
	// Spell turns a name of HAProxy's into the one that exclusions and groups
	// know; nil for the name itself.
	Spell func(name string) string
	// ExcludeFrontends and ExcludeBackends are the names that are left out.
	ExcludeFrontends, ExcludeBackends []string
	// ServerNames adds the totals of a server name over all backends, also
	// the excluded ones.
	ServerNames bool
	// PerProcess adds the metrics of each process.
	PerProcess bool
	// Percentages adds how much of HAProxy's limits is in use.
	Percentages bool
	// FrontendGroups, BackendGroups and ServerGroups sort names into groups;
	// the first that matches counts. A server of a backend is in its backend's
	// group.
	FrontendGroups, BackendGroups, ServerGroups []Group
}

// Aggregator takes snapshots one after another: Reset, then the replies
// through [Aggregator.Info] and [Aggregator.Stat] (it is a reply.Consumer),
// then Batch. It keeps what it learns of names and columns, so that one
// snapshot after another of the same HAProxy costs no allocation per row. It is
// not safe for concurrent use.
type Aggregator struct {
	opt     Options
	daemon  daemon
	proxies proxies
	twins   twins
}

// New returns an aggregator.
func New(opt Options) *Aggregator {
	if opt.Spell == nil {
		opt.Spell = func(name string) string { return name }
	}
	return &Aggregator{opt: opt, proxies: newProxies(opt)}
}

// Reset begins a new snapshot; the last batch is invalid from now on.
func (a *Aggregator) Reset() {
	a.daemon.reset()
	a.proxies.reset()
	a.twins.reset()
}

// Info adds one process's reply to `show info`.
func (a *Aggregator) Info(socket string, s *haproxy.InfoScanner) {
	a.daemon.add(socket, s)
}

// Merge adds all that another aggregator of the same options holds. What one has
// counted is not looked for in the other.
func (a *Aggregator) Merge(o *Aggregator) {
	a.settle()
	o.settle()
	a.daemon.merge(&o.daemon)
	a.proxies.merge(&o.proxies)
}

// Repeated returns the names that one reply has had twice, as two servers of a
// backend that older HAProxy allows: their values are combined. Each is told once.
func (a *Aggregator) Repeated() []Repeated {
	r := a.proxies.repeated
	a.proxies.repeated = nil
	return r
}

// Unmatched returns the names of ExcludeFrontends and ExcludeBackends that no row
// has had so far.
func (a *Aggregator) Unmatched() (frontends, backends []string) {
	return a.proxies.unmatched(haproxy.FrontendRow), a.proxies.unmatched(haproxy.BackendRow)
}

// Repeated is a name of two rows.
type Repeated struct {
	Scope metric.Scope
	Name  string
}

// Rows returns how many rows of a type have been added since Reset.
func (a *Aggregator) Rows(t haproxy.RowType) int { return a.proxies.rows[t] }

// Batch returns what has been added since Reset. It and its tables are valid
// until the next Reset.
func (a *Aggregator) Batch(epoch int64) *metric.Batch {
	a.settle()
	b := &metric.Batch{Epoch: epoch}
	b.Tables = append(b.Tables, a.daemon.tables(a.opt)...)
	b.Tables = append(b.Tables, a.proxies.result()...)
	return b
}
