package aggregate

import "haproxystats/internal/haproxy"

// registry knows the rows of the tables that the names of HAProxy's belong to.
// The rows of all processes mostly come in the same order, in one snapshot as
// in the next, so each name remembers which one followed it, and the map is
// asked only where that guess fails.
type registry struct {
	byName map[name]*entry
	first  entry // stands before the first row
	last   *entry
	round  uint32
	used   int // names seen in this round
	reply  uint32
	// repeated are the names that one reply has had twice, each told once.
	repeated []*entry
}

// name is how HAProxy names a row.
type name struct {
	typ            haproxy.RowType
	proxy, service string
}

// full is the name that tells the entity from others of its type.
func (n name) full() string {
	if n.typ == haproxy.ServerRow {
		return n.proxy + "/" + n.service
	}
	return n.proxy
}

// entry is what is known of a name.
type entry struct {
	name
	row     int // in the table of its type; -1: excluded
	nameRow int // in the table of server names; -1: none
	next    *entry
	round   uint32 // the last in which it was seen
	reply   uint32 // likewise
	twice   bool   // a reply has had it twice
}

func newRegistry() registry { return registry{byName: make(map[name]*entry)} }

// slack is how many stale names are always borne with.
const slack = 1024

// mostlyStale reports whether most of the names have not been seen since reset.
func (r *registry) mostlyStale() bool { return len(r.byName) > 2*r.used+slack }

func (r *registry) reset() {
	r.round++
	r.used = 0
}

// rewind begins a new reply.
func (r *registry) rewind() {
	r.last = &r.first
	r.reply++
}

// find returns the entry of a row, nil if there is none.
func (r *registry) find(row *haproxy.Row) *entry {
	e := r.last.next
	if e == nil || string(row.Service) != e.service || string(row.Proxy) != e.proxy || row.Type != e.typ {
		e = r.byName[name{row.Type, string(row.Proxy), string(row.Service)}]
		if e == nil {
			return nil
		}
		r.last.next = e
	}
	r.see(e)
	return e
}

// insert makes the entry of a row that find did not know.
func (r *registry) insert(row *haproxy.Row, at, nameAt int) *entry {
	e := &entry{name: name{row.Type, string(row.Proxy), string(row.Service)}, row: at, nameRow: nameAt}
	r.byName[e.name] = e
	r.last.next = e
	r.see(e)
	return e
}

func (r *registry) see(e *entry) {
	r.last = e
	if e.round != r.round {
		e.round = r.round
		r.used++
	}
	if e.reply == r.reply && !e.twice {
		e.twice = true
		r.repeated = append(r.repeated, e)
	}
	e.reply = r.reply
}
