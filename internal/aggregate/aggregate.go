// Package aggregate turns a snapshot into metrics: it combines the values that
// several HAProxy processes report for one frontend, backend or server, each field
// by its rule in package catalogue.
//
// It is pure: rows in, tables out, no I/O, no clock. Equal snapshots give equal
// batches, whatever the order of their files. Aggregating the parts of a snapshot
// and merging them gives the same as aggregating the whole. The package knows no
// sink.
package aggregate

import (
	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// Options select what is made of a snapshot.
type Options struct {
	// Classic selects the metrics of the original haproxystats; otherwise every number
	// that HAProxy shows is a metric.
	Classic bool
	// Frontend, Backend and Server, if not nil, take the only metrics of their scope.
	Frontend, Backend, Server catalogue.List
	// Spell returns the spelling of a name in exclusions and groups; nil for the name
	// itself.
	Spell func(name string) string
	// Frontends, Backends and Servers select by name. Servers follow their backend.
	Frontends, Backends, Servers Wanted
	// ServerNames adds the totals of a server name over all backends, also those that are
	// left out.
	ServerNames bool
	// PerProcess adds the metrics of each process.
	PerProcess bool
	// Processes adds what each process has said of itself to the batch, for those who
	// combine the batches of several nodes.
	Processes bool
	// Raw leaves the accounts of a snapshot out: counters are those of the current
	// workers.
	Raw bool
	// Series adds what outputs other than Graphite need: fields that they combine by another
	// rule, states, listeners, and what processes say in words.
	Series bool
	// Learned has what HAProxy has said of fields that the catalogue lacks; nil if nothing is
	// learned.
	Learned Learned
	// Percentages adds the share of HAProxy's limits that is in use.
	Percentages bool
	// FrontendGroups, BackendGroups and ServerGroups sort names into groups; the first
	// match counts. A server belongs to the group of its backend.
	FrontendGroups, BackendGroups, ServerGroups []Group
}

// Learned has what HAProxy has said of fields that the catalogue lacks.
type Learned interface {
	// Learn takes what HAProxy of a version has said.
	Learn(version string, fields []haproxy.Typed) bool
	// Lookup returns what is known of a field.
	Lookup(in catalogue.Scopes, name string) (catalogue.Field, bool)
	// Generation changes when something was learned.
	Generation() uint64
	// Fields returns the fields that are known.
	Fields() []metric.LearnedField
}

// Aggregator aggregates snapshots one after another: Reset, then the replies through
// [Aggregator.Info] and [Aggregator.Stat] (it is a reply.Consumer), then Batch. It
// remembers names and columns, so that further snapshots of the same HAProxy need no
// allocation for each row. It is not safe for concurrent use.
type Aggregator struct {
	opt     Options
	daemon  daemon
	proxies proxies
	twins   twins

	together []*haproxy.StatScanner
	accounts map[string]*account // by socket
	inStep   []beside
	maint    map[string]maintReasons // by socket
	ghosts   []ghost

	collected collected
	down      []string // sockets that have failed
	// learned is the generation of what was learned when the columns were made.
	learned uint64
}

// New returns an aggregator.
func New(opt Options) *Aggregator {
	if opt.Spell == nil {
		opt.Spell = func(name string) string { return name }
	}
	return &Aggregator{opt: opt, proxies: newProxies(opt)}
}

// Reset begins a new snapshot, and makes the last batch invalid. It returns the number
// of names that it has forgotten, which is above 0 if most names of earlier snapshots
// are gone.
func (a *Aggregator) Reset() (forgotten int) {
	a.daemon.reset()
	clear(a.accounts)
	clear(a.maint)
	a.ghosts = nil
	a.twins.reset()
	a.collected.reset()
	a.down = nil
	if a.relearn() {
		return 0
	}
	return a.proxies.reset()
}

// Info adds a process's reply to `show info`.
func (a *Aggregator) Info(socket string, s *haproxy.InfoScanner) {
	a.daemon.add(socket, s)
}

// Merge adds the content of another aggregator with the same options. It does not
// compare the processes of the two.
func (a *Aggregator) Merge(o *Aggregator) {
	a.settle()
	o.settle()
	a.daemon.merge(&o.daemon, a.opt)
	a.proxies.merge(&o.proxies)
	a.ghosts = append(a.ghosts, o.ghosts...)
	a.collected.merge(&o.collected)
	a.down = append(a.down, o.down...)
}

// Repeated returns each name that one reply has had twice, such as two servers of a
// backend, which older HAProxy allows: their values are combined.
func (a *Aggregator) Repeated() []Repeated {
	r := a.proxies.repeated
	a.proxies.repeated = nil
	return r
}

// Unmatched are the names in Options that no row has matched so far.
type Unmatched struct {
	Frontends, Backends, Servers UnmatchedNames
	// The groups are those that no name was sorted into. ServerGroups is nil without
	// ServerNames.
	FrontendGroups, BackendGroups, ServerGroups []string
}

// UnmatchedNames are names and patterns of a [Wanted] that no row has matched.
type UnmatchedNames struct{ Include, Exclude []string }

// Unmatched returns what no row has matched so far.
func (a *Aggregator) Unmatched() Unmatched {
	u := Unmatched{
		Frontends:      a.proxies.frontends.unmatched(),
		Backends:       a.proxies.backends.unmatched(),
		FrontendGroups: a.proxies.frontendGroups.unused(),
		BackendGroups:  a.proxies.backendGroups.unused(),
	}
	if a.proxies.only { // nobody knows
		return u
	}
	u.Servers = a.proxies.servers.unmatched()
	if a.opt.ServerNames {
		u.ServerGroups = a.proxies.serverGroups.unused()
	}
	return u
}

// Repeated is a name of two rows.
type Repeated struct {
	Scope metric.Scope
	Name  string
}

// Rows returns the number of rows of a type added since Reset.
func (a *Aggregator) Rows(t haproxy.RowType) int { return a.proxies.rows[t] }

// Batch returns the batch of what was added since Reset. It and its tables are valid
// until the next Reset.
func (a *Aggregator) Batch(epoch int64) *metric.Batch {
	a.settle()
	b := &metric.Batch{Epoch: epoch, Began: a.daemon.began()}
	a.daemon.epoch = epoch
	b.Tables = append(b.Tables, a.daemon.tables(a.opt)...)
	b.Tables = append(b.Tables, a.proxies.result(a.ghosts)...)
	a.ghosts = nil
	b.Tables = append(b.Tables, a.collected.tables(epoch)...)
	if a.opt.Processes {
		b.Processes = a.daemon.table(a.opt)
	}
	if a.opt.Series {
		b.Texts = a.daemon.texts()
		if t := a.sockets(); t != nil {
			b.Tables = append(b.Tables, t)
		}
		if t := a.learnedFields(); t != nil {
			b.Tables = append(b.Tables, t)
		}
	}
	return b
}
