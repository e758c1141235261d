package aggregate

import (
	"bytes"

	"haproxystats/internal/haproxy"
)

// maxInStep is how many replies are read in step at most: each has a bit.
const maxInStep = 64

// patience is how many steps a reply waits for the first one to come to its row.
const patience = 64

// cursor is a reply that is being read.
type cursor struct {
	scanner *haproxy.StatScanner
	bit     uint64 // among those of the group
	last    *entry // of the row before the one in hand
	waited  int    // how many steps the row in hand has waited
	done    bool   // no row is in hand
	// account is added to each row; nil if there is none.
	account *adjuster
	// adjusted reports whether it was added to the row in hand, and active whether that
	// had taken connections before.
	adjusted, active bool
	// states counts the servers of the backend in hand, by their states.
	states stateCounts
	// listeners counts those behind the row in hand.
	listeners listenerCounts
	// stopping reports whether the process stops.
	stopping bool
	// frontend is the frontend of the last listener, and wanted whether its listeners are.
	frontend []byte
	wanted   bool
}

// beside is what is known of a socket beside the replies of its current worker.
type beside struct {
	account *account     // nil: none
	maint   maintReasons // nil: not known
	// stopping reports whether the process stops, if somebody needs to know.
	stopping bool
}

func (a *Aggregator) beside(socket string) beside {
	return beside{a.accounts[socket], a.maint[socket], a.opt.Series && a.daemon.isStopping(socket)}
}

func (p *proxies) newCursor(s *haproxy.StatScanner, bit uint64, k beside) *cursor {
	c := &cursor{scanner: s, bit: bit, last: &p.names.first, account: k.account.newAdjuster(p.current)}
	c.states.maint, c.states.unknown, c.stopping = k.maint, p.only, k.stopping
	p.stopping = p.stopping || k.stopping
	return c
}

// next goes to the next row. Listeners are counted for their frontend, whose row is the
// one in hand. Rows that are left out are skipped: no more of them is read than their
// backend needs.
func (c *cursor) next(p *proxies) {
	l := p.current
	c.waited = 0
	for {
		if c.done = !c.scanner.Step(); c.done {
			break
		}
		if c.scanner.Row().Type == haproxy.ListenerRow {
			c.passListener(p)
			continue
		}
		if p.filters && c.pass(p) {
			continue
		}
		if c.scanner.Read() {
			break
		}
	}
	c.listeners.addTo(p.scopes[haproxy.FrontendRow].table, c.last)
	if c.done {
		return
	}
	row := c.scanner.Row()
	if c.account != nil {
		c.active = l.byType[row.Type].active(row)
		c.adjusted = c.account.adjust(row)
	}
	of := &l.byType[row.Type]
	of.states.derive(row, &c.states)
	if p.opt.Series {
		of.series.derive(row, &of.states, c.stopping)
	}
}

// passListener takes the row in hand, that of a listener.
func (c *cursor) passListener(p *proxies) {
	if p.filters {
		row := c.scanner.Row()
		if !bytes.Equal(c.frontend, row.Proxy) {
			c.frontend, c.wanted = append(c.frontend[:0], row.Proxy...), p.wantsListeners(string(row.Proxy))
		}
		if !c.wanted {
			return
		}
	}
	if !c.scanner.Read() {
		return
	}
	if p.current.listenerStatus >= 0 {
		c.listeners.add(c.scanner.Row())
	}
	if p.opt.Series {
		p.addListener(c)
	}
}

// pass passes over the row in hand if it is left out, and reports whether it is.
func (c *cursor) pass(p *proxies) bool {
	e := p.entry(c)
	if e.row >= 0 || e.nameRow >= 0 {
		return false
	}
	row := c.scanner.Row()
	c.listeners.addTo(p.scopes[haproxy.FrontendRow].table, c.last)
	p.names.see(e, c.bit)
	c.last = e
	p.rows[row.Type]++
	if e.uncounted >= 0 {
		p.uncounted.Touch(e.uncounted)
		if p.current.countsServers && c.scanner.ReadTexts() {
			p.current.byType[haproxy.ServerRow].states.count(row, &c.states)
		}
	}
	if c.account != nil {
		c.account.find(row)
	}
	return true
}

// isActive reports whether the current worker's row in hand has taken connections.
func (c *cursor) isActive(l *layout) bool {
	if c.adjusted {
		return c.active
	}
	return l.active(c.scanner.Row())
}

// addInStep reads replies of one header together. Their rows nearly always come in
// the same order: then each step adds one row of every reply up, finds the name once
// and writes each cell once. It gives what add gives, one reply after another.
//
// Where the orders differ, the first reply leads. A row of another that is not the
// leader's waits until the leader comes to it. If that takes too long, or the leader
// has had the row before, it is added alone.
func (p *proxies) addInStep(replies []*haproxy.StatScanner, besides []beside) {
	if len(replies) == 1 {
		p.add(replies[0], besides[0])
		return
	}
	p.names.begin()
	p.cursors = p.cursors[:0]
	for i, s := range replies {
		p.arrange(s)
		p.cursors = append(p.cursors, *p.newCursor(s, 1<<i, besides[i]))
	}
	cursors := p.cursors
	for i := range cursors {
		cursors[i].next(p)
	}
	for len(cursors) > 0 {
		if cursors[0].done {
			cursors = cursors[1:]
			continue
		}
		p.step(cursors)
	}
	clear(p.cursors)
	p.noteRepeated()
}

// step adds the row of the first reply, and those of the others that have the same
// name.
func (p *proxies) step(cursors []cursor) {
	lead := &cursors[0]
	row := lead.scanner.Row()
	e := p.entry(lead)
	counted := e.row >= 0 || e.nameRow >= 0
	sum := &p.current.byType[row.Type].sum
	sum.reset()
	bits := uint64(0)
	for i := range cursors {
		c := &cursors[i]
		if c.done || i > 0 && !sameName(row, c.scanner.Row()) && !p.catchUp(c, lead.bit, e) {
			continue
		}
		p.rows[row.Type]++
		if bits |= c.bit; counted {
			if r := c.scanner.Row(); r.Plain {
				l := &p.current.byType[row.Type]
				if p.opt.Series {
					p.noteState(e, r)
				}
				l.collect(r, c.isActive(l))
			} else {
				p.addValues(e, c)
			}
		}
		c.last = e
		if i > 0 {
			c.next(p)
		}
	}
	p.names.see(e, bits)
	if sum.seen > 0 {
		l := &p.current.byType[row.Type]
		if e.row >= 0 {
			l.addSum(p.scopes[row.Type].table, e.row)
		}
		if e.nameRow >= 0 {
			l.addSum(p.serverNames, e.nameRow)
		}
	}
	lead.next(p)
}

// sameName reports whether two rows stand for the same.
func sameName(a, b *haproxy.Row) bool {
	return bytes.Equal(a.Service, b.Service) && bytes.Equal(a.Proxy, b.Proxy) && a.Type == b.Type
}

// catchUp adds rows of a reply alone that need not wait for the leader, which is at
// entry lead. It reports whether the reply has come to that, too.
func (p *proxies) catchUp(c *cursor, leader uint64, lead *entry) bool {
	if p.names.seen(lead, c.bit) {
		return false // the leader is behind
	}
	for !c.done {
		e := p.entry(c)
		if e == lead {
			return true
		}
		if !p.names.seen(e, leader) {
			if c.waited++; c.waited <= patience {
				return false
			}
			p.addRow(c)
			waited := c.waited
			c.next(p)
			c.waited = waited // the next one is less patient
			return false
		}
		p.addRow(c)
		c.next(p)
	}
	return false
}
