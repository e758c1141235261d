package truth

import (
	"hash/maphash"
	"slices"

	"haproxystats/internal/haproxy"
)

// Tally keeps as much of the rows of one instance as shows whether one of them has
// fallen: some 50 bytes for each. As long as none has, the base does not change, and
// nobody reads the rows a second time. The zero value has seen no row.
type Tally struct {
	rows []tallied
	// header has the columns of the reply before.
	header []string
	plans  [3]tallyPlan
	seed   maphash.Seed
	// moved finds rows whose place has changed.
	moved map[uint64]int
}

// tallied is what is kept of a row. Sums wrap.
type tallied struct {
	name     uint64 // hash
	sessions uint64
	bytes    uint64
	rest     uint64
	module   uint64
	downtime uint32
	id       uint32
}

// tallyPlan says where the columns of one row type go.
type tallyPlan struct {
	columns  []int
	to       []uint8
	conns    int // position of conn_tot, or -1
	sessions int // position of stot, or -1
}

// The destinations of a column.
const (
	toRest = iota
	toSessions
	toBytes
	toModule
	toDowntime
)

// Findings is what a reply shows against the one before.
type Findings struct {
	// Rows is the number of rows.
	Rows int
	// First reports whether the tally had seen no reply before.
	First bool
	// Fell counts rows of which a counter has fallen, Gone those that are missing, and
	// Replaced those that another server has taken.
	Fell, Gone, Replaced int
	// Downtime counts rows whose time spent down went back or jumped.
	Downtime int
	// Connections is the sum of the connections of all frontends, and Sessions the most
	// sessions of a row.
	Connections, Sessions int64
	// MaxDowntime is the longest time that a row has spent down.
	MaxDowntime int64
}

// Matters reports whether the base has to change for this reply.
func (f Findings) Matters() bool { return f.Fell+f.Gone+f.Replaced+f.Downtime > 0 }

// IsForeign reports whether a new instance has counters of its predecessor, or a time
// spent down that exceeds its age.
func (f Findings) IsForeign(info *Info) bool {
	return f.MaxDowntime > info.ageLimit() || info.mayBePreloaded() && (f.Connections > info.Counters["CumConns"] || f.Sessions > info.sessionLimit())
}

// Read reads a reply whose header has been read, and compares it with the one before,
// since which so many seconds have passed. If the reply turns out to be incomplete, the
// caller must forget the tally.
func (t *Tally) Read(s *haproxy.StatScanner, elapsed int64) Findings {
	t.arrange(s)
	f := Findings{First: t.rows == nil}
	before := t.rows
	if f.First {
		t.rows = make([]tallied, 0, 64)
	}
	next := 0
	matched := 0
	clear(t.moved)
	known := len(before)
	for s.Next() {
		row := s.Row()
		p := &t.plans[row.Type]
		now := t.take(row, p)
		f.Rows++
		if row.Type == haproxy.FrontendRow {
			f.Connections = plus(f.Connections, value(row, p.conns))
		}
		f.Sessions = max(f.Sessions, value(row, p.sessions))
		f.MaxDowntime = max(f.MaxDowntime, int64(now.downtime))
		at := next
		if at >= known || t.rows[at].name != now.name {
			if at = t.find(now.name, known); at < 0 {
				t.rows = append(t.rows, now)
				continue
			}
		}
		next = at + 1
		matched++
		t.compare(&t.rows[at], &now, elapsed, &f)
		t.rows[at] = now
	}
	if known > 0 {
		f.Gone = max(0, known-matched)
	}
	if f.Gone > 0 || len(t.rows) > 2*f.Rows+64 {
		// Rows that are gone must not stay: the reply is read again by an account.
		t.rows = nil
	}
	return f
}

// find returns the place of a row that is not where it was, or -1.
func (t *Tally) find(name uint64, known int) int {
	if len(t.moved) == 0 && known > 0 {
		if t.moved == nil {
			t.moved = make(map[uint64]int)
		}
		for i := range known {
			t.moved[t.rows[i].name] = i
		}
	}
	if i, ok := t.moved[name]; ok {
		return i
	}
	return -1
}

func (t *Tally) compare(old, now *tallied, elapsed int64, f *Findings) {
	if old.id != now.id {
		f.Replaced++
		return
	}
	if now.sessions < old.sessions || now.bytes < old.bytes || now.rest < old.rest || now.module < old.module {
		f.Fell++
	}
	if d := int64(now.downtime) - int64(old.downtime); d < 0 || d > elapsed+timeSlack {
		f.Downtime++
	}
}

// arrange selects the columns of a reply.
func (t *Tally) arrange(s *haproxy.StatScanner) {
	header := s.Columns()
	if !slices.Equal(header, t.header) {
		t.header = slices.Clone(header)
		behind := slices.Index(header, "-")
		for _, typ := range rowTypes {
			p := tallyPlan{columns: counterColumns(header, typ), conns: -1, sessions: -1}
			for i, c := range p.columns {
				to := uint8(toRest)
				switch name := header[c]; {
				case name == columnSessions:
					to, p.sessions = toSessions, i
				case name == columnIn || name == columnOut:
					to = toBytes
				case name == ColumnDowntime:
					to = toDowntime
				case behind >= 0 && c > behind:
					to = toModule
				case name == columnConns:
					p.conns = i
				}
				p.to = append(p.to, to)
			}
			t.plans[typ] = p
		}
		if t.seed == (maphash.Seed{}) {
			t.seed = maphash.MakeSeed()
		}
	}
	identity := identityColumns(header)
	for _, typ := range rowTypes {
		s.Select(typ, t.plans[typ].columns)
		s.SelectTexts(typ, identity)
	}
}

// take returns what is kept of a row.
func (t *Tally) take(row *haproxy.Row, p *tallyPlan) tallied {
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.Write(row.Proxy)
	h.WriteByte(byte(row.Type))
	h.Write(row.Service)
	r := tallied{name: h.Sum64()}
	var sums [5]uint64
	to := p.to[:len(row.Values)]
	for i, v := range row.Values {
		if v > 0 {
			sums[to[i]%5] += uint64(v)
		}
	}
	r.rest, r.sessions, r.bytes, r.module = sums[toRest], sums[toSessions], sums[toBytes], sums[toModule]
	r.downtime = uint32(min(sums[toDowntime], 1<<32-1))
	for _, text := range row.Texts {
		for _, c := range text {
			r.id = r.id*31 + uint32(c)
		}
		r.id = r.id*31 + ','
	}
	return r
}

// value returns a value of a row, or 0.
func value(row *haproxy.Row, at int) int64 {
	if at < 0 {
		return 0
	}
	return row.Values[at]
}
