package aggregate

import "haproxystats/internal/haproxy"

// registry finds the table rows for HAProxy's names. All processes usually list the
// rows in the same order, in each snapshot, so each name remembers its successor;
// the map is needed only if that guess fails.
type registry struct {
	byName map[name]*entry
	first  entry // precedes the first row
	round  uint32
	used   int    // names seen since reset
	group  uint32 // of replies
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
	row     int // in the table of its type; -1: left out
	nameRow int // in the table of server names; -1: none
	// uncounted is the row among the servers that only count for their backend; -1: none.
	uncounted int
	next      *entry
	round     uint32 // the last one in which the name was seen
	group     uint32 // the last one in which the name was seen
	replies   uint64 // those of the group that have had the name, a bit each
	twice     bool   // one reply has had the name twice
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

// begin begins a new group of replies.
func (r *registry) begin() { r.group++ }

// find returns the entry of a row, nil if there is none. The row stands behind that
// of the entry last, in the order of the reply.
func (r *registry) find(last *entry, row *haproxy.Row) *entry {
	e := last.next
	if e == nil || !e.is(row) {
		e = r.byName[name{row.Type, string(row.Proxy), string(row.Service)}]
		if e != nil {
			last.next = e
		}
	}
	return e
}

// is reports whether the row is of that name.
func (n *name) is(row *haproxy.Row) bool {
	return string(row.Service) == n.service && string(row.Proxy) == n.proxy && row.Type == n.typ
}

// insert makes the entry of a row that find does not know.
func (r *registry) insert(last *entry, row *haproxy.Row) *entry {
	e := &entry{name: name{typ: row.Type, proxy: last.proxy}, row: -1, nameRow: -1, uncounted: -1}
	if string(row.Proxy) != e.proxy { // the servers of a backend share its name
		e.proxy = string(row.Proxy)
	}
	e.service = string(row.Service)
	r.byName[e.name] = e
	last.next = e
	return e
}

// see notes that replies of the group, a bit each, have the name.
func (r *registry) see(e *entry, replies uint64) {
	if e.round != r.round {
		e.round = r.round
		r.used++
	}
	if e.group != r.group {
		e.group, e.replies = r.group, 0
	}
	if e.replies&replies != 0 && !e.twice {
		e.twice = true
		r.repeated = append(r.repeated, e)
	}
	e.replies |= replies
}

// seen reports whether one of the replies of the group has had the name.
func (r *registry) seen(e *entry, replies uint64) bool {
	return e.group == r.group && e.replies&replies != 0
}
