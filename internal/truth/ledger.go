package truth

import (
	"slices"
	"sync"
)

// Ledger keeps accounts for snapshots that carry none, of the replies in them: nobody has
// held a connection to the workers. What a worker did between its last reply and its end is
// lost, and nothing is known of old workers. The accounts are in memory: with the program,
// the sums begin anew. It is safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	nodes map[string]*book
}

// book has the accounts of a node.
type book struct {
	at    int64 // the latest snapshot, in seconds since 1970
	seen  int64 // when it came
	pages map[string]*page
}

// page is the account of a socket.
type page struct {
	account Account
	at      int64 // the latest snapshot that has the socket
	// versions has the latest bases, the newest last: of several snapshots that are read
	// at a time, the later one may come first.
	versions []version
	// shared reports whether several processes answer at the socket by turns. Their
	// counters can't be told apart.
	shared bool
}

// version is a base, and the time of the first snapshot that it is for.
type version struct {
	at   int64
	base *Base
}

const (
	// maxVersions bounds the bases that are kept of a socket, and late is the number of
	// seconds by which a snapshot may be older than one that came before.
	maxVersions = 16
	late        = 600
	// maxBooks bounds the nodes.
	maxBooks = 4096
	// forgotten is the time, in seconds, after which a socket or node that is not seen any
	// more is forgotten.
	forgotten = 3600
)

// Reply is what a socket has said in a snapshot.
type Reply struct {
	Info *Info
	Stat *Stat
	// ProxiesOnly reports whether Stat was asked to have no other rows than those of frontends
	// and backends.
	ProxiesOnly bool
}

// Take takes the replies of a node's snapshot of that time, by socket, and returns the base
// of each. It also returns bases of sockets that are silent, which are all that these have
// counted, so that sums do not fall. kept are sockets that have an account already. now is
// the present time, which the snapshots of other clocks need not have.
func (l *Ledger) Take(node string, at, now int64, replies map[string]Reply, kept []string) map[string]*Base {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.book(node, now)
	if b == nil {
		return nil
	}
	for _, socket := range kept {
		delete(b.pages, socket)
	}
	b.at = max(b.at, at)
	bases := make(map[string]*Base)
	for socket, r := range replies {
		p := b.pages[socket]
		if p != nil && at < p.at && p.isLater(r) { // the clock was set back
			p.versions, p.at, b.at = nil, at-1, at
		}
		if p == nil {
			p = new(page)
			b.pages[socket] = p
		}
		if base := p.take(r, at); base != nil {
			bases[socket] = base
		}
	}
	for socket, p := range b.pages {
		if _, answers := replies[socket]; answers {
			continue
		}
		if b.at-p.at > forgotten || p.at-b.at > forgotten {
			delete(b.pages, socket)
		} else if base := p.silent(at); base != nil {
			bases[socket] = base
		}
	}
	return bases
}

// book returns that of a node, or nil if there are too many nodes.
func (l *Ledger) book(node string, now int64) *book {
	b := l.nodes[node]
	if b == nil {
		for name, other := range l.nodes {
			if now-other.seen > forgotten {
				delete(l.nodes, name)
			}
		}
		if len(l.nodes) >= maxBooks {
			return nil
		}
		if l.nodes == nil {
			l.nodes = make(map[string]*book)
		}
		b = &book{pages: make(map[string]*page)}
		l.nodes[node] = b
	}
	b.seen = now
	return b
}

// isLater reports whether a process says more than it had said in the latest snapshot.
func (p *page) isLater(r Reply) bool {
	for _, m := range p.account.Members {
		if r.Info.IsLaterOf(m.Instance, m.Info) {
			return r.Info.Uptime > m.Info.Uptime
		}
	}
	return false
}

// take takes a reply, and returns the base for its snapshot; nil if it is not known.
func (p *page) take(r Reply, at int64) *Base {
	if p.at > 0 && at <= p.at {
		return p.base(at)
	}
	a := &p.account
	if a.Base != nil && a.Base.HasFolded(r.Info.Instance) {
		p.shared = true
	}
	p.at = at
	if p.shared {
		*p = page{at: at, shared: true}
		return nil
	}
	var ended []Instance
	for _, m := range a.Members {
		if !r.Info.IsLaterOf(m.Instance, m.Info) {
			ended = append(ended, m.Instance)
		}
	}
	o := a.Step([]Word{{Info: r.Info, Stat: r.Stat, ProxiesOnly: r.ProxiesOnly, Current: true}}, ended, at)
	if o.Changed || len(p.versions) == 0 {
		a.Prune(DefaultLimits)
		p.versions = append(p.versions, version{at, a.Base.Clone()})
	}
	n := max(0, len(p.versions)-maxVersions)
	for n+1 < len(p.versions) && p.versions[n+1].at < at-late {
		n++
	}
	p.versions = slices.Delete(p.versions, 0, n)
	return p.base(at)
}

// base returns the base for a snapshot of that time; nil if it is not known any more.
func (p *page) base(at int64) *Base {
	for i := len(p.versions) - 1; i >= 0; i-- {
		if p.versions[i].at <= at {
			return p.versions[i].base
		}
	}
	return nil
}

// silent returns all that the socket has counted.
func (p *page) silent(at int64) *Base {
	base := p.base(at)
	if base == nil {
		return nil
	}
	whole := Account{Base: base.Clone()}
	for _, m := range p.account.Members {
		whole.Members = append(whole.Members, m)
		whole.Step(nil, []Instance{m.Instance}, at)
	}
	return whole.Base
}
