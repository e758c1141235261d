package aggregate

import (
	"maps"
	"math"
	"slices"
	"strings"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// account has what a snapshot says of a socket besides the replies of its current
// worker.
type account struct {
	base *truth.Base
	old  oldRows
	// info has what is added to the fields of `show info`.
	info map[string]int64
	// largest has the largest values of old workers for fields of `show info`.
	largest map[string]int64
	workers oldWorkers
	// began is the start of the first worker whose counters are in the base or were added;
	// 0 if there is none.
	began int64
	// answered reports whether a reply of the current worker has come.
	answered bool
	// alone reports whether nothing is known of other workers.
	alone bool
}

// oldWorkers describes the workers that were replaced.
type oldWorkers struct {
	count, conns int64
	// oldest and next are the ages of the oldest of them and of the next one.
	oldest, next int64
}

// add adds the age of a worker.
func (w *oldWorkers) add(age int64) {
	switch {
	case age > w.oldest:
		w.oldest, w.next = age, w.oldest
	case age > w.next:
		w.next = age
	}
}

// replaced returns for how long the oldest of them has been replaced: that is the age of
// its successor, which may be the current worker, whose age is given.
func (w oldWorkers) replaced(current int64) int64 {
	if w.count == 0 {
		return 0
	}
	w.add(current)
	return w.next
}

// oldRows are the rows of the workers that are not current, added up.
type oldRows struct {
	columns []string
	rules   []catalogue.OldWorkers
	index   map[truth.Key]int
	keys    []truth.Key
	values  []int64 // of one row after another
	alive   []bool  // of each row: a worker that lives has it
	matched []bool  // of each row: the current worker has it
}

// longStopped is the age of the current worker from which the rates of old ones are
// not believed: HAProxy's counters of ticks have gone round once.
const longStopped = 24 * 24 * 3600

// Base takes what the counters of a socket had reached before the workers that live. It
// implements reply.Accountant.
func (a *Aggregator) Base(socket string, b *truth.Base) {
	a.account(socket, b)
}

// Growth takes what the counters of a socket had reached before they began anew. It
// implements reply.Accountant.
func (a *Aggregator) Growth(socket string, b *truth.Base) {
	if k := a.account(socket, b); k != nil {
		k.alone = true
	}
}

// account begins the account of a socket; it returns nil if counters are raw.
func (a *Aggregator) account(socket string, b *truth.Base) *account {
	if a.opt.Raw {
		return nil
	}
	if a.accounts == nil {
		a.accounts = make(map[string]*account)
	}
	k := &account{base: b, began: b.Began(), info: make(map[string]int64), largest: make(map[string]int64)}
	for name, v := range b.Info {
		k.info[name] = v
	}
	a.accounts[socket] = k
	return k
}

// Worker adds the replies of another worker than the current one. It implements
// reply.Accountant.
func (a *Aggregator) Worker(socket string, i snapshot.Instance, info *haproxy.InfoScanner, stat *haproxy.StatScanner) {
	k := a.accounts[socket]
	if k == nil {
		return
	}
	k.began = earlier(k.began, i.Start)
	silent := i.Role == snapshot.Silent
	stale := silent || i.Role == snapshot.Stale
	rates := a.daemon.uptime(socket) < longStopped
	k.addInfo(info, silent, rates)
	if stat != nil {
		k.addRows(stat, k.base.Frozen(truth.Instance{Pid: i.Pid, Start: i.Start}), stale, rates)
	}
}

// began returns when the first of the workers started that the counters are of; 0 if it is
// not known.
func (d *daemon) began() (first int64) {
	for _, p := range d.counted() {
		start := earlier(p.began, p.start())
		if start <= 0 {
			return 0
		}
		first = earlier(first, start)
	}
	return first
}

// earlier returns the earlier one of two times that are known, which are not 0.
func earlier(a, b int64) int64 {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// start returns the start time that the process shows; 0 for none. The uptime does not give
// it: the difference of two clocks in seconds would move it by a second now and then, and
// each move is a reset to a reader.
func (p *process) start() int64 {
	for _, v := range p.values {
		if v.field == fieldStart && v.wide == nil {
			return v.n
		}
	}
	return 0
}

// uptime returns the age of the current worker of a socket in seconds, or 0.
func (d *daemon) uptime(socket string) int64 {
	for i := range d.processes {
		if p := &d.processes[i]; p.socket == socket {
			return p.life.uptime
		}
	}
	return 0
}

// addInfo adds a reply to `show info`.
func (k *account) addInfo(s *haproxy.InfoScanner, silent, rates bool) {
	if !silent {
		k.workers.count++
	}
	seen := make(map[string]bool)
	for s.Next() {
		n, ok := haproxy.Number(s.Value())
		if !ok || seen[string(s.Key())] {
			continue
		}
		name := string(s.Key())
		seen[name] = true
		if !silent {
			switch name {
			case "CurrConns":
				k.workers.conns = plus(k.workers.conns, n)
			case fieldUptime:
				k.workers.add(n)
			}
		}
		f, known := catalogue.LookupInfo(name)
		if !known {
			continue
		}
		switch rule := f.OldWorkers(); {
		case rule == catalogue.Total:
			k.info[name] = plus(k.info[name], unsigned(name, n))
		case silent, rule == catalogue.Apart, f.Nature == catalogue.Rate && !rates:
		case rule == catalogue.Together:
			k.info[name] = plus(k.info[name], n)
		case rule == catalogue.Highest:
			k.largest[name] = max(k.largest[name], n)
		}
	}
}

// plus adds two numbers. A sum beyond the range ends at its limit.
func plus(a, b int64) int64 {
	s := a + b
	if (a^s)&(b^s) < 0 {
		if a < 0 {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return s
}

// addRows adds a reply to `show stat`. Of frozen rows, which the worker shares with a
// newer one, and of stale ones, not all columns count.
func (k *account) addRows(s *haproxy.StatScanner, frozen map[truth.Key]bool, stale, rates bool) {
	header := s.Columns()
	o := &k.old
	var place [len(truth.Scopes)][]int
	for t, scope := range truth.Scopes {
		var columns []int
		seen := make(map[string]bool)
		for i, name := range header {
			f, known := catalogue.LookupStat(name)
			if !known || seen[name] || f.In&scope == 0 || f.OldWorkers() == catalogue.Apart || name == truth.ColumnDowntime {
				continue
			}
			seen[name] = true
			columns = append(columns, i)
			place[t] = append(place[t], o.column(name, f))
		}
		s.Select(haproxy.RowType(t), columns)
	}
	for s.Next() {
		row := s.Row()
		key := keyOf(row)
		values, at := o.row(key)
		o.alive[at] = o.alive[at] || !stale
		for i, v := range row.Values {
			to := place[row.Type][i]
			rule := o.rules[to]
			switch {
			case row.Present[i] == 0 || v < 0:
			case rule == catalogue.Total:
				if !frozen[key] {
					values[to] = plus(values[to], v)
				}
			case stale, !rates && isRate(o.columns[to]):
			case rule == catalogue.Highest:
				values[to] = max(values[to], v)
			default:
				values[to] = plus(values[to], v)
			}
		}
	}
}

func isRate(name string) bool {
	f, _ := catalogue.LookupStat(name)
	return f.Nature == catalogue.Rate
}

// column returns the number of a column, which it adds if necessary.
func (o *oldRows) column(name string, f catalogue.Field) int {
	if i := slices.Index(o.columns, name); i >= 0 {
		return i
	}
	before := len(o.columns)
	o.columns = append(o.columns, name)
	o.rules = append(o.rules, f.OldWorkers())
	if len(o.keys) > 0 {
		values := make([]int64, len(o.keys)*len(o.columns))
		for i := range o.keys {
			copy(values[i*len(o.columns):], o.values[i*before:(i+1)*before])
		}
		o.values = values
	}
	return before
}

// row returns the values of a row and its number. It makes the row if necessary.
func (o *oldRows) row(k truth.Key) ([]int64, int) {
	i, ok := o.index[k]
	if !ok {
		if o.index == nil {
			o.index = make(map[truth.Key]int)
		}
		i = len(o.keys)
		o.index[k] = i
		o.keys = append(o.keys, k)
		o.alive, o.matched = append(o.alive, false), append(o.matched, false)
		o.values = slices.Grow(o.values, len(o.columns))[:len(o.values)+len(o.columns)]
		clear(o.values[i*len(o.columns):])
	}
	return o.at(i), i
}

func (o *oldRows) at(i int) []int64 {
	return o.values[i*len(o.columns) : (i+1)*len(o.columns)]
}

// adjuster adds an account to the rows of the current worker's reply.
type adjuster struct {
	*account
	// next and nextOld are the rows of the base and of old workers that are expected.
	next, nextOld int

	plans [len(truth.Scopes)]adjustment
}

// adjustment says for each field of a layout what is added.
type adjustment struct {
	// base and old have the columns of the base and of the old rows, or -1.
	base, old []int
	rules     []catalogue.OldWorkers
}

// newAdjuster returns the adjuster for a reply with these layouts, or nil if the account
// adds nothing.
func (k *account) newAdjuster(l *layouts) *adjuster {
	if k == nil {
		return nil
	}
	k.answered = true
	if k.base.Rows() == 0 && len(k.old.keys) == 0 {
		return nil
	}
	a := &adjuster{account: k}
	for t := range a.plans {
		p := &a.plans[t]
		fields := l.listener.fields
		if t != int(haproxy.ListenerRow) {
			fields = l.byType[t].fields
		}
		for _, c := range fields {
			name := l.header[c]
			f, known := catalogue.LookupStat(name)
			rule := catalogue.Apart
			if known {
				rule = f.OldWorkers()
			}
			inBase := -1
			if rule == catalogue.Total {
				inBase = slices.Index(k.base.Columns(), name)
			}
			p.base = append(p.base, inBase)
			p.old = append(p.old, slices.Index(k.old.columns, name))
			p.rules = append(p.rules, rule)
		}
	}
	return a
}

// find returns what is added to a row: the rows of the base and of old workers.
func (a *adjuster) find(row *haproxy.Row) (base, old []int64) {
	b, o := a.account.base, &a.account.old
	at := a.next
	if at >= b.Rows() || !isKey(b.Key(at), row) {
		at = b.Find(keyOf(row))
	}
	if at >= 0 {
		base = b.Values(at)
		a.next = at + 1
	}
	if len(o.keys) > 0 {
		at := a.nextOld
		if at >= len(o.keys) || !isKey(o.keys[at], row) {
			var ok bool
			if at, ok = o.index[keyOf(row)]; !ok {
				at = -1
			}
		}
		if at >= 0 {
			old = o.at(at)
			o.matched[at] = true
			a.nextOld = at + 1
		}
	}
	return base, old
}

// adjust adds the account to a row. It reports whether it has changed the row.
func (a *adjuster) adjust(row *haproxy.Row) bool {
	base, old := a.find(row)
	if base == nil && old == nil {
		return false
	}
	p := &a.plans[row.Type]
	for i := range row.Values {
		if row.Present[i] == 0 {
			continue
		}
		v := row.Values[i]
		if c := p.base[i]; base != nil && c >= 0 {
			v = plus(v, base[c])
		}
		if c := p.old[i]; old != nil && c >= 0 {
			if p.rules[i] == catalogue.Highest {
				v = max(v, old[c])
			} else {
				v = plus(v, old[c])
			}
		}
		if p.rules[i] == catalogue.Total {
			v = max(v, 0)
		}
		row.Values[i] = v
		row.Plain = row.Plain && uint64(v) < plainLimit
	}
	return true
}

func keyOf(row *haproxy.Row) truth.Key {
	return truth.Key{Type: row.Type, Proxy: string(row.Proxy), Service: string(row.Service)}
}

// isKey reports whether a row has that key.
func isKey(k truth.Key, row *haproxy.Row) bool {
	return k.Service == string(row.Service) && k.Proxy == string(row.Proxy) && k.Type == row.Type
}

// plainLimit is above the values of a plain row.
const plainLimit = 1e16

// ghost is a row that the current worker of a socket does not have.
type ghost struct {
	key     truth.Key
	columns []string
	values  []int64
	// alone reports whether an old worker has the row. Else it counts only where another
	// socket has a row of that name.
	alone bool
}

// ghosts returns the rows that no reply of the current worker has taken.
func (k *account) ghosts() []ghost {
	var found []ghost
	for i, key := range k.old.keys {
		if k.old.matched[i] {
			continue
		}
		g := ghost{key: key, columns: k.old.columns, values: slices.Clone(k.old.at(i)), alone: k.old.alive[i] && k.answered}
		if at := k.base.Find(key); at >= 0 {
			k.addBase(&g, at)
		}
		found = append(found, g)
	}
	if k.answered {
		return found
	}
	for at := range k.base.Rows() { // of a socket that is gone, the totals stay in the sums
		if _, ok := k.old.index[k.base.Key(at)]; !ok {
			found = append(found, ghost{key: k.base.Key(at), columns: k.base.Columns(), values: k.base.Values(at)})
		}
	}
	return found
}

// addBase adds a row of the base to a ghost.
func (k *account) addBase(g *ghost, at int) {
	columns := slices.Clip(g.columns)
	for c, v := range k.base.Values(at) {
		if v == 0 {
			continue
		}
		name := k.base.Columns()[c]
		i := slices.Index(columns, name)
		if i < 0 {
			columns, g.values = append(columns, name), append(g.values, 0)
			i = len(columns) - 1
		}
		g.values[i] = plus(g.values[i], v)
	}
	g.columns = columns
}

// addGhosts adds the rows that no current worker has.
func (p *proxies) addGhosts(ghosts []ghost) {
	p.names.begin()
	for _, g := range ghosts {
		if g.key.Type == haproxy.ListenerRow {
			if p.opt.Series && p.wantsListeners(g.key.Proxy) {
				t := p.listeners.table
				p.addGhost(t, t.Row(metric.Entity{Parent: g.key.Proxy, Name: g.key.Service}), g)
			}
			continue
		}
		row := haproxy.Row{Type: g.key.Type, Proxy: []byte(g.key.Proxy), Service: []byte(g.key.Service)}
		var before entry
		e := p.names.find(&before, &row)
		if e == nil && !g.alone {
			continue
		}
		if e == nil {
			e = p.names.insert(&before, &row)
			p.admit(e)
		}
		p.names.see(e, 0)
		p.addGhost(p.scopes[g.key.Type].table, e.row, g)
		p.addGhost(p.serverNames, e.nameRow, g)
	}
}

func (p *proxies) addGhost(t *metric.Builder, row int, g ghost) {
	if row < 0 {
		return
	}
	if !t.IsTouched(row) {
		if !g.alone {
			return
		}
		t.Touch(row)
	}
	place, others := places(t.Columns()), otherPlaces(t.Columns())
	for i, name := range g.columns {
		c, ok := place[name]
		// A downtime is the mean over the sockets, each with what its workers have counted
		// since the account began. A socket that is gone stays one of them, so that the
		// mean does not fall.
		other, okOther := others[name]
		if !ok && !okOther {
			continue
		}
		if f, _ := catalogue.LookupStat(name); f.In&truth.Scopes[g.key.Type] == 0 || !g.alone && f.OldWorkers() != catalogue.Total {
			continue
		}
		v := max(g.values[i], 0)
		if ok {
			t.Add(row, c, v)
		}
		if okOther {
			t.Add(row, other, v)
		}
	}
}

// fieldOldWorkers and the next are metrics of the workers that were replaced.
const (
	fieldOldWorkers      = "OldWorkers"
	fieldOldWorkersConns = "OldWorkersConns"
	fieldOldestWorker    = "OldestWorkerSec"
)

// workerColumns are the columns of these metrics.
var workerColumns = map[string]metric.Column{
	fieldOldWorkers:      {Name: fieldOldWorkers, Combine: metric.Sum, Unit: "processes", Help: "Old workers: processes that were replaced by a reload, and finish the work of their last clients"},
	fieldOldWorkersConns: {Name: fieldOldWorkersConns, Combine: metric.Sum, Unit: "connections", Help: "Client connections that are open to old workers"},
	fieldOldestWorker:    {Name: fieldOldestWorker, Combine: metric.Max, Nature: metric.Duration, Unit: "seconds", Help: "Time since the oldest of the old workers was replaced, 0 if there is none"},
}

// WorkerColumns returns the metrics of old workers, which processes with an account have.
func WorkerColumns() []metric.Column {
	return []metric.Column{workerColumns[fieldOldWorkers], workerColumns[fieldOldWorkersConns], workerColumns[fieldOldestWorker]}
}

// addAccount adds an account to what the process says of itself.
func (p *process) addAccount(k *account) {
	p.began = k.began
	for i := range p.values {
		v := &p.values[i]
		if v.wide != nil {
			continue
		}
		for _, use := range percentages {
			if use.use == v.field {
				p.uses = append(p.uses, *v)
			}
		}
		v.n = plus(v.n, k.info[v.field])
		if high, ok := k.largest[v.field]; ok {
			v.n = max(v.n, high)
		}
	}
	if k.alone {
		return
	}
	p.values = append(p.values,
		infoValue{field: fieldOldWorkers, n: k.workers.count},
		infoValue{field: fieldOldWorkersConns, n: k.workers.conns},
		infoValue{field: fieldOldestWorker, n: k.workers.replaced(p.life.uptime)})
}

// silent returns a process that has only the totals of a socket that has not answered.
func (k *account) silent(socket string) (process, bool) {
	p := process{socket: socket, silent: true, began: k.began}
	for name, v := range k.info {
		if f, ok := catalogue.LookupInfo(name); ok && f.OldWorkers() == catalogue.Total && v > 0 {
			p.values = append(p.values, infoValue{field: name, n: v})
		}
	}
	slices.SortFunc(p.values, func(a, b infoValue) int { return strings.Compare(a.field, b.field) })
	return p, len(p.values) > 0
}

// addAccounts adds the accounts of all sockets, once.
func (a *Aggregator) addAccounts() {
	for _, socket := range slices.Sorted(maps.Keys(a.accounts)) {
		k := a.accounts[socket]
		found := false
		for i := range a.daemon.processes {
			if p := &a.daemon.processes[i]; p.socket == socket {
				found = true
				if p.repeated {
					k = nil // it counts with the other socket
				} else {
					p.addAccount(k)
				}
				break
			}
		}
		if k == nil {
			continue
		}
		if !found {
			if p, ok := k.silent(socket); ok {
				a.daemon.processes = append(a.daemon.processes, p)
			}
		}
		a.ghosts = append(a.ghosts, k.ghosts()...)
	}
	clear(a.accounts)
}
