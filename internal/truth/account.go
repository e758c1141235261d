package truth

import (
	"math"
	"slices"
)

// Account is the account of one socket: its base, and the latest words of each instance
// that lives. It is not safe for concurrent use.
type Account struct {
	Base *Base
	// Members are the instances that live, the first seen first.
	Members []*Member

	// unseen reports whether there may be servers and listeners of which the last step has
	// told no rows.
	unseen bool
}

// Member is an instance that lives, with its latest words.
type Member struct {
	Instance Instance
	// Info is its latest reply to `show info`.
	Info *Info
	// Stat are its latest rows; nil if it has not told any.
	Stat *Stat
	// Current reports whether the instance answers at the socket.
	Current bool
	// StatInfo is the reply to `show info` with which Stat came.
	StatInfo *Info
	// ProxiesOnly reports whether it was asked for no other rows than those of frontends and
	// backends when it told Stat.
	ProxiesOnly bool
	// Kept has rows of servers and listeners that the base counts while the instance is not
	// asked for them; nil if there are none. KeptAt is when it told them.
	Kept   *Stat
	KeptAt int64
	// KeptLost reports whether the base counts such rows, and nobody knows them any more.
	KeptLost bool
	// Look is a later reply to `show info`, which bounds what is lost if the instance
	// ends without final words; nil if there is none.
	Look *Info
}

// Word is what an instance says in a round.
type Word struct {
	Info *Info
	// Stat has the rows; nil if they were not asked for. One without rows, as HAProxy
	// 2.4 and before send it while they stop, leaves the known rows as they are.
	Stat *Stat
	// ProxiesOnly reports whether Stat was asked to have no other rows than those of frontends
	// and backends, so that the absence of others says nothing.
	ProxiesOnly bool
	// Current reports whether the instance answers at the socket.
	Current bool
	// Final reports whether the instance can say no more: it has no client left and will
	// exit.
	Final bool
}

// NoticeKind is what an account has noticed.
type NoticeKind string

// The kinds of notices.
const (
	Ended     NoticeKind = "ended"     // an instance has ended
	Cleared   NoticeKind = "cleared"   // an operator has cleared counters
	Wrapped   NoticeKind = "wrapped"   // a counter of 32 bits began at 0 again
	Preloaded NoticeKind = "preloaded" // an instance began with counters of its predecessor
	Shared    NoticeKind = "shared"    // two instances have the same counters
	Removed   NoticeKind = "removed"   // a server was removed, or another one has its name
	Forgotten NoticeKind = "forgotten" // totals of rows that are gone for long were dropped
)

// Notice is something that an account has noticed.
type Notice struct {
	Kind     NoticeKind
	Instance Instance
	// Rows is the number of rows, or of fields for [Wrapped].
	Rows int
	// Final reports, for [Ended], whether the instance had said its final words.
	Final bool
	// Current reports, for [Ended], whether it was the current instance.
	Current bool
}

// Loss bounds what the instances that ended without final words may have counted and
// never said.
type Loss struct {
	// Seconds is the time in which nobody heard them.
	Seconds int64
	// Requests are known to be missing in the rows, or estimated by the last rate.
	Requests int64
}

// Outcome is the result of a step.
type Outcome struct {
	// Changed reports whether the base has changed.
	Changed bool
	Notices []Notice
	Loss    Loss
}

// timeSlack is the number of seconds by which a count of seconds may exceed the time
// that has passed.
const timeSlack = 2

// Step takes what the instances say in a round at that time, and then the end of the
// instances in ended and of those whose words are final. Instances that say nothing go
// on living: a reply is missing.
func (a *Account) Step(words []Word, ended []Instance, at int64) Outcome {
	var o Outcome
	if a.Base == nil {
		a.Base = &Base{}
	}
	a.Base.At = at
	a.unseen = a.hasUnseen(words)
	var known []*Member
	var begun []Word
	finals := make(map[Instance]bool)
	// Of one instance with two words, such as over two connections, the first counts.
	heard := make(map[*Member]Word)
	for _, w := range words {
		if w.Info == nil {
			continue
		}
		m := a.member(w.Info)
		switch {
		case m == nil && slices.ContainsFunc(begun, func(b Word) bool { return b.Info.Instance.IsSame(w.Info) }):
		case m == nil && a.Base.HasFolded(w.Info.Instance): // the words of one that has ended
		case m == nil:
			begun = append(begun, w)
		default:
			if _, twice := heard[m]; !twice {
				known, heard[m] = append(known, m), w
				finals[m.Instance] = w.Final
			}
		}
	}
	a.share(heard, &o)
	grown := make(map[*Member]*Stat) // the rows before
	for _, m := range known {
		grown[m] = m.Stat
		a.advance(m, heard[m], &o)
	}
	for _, w := range begun {
		a.begin(w, grown, &o)
		finals[w.Info.Instance] = w.Final
	}
	for _, m := range slices.Clone(a.Members) {
		if finals[m.Instance] || slices.Contains(ended, m.Instance) {
			a.end(m, finals[m.Instance], at, &o)
		}
	}
	return o
}

// member returns the member with the instance of a reply, or nil.
func (a *Account) member(info *Info) *Member {
	for _, m := range a.Members {
		if info.IsLaterOf(m.Instance, m.Info) {
			return m
		}
	}
	return nil
}

// advance takes the words of a member: what has fallen goes to the base.
func (a *Account) advance(m *Member, w Word, o *Outcome) {
	if n := a.wrap(m, w.Info); n > 0 {
		o.notice(Notice{Kind: Wrapped, Instance: m.Instance, Rows: n})
	}
	before := m.Stat
	if w.Stat != nil && (!w.Stat.IsEmpty() || before.IsEmpty()) {
		if before != nil {
			a.fall(m, w, o)
			a.appear(m, w, o)
		}
		m.Stat, m.StatInfo, m.ProxiesOnly = w.Stat, w.Info, w.ProxiesOnly
	}
	if m.Current != w.Current {
		// Of the time spent down, the current instance alone counts.
		if m.Current {
			a.addDowntime(before, 1, o)
		} else {
			a.addDowntime(m.Stat, -1, o)
		}
	}
	m.Info, m.Current = w.Info, w.Current
}

// wrap adds what the counters of `show info` lose when they wrap. It returns the number
// of these counters.
func (a *Account) wrap(m *Member, now *Info) (n int) {
	for name, before := range m.Info.Counters {
		v, ok := now.Counters[name]
		if !ok || v >= before {
			continue
		}
		n++
		if isWrap(name, before, v) {
			a.Base.addInfo(name, 1<<32)
		} else {
			a.Base.addInfo(name, before)
		}
	}
	return n
}

// Fell reports whether a counter is smaller in a later reply of the same instance.
func (i *Info) Fell(later *Info) bool {
	for name, before := range i.Counters {
		if v, ok := later.Counters[name]; ok && v < before {
			return true
		}
	}
	return false
}

// isWrap reports whether a counter of `show info` is one of 32 bits that has passed its
// end.
func isWrap(name string, before, now int64) bool {
	return is32(name) && before <= math.MaxUint32 && now+1<<32-before <= 1<<31
}

// fall adds the counters of rows that have fallen to the base.
func (a *Account) fall(m *Member, w Word, o *Outcome) {
	b, old, now := a.Base, m.Stat, w.Stat
	b.widen(old.columns)
	toBase, toNow := places(old.columns, b.columns), places(old.columns, now.columns)
	down := old.position(ColumnDowntime)
	elapsed := w.Info.At - m.StatInfo.At + timeSlack
	lost := make([]int64, len(old.columns))
	cleared, removed := 0, 0
	for i, k := range old.keys {
		values := old.at(i)
		frozen := b.isFrozen(k, m.Instance)
		j, there := now.index[k]
		clear(lost)
		if !there || now.ids[j] != old.ids[i] {
			if !frozen {
				copy(lost, values)
			}
			if down >= 0 {
				lost[down] = 0
				if m.Current && there && w.Current {
					lost[down] = values[down] - lateTime(now.at(j), toNow[down], w.Info.ageLimit())
				} else if m.Current && w.Current {
					lost[down] = values[down]
				}
			}
			if w.ProxiesOnly && !k.Type.IsProxy() {
				m.Kept, m.KeptAt = old, m.StatInfo.At
			} else {
				removed++
			}
			b.addLost(k, lost, toBase, o)
			continue
		}
		fresh := now.at(j)
		if !frozen && old.fallen(values, fresh, toNow, lost) {
			cleared++
		}
		if down >= 0 && m.Current && w.Current {
			if d := get(fresh, toNow[down]) - values[down]; d < 0 || d > elapsed {
				lost[down] = -d
			}
		}
		b.addLost(k, lost, toBase, o)
	}
	if cleared > 0 {
		o.notice(Notice{Kind: Cleared, Instance: m.Instance, Rows: cleared})
	}
	if removed > 0 {
		o.notice(Notice{Kind: Removed, Instance: m.Instance, Rows: removed})
	}
}

// lateTime returns the part of a time spent down that a row can't have.
func lateTime(values []int64, at int, limit int64) int64 {
	if v := get(values, at); v > limit {
		return v
	}
	return 0
}

// fallen puts the counters that have begun anew into lost, and reports whether there
// are any. If the sessions or bytes of a row have fallen, all its counters were
// cleared, also those that have grown beyond their value since.
func (s *Stat) fallen(before, now []int64, place []int, lost []int64) (any bool) {
	core, module := false, false
	for c, v := range before {
		if v <= get(now, place[c]) || s.columns[c] == ColumnDowntime {
			continue
		}
		lost[c], any = v, true
		switch s.columns[c] {
		case columnSessions, columnIn, columnOut:
			core = true
		}
		module = module || s.module[c]
	}
	if !core && !module {
		return any
	}
	for c, v := range before {
		// In some versions the down transitions of a backend stay.
		if name := s.columns[c]; name != ColumnDowntime && name != columnDown && (s.module[c] && module || !s.module[c] && core) {
			lost[c] = v
		}
	}
	return true
}

// addLost adds counters of a row to the base.
func (b *Base) addLost(k Key, lost []int64, place []int, o *Outcome) {
	for _, v := range lost {
		if v != 0 {
			b.addRow(k, lost, place, 1)
			o.Changed = true
			return
		}
	}
}

// addDowntime adds the time spent down of all rows to the base, or subtracts it.
func (a *Account) addDowntime(s *Stat, sign int64, o *Outcome) {
	if s == nil {
		return
	}
	c := s.position(ColumnDowntime)
	if c < 0 {
		return
	}
	a.Base.widen(s.columns[c : c+1])
	place := []int{a.Base.position(ColumnDowntime)}
	for i, k := range s.keys {
		if v := s.at(i)[c]; v != 0 {
			a.Base.addRow(k, []int64{v}, place, sign)
			o.Changed = true
		}
	}
}

// end folds an instance into the base.
func (a *Account) end(m *Member, final bool, at int64, o *Outcome) {
	b := a.Base
	for name, v := range m.Info.Counters {
		b.addInfo(name, v)
	}
	if s := m.Stat; s != nil {
		b.widen(s.columns)
		place := places(s.columns, b.columns)
		down := s.position(ColumnDowntime)
		if down >= 0 && !m.Current {
			place[down] = -1
		}
		for i, k := range s.keys {
			if b.isFrozen(k, m.Instance) {
				if m.Current && down >= 0 {
					b.addRow(k, s.at(i)[down:down+1], place[down:down+1], 1)
				}
				continue
			}
			b.addRow(k, s.at(i), place, 1)
		}
	}
	a.Members = slices.DeleteFunc(a.Members, func(other *Member) bool { return other == m })
	b.fold(m.Instance)
	o.Changed = true
	o.notice(Notice{Kind: Ended, Instance: m.Instance, Final: final, Current: m.Current})
	e := End{Instance: m.Instance, Final: final}
	if !final {
		e.Loss = a.lossOf(m, at)
		o.Loss.add(e.Loss)
	}
	b.ended(e)
}

// lossOf bounds what a member may have counted and never said.
func (a *Account) lossOf(m *Member, at int64) Loss {
	end, last := at, m.Info
	if m.Look != nil && m.Look.At >= last.At {
		last = m.Look
	}
	for _, other := range a.Members { // its successor may have begun before
		if other.Instance.Start >= last.At {
			end = min(end, other.Instance.Start)
		}
	}
	var l Loss
	l.Seconds = max(0, end-last.At)
	l.Requests = max(0, min(last.SessRate, maxRate)) * min(l.Seconds, maxEstimate)
	if m.StatInfo != nil {
		before, now := m.StatInfo.Counters["CumReq"], last.Counters["CumReq"]
		switch {
		case now >= before:
			l.Requests = plus(l.Requests, now-before)
		case isWrap("CumReq", before, now):
			l.Requests = plus(l.Requests, now+1<<32-before)
		} // else a look of the same second came before
	}
	return l
}

// The bounds of an estimate: the seconds for which a rate is carried on, and the rate.
const (
	maxEstimate = 3600
	maxRate     = 1e9
)

func (l *Loss) add(o Loss) {
	l.Seconds = plus(l.Seconds, o.Seconds)
	l.Requests = plus(l.Requests, o.Requests)
}

func (o *Outcome) notice(n Notice) {
	o.Notices = append(o.Notices, n)
	switch n.Kind {
	case Wrapped, Shared, Preloaded:
		o.Changed = true
	}
}

// Total returns the total of a counter. It returns false if no instance that lives has
// the row and the column.
func (a *Account) Total(k Key, column string) (int64, bool) {
	var sum int64
	there := false
	for _, m := range a.Members {
		v, ok := int64(0), false
		if m.Stat != nil {
			v, ok = m.Stat.Value(k, column)
		}
		if !ok {
			continue
		}
		there = true
		if (column != ColumnDowntime || m.Current) && !(a.Base.isFrozen(k, m.Instance) && column != ColumnDowntime) {
			sum = plus(sum, v)
		}
	}
	if !there {
		return 0, false
	}
	return plus(sum, get(a.Base.find(k), a.Base.position(column))), true
}

// InfoTotal returns the total of a counter of `show info`.
func (a *Account) InfoTotal(name string) (int64, bool) {
	sum, there := a.Base.Info[name], false
	for _, m := range a.Members {
		if v, ok := m.Info.Counters[name]; ok {
			sum, there = plus(sum, v), true
		}
	}
	return sum, there
}

// Prune drops rows of the base that no instance has, by the limits. It returns the
// number of rows with a total that it has dropped. Rows that instances were not asked for
// stay, and so do all if no instance has told any.
func (a *Account) Prune(l Limits) int {
	live := make(map[Key]bool)
	for _, m := range a.Members {
		if m.Stat != nil {
			for _, k := range m.Stat.keys {
				live[k] = true
			}
		}
	}
	if len(live) == 0 {
		return 0
	}
	return a.Base.prune(func(k Key) bool { return live[k] || a.unseen && !k.Type.IsProxy() }, len(live), l)
}
