package truth

import (
	"slices"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

// is32 reports whether a counter of `show info` has 32 bits.
func is32(name string) bool {
	f, _ := catalogue.LookupInfo(name)
	return f.Nature == catalogue.Counter32
}

// begin takes the first words of an instance. before has the rows that the members had
// before this step.
func (a *Account) begin(w Word, before map[*Member]*Stat, o *Outcome) {
	m := &Member{Instance: w.Info.Instance, Info: w.Info, Stat: w.Stat, Current: w.Current, StatInfo: w.Info, ProxiesOnly: w.ProxiesOnly}
	predecessor := a.predecessor(m.Instance)
	if w.Current {
		for _, other := range a.Members {
			if other.Current {
				other.Current = false
				a.addDowntime(other.Stat, 1, o)
			}
		}
	}
	if !w.Stat.IsEmpty() {
		if preloaded := isPreloaded(w); preloaded || w.Info.mayBePreloaded() && w.Stat.hasForeign(w.Info) {
			a.preload(m, preloaded, predecessor, before, o)
			if preloaded && w.ProxiesOnly {
				a.Base.Preloaded = append(a.Base.Preloaded, m.Instance)
			}
		}
		if w.Current {
			a.limitDowntime(m, o)
		}
	}
	a.Members = append(a.Members, m)
}

// predecessor returns the member that began last before an instance.
func (a *Account) predecessor(i Instance) *Member {
	var found *Member
	for _, m := range a.Members {
		if m.Instance.Start <= i.Start && (found == nil || m.Instance.Start >= found.Instance.Start) {
			found = m
		}
	}
	return found
}

// isPreloaded reports whether a new instance shows more connections than it can have
// accepted.
func isPreloaded(w Word) bool {
	return w.Info.mayBePreloaded() && w.Stat.connections() > w.Info.Counters["CumConns"]
}

// connections returns the sum of the connections of all frontends.
func (s *Stat) connections() (sum int64) {
	c := s.position(columnConns)
	for i, k := range s.keys {
		if k.Type == haproxy.FrontendRow {
			sum = plus(sum, get(s.at(i), c))
		}
	}
	return sum
}

// hasForeign reports whether a row has more sessions than the instance can have had.
func (s *Stat) hasForeign(info *Info) bool {
	c, limit := s.position(columnSessions), info.sessionLimit()
	for i := range s.keys {
		if get(s.at(i), c) > limit {
			return true
		}
	}
	return false
}

// preload takes what a new instance was born with as a negative share into the base.
// The counters of its own beginning are then a part of that share; they are no more
// than its few first connections. With all, the rows that can't be its own are not the
// only ones.
func (a *Account) preload(m *Member, all bool, predecessor *Member, before map[*Member]*Stat, o *Outcome) {
	b, s := a.Base, m.Stat
	b.widen(s.columns)
	place := places(s.columns, b.columns)
	sessions, limit := s.position(columnSessions), m.Info.sessionLimit()
	down := s.position(ColumnDowntime)
	born := make([]int64, len(s.columns))
	loaded := 0
	for i, k := range s.keys {
		raw := s.at(i)
		foreign := get(raw, sessions) > limit
		if !all && !foreign {
			continue
		}
		any := false
		copy(born, raw)
		total, _ := a.Total(k, columnSessions)
		if own := get(raw, sessions) - total; !foreign || own >= 0 && own <= limit {
			// What exceeds the total is its own. Else it is from elsewhere, such as an older
			// file.
			for c, v := range raw {
				total, _ := a.Total(k, s.columns[c])
				born[c] = min(v, max(total, 0))
			}
		}
		if down >= 0 {
			born[down] = 0 // derived, and never preloaded
		}
		for _, v := range born {
			any = any || v != 0
		}
		if any {
			loaded++
			b.addRow(k, born, place, -1)
			o.Changed = true
		}
		if predecessor != nil && near(s, raw, predecessor.Stat, before[predecessor], k) {
			row := b.entry(k)
			mark := b.marks[row]
			mark.maybe = append(slices.Clip(mark.maybe), predecessor.Instance)
			b.setMarks(row, mark)
			b.mention(predecessor.Instance)
			o.Changed = true
		}
	}
	o.notice(Notice{Kind: Preloaded, Instance: m.Instance, Rows: loaded})
}

// mention adds an instance to those that marks refer to.
func (b *Base) mention(i Instance) {
	if !slices.Contains(b.Live, i) {
		b.Live = append(b.Live, i)
	}
}

// likeness are the columns in which rows that two instances share are alike.
var likeness = []string{columnSessions, columnIn, columnOut}

// near reports whether a row of two instances, whose replies are a moment apart, is
// about the same. last are the rows of the other one a round before.
func near(s *Stat, values []int64, other, last *Stat, k Key) bool {
	theirs := other.valuesOf(k)
	if theirs == nil {
		return false
	}
	for _, name := range likeness {
		mine, its := get(values, s.position(name)), get(theirs, other.position(name))
		slack := int64(0)
		if old := last.valuesOf(k); old != nil {
			slack = max(0, (its-get(old, last.position(name)))/4)
		}
		if apart := mine - its; apart > slack || apart < -slack {
			return false
		}
	}
	return true
}

// row2 returns the values of a row, or nil, also of no reply.
func (s *Stat) valuesOf(k Key) []int64 {
	if s == nil {
		return nil
	}
	return s.find(k)
}

// share decides about rows that two instances may share. As long as neither grows, it
// does not matter. If both grow to about the same value, the older one does not count
// any more.
func (a *Account) share(heard map[*Member]Word, o *Outcome) {
	b := a.Base
	shared := make(map[Instance]int)
	for row, mark := range b.marks {
		if len(mark.maybe) == 0 || len(a.Members) == 0 {
			continue
		}
		k := b.keys[row]
		newest := a.Members[len(a.Members)-1]
		now := heard[newest].Stat
		mine := now.valuesOf(k)
		for _, i := range slices.Clone(mark.maybe) {
			at := slices.IndexFunc(a.Members, func(m *Member) bool { return m.Instance == i })
			if at < 0 || a.Members[at] == newest {
				continue
			}
			older := a.Members[at]
			said := heard[older].Stat
			theirs, last := said.valuesOf(k), older.Stat.valuesOf(k)
			if mine == nil || theirs == nil || last == nil || !grows(said, theirs, older.Stat, last) {
				continue
			}
			mark.maybe = without(mark.maybe, i)
			if near(now, mine, said, older.Stat, k) {
				b.widen(older.Stat.columns)
				place := places(older.Stat.columns, b.columns)
				if c := older.Stat.position(ColumnDowntime); c >= 0 {
					place[c] = -1
				}
				b.addRow(k, last, place, 1)
				mark.frozen = append(slices.Clip(mark.frozen), i)
				shared[i]++
			}
			b.setMarks(row, mark)
			o.Changed = true
		}
	}
	for i, n := range shared {
		o.notice(Notice{Kind: Shared, Instance: i, Rows: n})
	}
}

// grows reports whether a row has grown in a column of likeness.
func grows(s *Stat, now []int64, before *Stat, last []int64) bool {
	return slices.ContainsFunc(likeness, func(name string) bool {
		return get(now, s.position(name)) > get(last, before.position(name))
	})
}

// limitDowntime takes back a time spent down that exceeds the age of a new instance.
func (a *Account) limitDowntime(m *Member, o *Outcome) {
	s := m.Stat
	c := s.position(ColumnDowntime)
	if c < 0 {
		return
	}
	a.Base.widen(s.columns[c : c+1])
	place := []int{a.Base.position(ColumnDowntime)}
	for i, k := range s.keys {
		if v := s.at(i)[c]; v > m.Info.ageLimit() {
			a.Base.addRow(k, []int64{v}, place, -1)
			o.Changed = true
		}
	}
}
