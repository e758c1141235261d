package truth

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"

	"haproxystats/internal/haproxy"
)

// Tally keeps as much of the rows of one instance as shows whether one of them has
// fallen: 40 bytes for each. As long as none has, the base does not change, and nobody
// reads the rows a second time. The zero value has seen no row.
//
// A reply is read by [Tally.Begin], [Tally.Rows] for each of its parts, and [Tally.End].
type Tally struct {
	rows []tallied
	// modules has sums of the columns of modules. Rows of servers have none: HAProxy clears
	// these counters for all rows at once, and those of a server move with its backend's.
	modules []uint64
	// header has the columns of the reply before.
	header   []string
	identity []int // its columns that name one server of an instance
	plans    [len(Scopes)]tallyPlan
	// age and typ are the columns of the time of the last change and of the type, if all
	// that counts of a server stands before the type; else typ is 0.
	age, typ int
	// moved finds rows whose place has changed.
	moved map[uint32]int
	pass  pass
}

// pass is the state of one reply.
type pass struct {
	number, before uint64
	elapsed        int64
	watches        []*Watch
	known          int // rows before
	next           int // the place of the next row, unless rows have moved
	matched        int
	Findings
}

// tallied is what is kept of a row. Sums wrap.
type tallied struct {
	counts   uint64 // sum of all counters but those of bytes and modules
	bytes    uint64
	key      uint64 // hash of all that counts of a server; 0 if it is not known
	name     uint32 // hash
	id       uint32
	downtime uint32
	extra    uint32 // the number of its sum in modules, plus one; 0 if it has none
}

// Watch is shown each row of a reply while a tally reads it, but those of listeners.
type Watch struct {
	// Columns are the names of columns whose texts are wanted.
	Columns []string
	// See is called for each row. What it is shown is valid until it returns.
	See func(*Seen)

	at   []int // the place of each column, or -1
	seen Seen
}

// Seen is a row as a [Watch] sees it.
type Seen struct {
	// Name is a hash of the row's type and names.
	Name uint64
	// Row is the row itself, of which only the type and the names may be used.
	Row *haproxy.Row
	// Text returns the text of one of the watch's columns, or nothing where the reply lacks
	// it.
	Text func(column int) []byte
	// Age is the time since the last change in seconds, or -1 if it is not known.
	Age int64
	// Pass is a number of the reply, and Before that of the one before: no other replies
	// have them in this process. Same reports whether all that counts of a server is as in
	// the reply before, but Age.
	Pass, Before uint64
	Same         bool
}

// passes counts replies.
var passes atomic.Uint64

// ageOf returns the time since the last change of a row, or -1 if it is not known.
func (t *Tally) ageOf(s *haproxy.StatScanner) int64 {
	if t.age < 0 {
		return -1
	}
	age, ok := haproxy.Number(s.Text(t.age))
	if !ok || age < 0 {
		return -1
	}
	return age
}

var keySeed = maphash.MakeSeed()

// key returns a hash of all of a server's row that counts, and of its names: a row with
// the key of the reply before has nothing new. The time of the last change is left out,
// because it grows by itself. The hash is 0 if there is none.
func (t *Tally) key(s *haproxy.StatScanner) uint64 {
	if t.typ == 0 {
		return 0
	}
	before, ok1 := s.Span(0, t.age-1)
	behind, ok2 := s.Span(t.age+1, t.typ)
	if !ok1 || !ok2 {
		return 0
	}
	return bits.RotateLeft64(maphash.Bytes(keySeed, before), 1) ^ maphash.Bytes(keySeed, behind)
}

// tallyPlan says what the columns of one row type are. Those of modules are the last.
type tallyPlan struct {
	columns []int
	// The positions of some columns, or -1.
	in, out, downtime, conns, sessions int
	modules                            int // position of the first column of a module
}

// Findings is what a reply shows against the one before.
type Findings struct {
	// Rows is the number of rows, and Proxies that of frontends and backends.
	Rows, Proxies int
	// First reports whether the tally had seen no reply before.
	First bool
	// Fell counts rows of which a counter has fallen, Gone those that are missing, and
	// Replaced those that another server has taken.
	Fell, Gone, Replaced int
	// Downtime counts rows whose time spent down went back or jumped.
	Downtime int
	// Connections is the sum of the connections of all frontends, and Sessions the most
	// sessions of a row; both of the first reply only.
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
func (t *Tally) Read(s *haproxy.StatScanner, elapsed int64, watches ...*Watch) Findings {
	t.Begin(s, elapsed, watches)
	t.Rows(s)
	return t.End()
}

// Begin begins a reply whose header has been read.
func (t *Tally) Begin(s *haproxy.StatScanner, elapsed int64, watches []*Watch) {
	t.arrange(s, watches)
	t.pass = pass{number: passes.Add(1), before: t.pass.number, elapsed: elapsed, watches: watches, known: len(t.rows)}
	for _, w := range watches {
		w.seen.Pass, w.seen.Before = t.pass.number, t.pass.before
	}
	t.pass.First = t.rows == nil
	if t.pass.First {
		t.rows, t.modules = make([]tallied, 0, 64), nil
	}
	clear(t.moved)
}

// Rows reads the rows that the scanner has now.
func (t *Tally) Rows(s *haproxy.StatScanner) {
	f := &t.pass
	for s.Step() {
		row := s.Row()
		name := row.Hash()
		key, young, age := uint64(0), false, t.ageOf(s)
		if row.Type == haproxy.ServerRow {
			// One that was removed and added again has changed its state since the reply before,
			// so that of all others it is known that they are the same.
			if young = age <= f.elapsed+timeSlack; !young {
				key = t.key(s)
			}
			if at := f.next; key != 0 && at < f.known && t.rows[at].key == key && t.rows[at].name == uint32(name) {
				for _, w := range f.watches {
					w.see(name, row, age, true)
				}
				f.Rows++
				f.matched++
				f.next++
				f.MaxDowntime = max(f.MaxDowntime, int64(t.rows[at].downtime))
				continue
			}
		}
		if !s.Read() {
			continue
		}
		p := &t.plans[row.Type]
		now, module := take(row, p)
		now.name, now.key = uint32(name), key
		for _, w := range f.watches {
			w.see(name, row, age, false)
		}
		f.Rows++
		if row.Type.IsProxy() {
			f.Proxies++
		}
		if row.Type == haproxy.FrontendRow {
			f.Connections = plus(f.Connections, value(row, p.conns))
		}
		f.Sessions = max(f.Sessions, value(row, p.sessions))
		f.MaxDowntime = max(f.MaxDowntime, int64(now.downtime))
		at := f.next
		if at >= f.known || t.rows[at].name != now.name {
			if at = t.find(now.name); at < 0 {
				now.id = t.identify(s)
				if row.Type != haproxy.ServerRow {
					t.modules = append(t.modules, module)
					now.extra = uint32(len(t.modules))
				}
				t.rows = append(t.rows, now)
				continue
			}
		}
		f.next = at + 1
		f.matched++
		old := &t.rows[at]
		if now.id = old.id; young {
			now.id = t.identify(s)
		}
		old.compare(&now, f.elapsed, &f.Findings)
		if now.extra = old.extra; now.extra > 0 {
			sum := &t.modules[now.extra-1]
			if module < *sum {
				f.Fell++
			}
			*sum = module
		}
		*old = now
	}
}

// End ends a reply.
func (t *Tally) End() Findings {
	f := &t.pass
	if f.known > 0 {
		f.Gone += max(0, f.known-f.matched)
	}
	if f.Gone > 0 || len(t.rows) > 2*f.Rows+64 {
		// Rows that are gone must not stay: the reply is read again by an account.
		t.rows = nil
	}
	if f.First {
		t.rows = slices.Clone(t.rows) // without what it has grown by
	}
	f.watches = nil
	return f.Findings
}

// Len returns the number of rows of the reply before.
func (t *Tally) Len() int { return len(t.rows) }

// find returns the place of a row that is not where it was, or -1.
func (t *Tally) find(name uint32) int {
	if len(t.moved) == 0 && t.pass.known > 0 {
		if t.moved == nil {
			t.moved = make(map[uint32]int)
		}
		for i := range t.pass.known {
			t.moved[t.rows[i].name] = i
		}
		// Two rows of one hash can't be told apart, so that an account has to.
		t.pass.Gone += t.pass.known - len(t.moved)
	}
	if i, ok := t.moved[name]; ok {
		return i
	}
	return -1
}

func (old *tallied) compare(now *tallied, elapsed int64, f *Findings) {
	if old.id != now.id {
		f.Replaced++
		return
	}
	if now.counts < old.counts || now.bytes < old.bytes {
		f.Fell++
	}
	if d := int64(now.downtime) - int64(old.downtime); d < 0 || d > elapsed+timeSlack {
		f.Downtime++
	}
}

// The counters of a row that move without others. HAProxy clears all counters of a row at
// once, but those of modules, so that the sum of these falls then.
var (
	frontendCounters = []string{columnConns, columnSessions, columnIn, columnOut, "dreq", "dresp", "ereq", "dcon", "dses", "req_tot"}
	backendCounters  = []string{
		columnSessions, columnIn, columnOut, "dreq", "dresp", "econ", "eresp", "wretr", "wredis", "chkdown", ColumnDowntime, "lbtot", "req_tot",
		"cli_abrt", "srv_abrt", "connect",
	}
	serverCounters = []string{
		columnSessions, columnIn, columnOut, "dresp", "econ", "eresp", "wretr", "wredis", "chkfail", "chkdown", ColumnDowntime, "lbtot",
	}
	listenerCounters = []string{columnConns, columnSessions, columnIn, columnOut, "dreq", "dresp", "ereq", "dcon", "dses"}
	tallyCounters    = map[haproxy.RowType][]string{
		haproxy.FrontendRow: frontendCounters, haproxy.BackendRow: backendCounters, haproxy.ServerRow: serverCounters,
		haproxy.ListenerRow: listenerCounters,
	}
)

// keyColumns are the columns of a server whose contents a key must cover.
var keyColumns = append([]string{"pxname", "svname", "sid", "status", "throttle"}, serverCounters...)

// arrange selects the columns of a reply.
func (t *Tally) arrange(s *haproxy.StatScanner, watches []*Watch) {
	header := s.Columns()
	if !slices.Equal(header, t.header) {
		t.header, t.identity = slices.Clone(header), identityColumns(header)
		behind := slices.Index(header, "-")
		t.age, t.typ = slices.Index(header, columnAge), slices.Index(header, columnType)
		if t.age <= 0 || t.age >= t.typ {
			t.typ = 0
		}
		for _, name := range keyColumns {
			if slices.Index(header, name) > t.typ {
				t.typ = 0
			}
		}
		for i := range Scopes {
			typ := haproxy.RowType(i)
			columns := counterColumns(header, typ)
			isModule := func(c int) bool { return typ != haproxy.ServerRow && behind >= 0 && c > behind }
			columns = slices.DeleteFunc(columns, func(c int) bool { return !isModule(c) && !slices.Contains(tallyCounters[typ], header[c]) })
			place := func(name string) int {
				return slices.IndexFunc(columns, func(c int) bool { return header[c] == name })
			}
			p := tallyPlan{
				columns: columns, in: place(columnIn), out: place(columnOut), downtime: place(ColumnDowntime),
				conns: place(columnConns), sessions: place(columnSessions), modules: len(columns),
			}
			if behind >= 0 {
				p.modules, _ = slices.BinarySearch(columns, behind)
			}
			t.plans[typ] = p
		}
	}
	for typ, p := range t.plans {
		s.Select(haproxy.RowType(typ), p.columns)
	}
	for _, w := range watches {
		w.arrange(s)
	}
}

// arrange finds the columns of the watch.
func (w *Watch) arrange(s *haproxy.StatScanner) {
	w.at = w.at[:0]
	for _, name := range w.Columns {
		w.at = append(w.at, slices.Index(s.Columns(), name))
	}
	w.seen = Seen{Text: func(column int) []byte {
		if at := w.at[column]; at >= 0 {
			return s.Text(at)
		}
		return nil
	}}
}

// see shows a row.
func (w *Watch) see(name uint64, row *haproxy.Row, age int64, same bool) {
	if row.Type == haproxy.ListenerRow {
		return
	}
	w.seen.Name, w.seen.Row, w.seen.Age, w.seen.Same = name, row, age, same
	w.See(&w.seen)
}

// take returns what is kept of a row, and the sum of its counters of modules.
func take(row *haproxy.Row, p *tallyPlan) (r tallied, module uint64) {
	own := row.Values[:p.modules]
	for _, v := range own {
		r.counts += uint64(max(v, 0)) // no counter is negative
	}
	for _, v := range row.Values[p.modules:] {
		module += uint64(max(v, 0))
	}
	r.bytes = uint64(max(value(row, p.in), 0)) + uint64(max(value(row, p.out), 0))
	downtime := uint64(max(value(row, p.downtime), 0))
	r.counts -= r.bytes + downtime
	r.downtime = uint32(min(downtime, 1<<32-1))
	return r, module
}

// identify returns a number for what tells one server of an instance from another that
// takes its name.
func (t *Tally) identify(s *haproxy.StatScanner) (id uint32) {
	for _, column := range t.identity {
		for _, c := range s.Text(column) {
			id = id*31 + uint32(c)
		}
		id = id*31 + ','
	}
	return id
}

// value returns a value of a row, or 0.
func value(row *haproxy.Row, at int) int64 {
	if at < 0 {
		return 0
	}
	return row.Values[at]
}
