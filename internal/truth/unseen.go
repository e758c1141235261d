package truth

import "slices"

// An instance that is asked for the rows of frontends and backends only does not tell those
// of its servers and listeners. What these had reached goes to the base when that begins. When
// the instance tells them again, what they had reached is taken back, because it is a part of
// what they say then.

// hasUnseen reports whether there may be servers and listeners whose rows nobody has told: a
// member or a new instance was not asked for them before the step, or is not in it.
func (a *Account) hasUnseen(words []Word) bool {
	for _, m := range a.Members {
		if m.ProxiesOnly {
			return true
		}
	}
	for _, w := range words {
		if w.Stat != nil && w.ProxiesOnly {
			return true
		}
	}
	return false
}

// appear takes the rows of servers and listeners of a member that was not asked for them
// before.
func (a *Account) appear(m *Member, w Word, o *Outcome) {
	switch {
	case w.ProxiesOnly:
	case m.Kept != nil:
		a.takeBack(m, w)
		m.Kept, m.KeptAt = nil, 0
		o.Changed = true
	case m.ProxiesOnly:
		a.arrive(m, w, o)
		if m.KeptLost || slices.Contains(a.Base.Preloaded, m.Instance) {
			m.KeptLost, o.Changed = false, true
			a.Base.Preloaded = without(a.Base.Preloaded, m.Instance)
		}
	}
}

// takeBack subtracts from the base what it has counted for rows that are there again. It
// leaves what these have lost meanwhile, as counters that were cleared.
func (a *Account) takeBack(m *Member, w Word) {
	b, old, now := a.Base, m.Kept, w.Stat
	b.widen(old.columns)
	toBase, toNow := places(old.columns, b.columns), places(old.columns, now.columns)
	down := old.position(ColumnDowntime)
	elapsed := w.Info.At - m.KeptAt + timeSlack
	lost, back := make([]int64, len(old.columns)), make([]int64, len(old.columns))
	for i, k := range old.keys {
		j, there := now.index[k]
		if k.Type.IsProxy() || !there || now.ids[j] != old.ids[i] {
			continue
		}
		values, fresh := old.at(i), now.at(j)
		clear(back)
		if !b.isFrozen(k, m.Instance) {
			clear(lost)
			old.fallen(values, fresh, toNow, lost)
			for c, v := range values {
				back[c] = v - lost[c]
			}
		}
		if down >= 0 {
			back[down] = 0
			if m.Current && w.Current {
				// A time spent down that went back or jumped counts no further.
				v := get(fresh, toNow[down])
				if back[down] = values[down]; v < values[down] || v-values[down] > elapsed {
					back[down] = v
				}
			}
		}
		b.addRow(k, back, toBase, -1)
	}
}

// arrive takes rows that an instance has not told since it began, although it may have begun
// with the counters of its predecessor, and rows that it has told before and that are lost:
// what the base has counted already is not counted again.
func (a *Account) arrive(m *Member, w Word, o *Outcome) {
	b, now := a.Base, w.Stat
	// An old instance has taken more connections than its frontends show, because those of its
	// stats socket count, too.
	again := m.KeptLost || isPreloaded(w) || slices.Contains(b.Preloaded, m.Instance)
	b.widen(now.columns)
	place := places(now.columns, b.columns)
	down := now.position(ColumnDowntime)
	born := make([]int64, len(now.columns))
	for i, k := range now.keys {
		if k.Type.IsProxy() {
			continue
		}
		if _, told := m.Stat.index[k]; told {
			continue
		}
		clear(born)
		values, counted := now.at(i), b.find(k)
		if again {
			for c, v := range values {
				born[c] = min(v, max(get(counted, place[c]), 0))
			}
		}
		if down >= 0 {
			if !m.KeptLost || !w.Current {
				born[down] = 0
			}
			if w.Current && values[down] > w.Info.ageLimit() {
				born[down] = values[down]
			}
		}
		for c, v := range born {
			born[c] = -v
		}
		b.addLost(k, born, place, o)
	}
}
