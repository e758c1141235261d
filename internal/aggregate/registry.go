package aggregate

import "haproxystats/internal/haproxy"

// registry finds the table rows for HAProxy's names. All processes usually list the
// rows in the same order, in each snapshot, so each name remembers its successor;
// the map is needed only if that guess fails.
type registry struct {
	byName map[name]*entry
	first  entry // precedes the first row
	last   *entry
	round  uint32
	used   int // names seen since reset
	reply  uint32
	// repeated are the names that one reply has had twice, each once.
	repeated []*entry
}

// name is HAProxy's name for a row.
type name struct {
	typ            haproxy.RowType
	proxy, service string
}

// full returns the name that is unique in its type.
func (n name) full() string {
	if n.typ == haproxy.ServerRow {
		return n.proxy + "/" + n.service
	}
	return n.proxy
}

// entry is what is remembered of a name.
type entry struct {
	name
	row     int // in the table of its type; -1: excluded
	nameRow int // in the table of server names; -1: none
	next    *entry
	round   uint32 // the last one in which the name was seen
	reply   uint32 // the last one in which the name was seen
	twice   bool   // one reply has had the name twice
}

func newRegistry() registry { return registry{byName: make(map[name]*entry)} }

// slack is the number of stale names that are always tolerated.
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

// insert makes the entry of a row that find does not know.
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
