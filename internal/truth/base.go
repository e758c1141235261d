package truth

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Base has what the counters of one socket had reached before the instances that live
// now said their latest words. The zero value is empty.
type Base struct {
	// Node and Socket are where the counters are from.
	Node, Socket string
	// Generation grows with each change.
	Generation uint64
	// At is the time of the change in seconds since 1970.
	At int64
	// Folded are the latest instances that have ended and are in the base, the newest
	// last, and the one that started first.
	Folded []Instance
	// Ends say how the latest of them have ended, the newest last.
	Ends []End
	// Live are the instances that the marks of rows refer to.
	Live []Instance
	// Preloaded are the instances that live, began with the counters of their predecessor, and
	// were not asked for servers then: what these have from it must not count again when they
	// are told.
	Preloaded []Instance
	// Info has counters of `show info` by name.
	Info map[string]int64

	rows
	marks map[int]marks // by row
	seen  []int64       // of each row: when an instance had it, in seconds since 1970
}

// marks says which instances do not count in a row.
type marks struct {
	// frozen are instances that share the row with a newer one. They do not count any
	// more.
	frozen []Instance
	// maybe are instances that may share the row with the newest one.
	maybe []Instance
}

// End says how an instance has ended.
type End struct {
	Instance Instance
	// Final reports whether it had said its final words; if not, Loss bounds what it never
	// said.
	Final bool
	Loss  Loss
}

// maxEnds bounds the ends that are remembered: who tells of them hears of them in the
// round in which they are folded, unless the program was killed then.
const maxEnds = 64

// ended notes how an instance has ended.
func (b *Base) ended(e End) {
	b.Ends = append(b.Ends, e)
	if n := len(b.Ends) - maxEnds; n > 0 {
		b.Ends = slices.Delete(b.Ends, 0, n)
	}
}

// maxFolded bounds the ended instances that are remembered, so that the words of one
// that was left behind are not folded again.
const maxFolded = 512

// HasFolded reports whether an instance has ended and is in the base.
func (b *Base) HasFolded(i Instance) bool { return slices.Contains(b.Folded, i) }

// Began returns the start of the first instance that is in the base; 0 if there is none.
func (b *Base) Began() (first int64) {
	for n, i := range b.Folded {
		if n == 0 || i.Start < first {
			first = i.Start
		}
	}
	return first
}

// fold notes an instance that has ended.
func (b *Base) fold(i Instance) {
	b.Folded = append(b.Folded, i)
	if len(b.Folded) > maxFolded {
		oldest := 0
		if b.Folded[0].Start == b.Began() { // it says since when the totals count
			oldest = 1
		}
		b.Folded = slices.Delete(b.Folded, oldest, oldest+1)
	}
	b.Live, b.Preloaded = without(b.Live, i), without(b.Preloaded, i)
	for row, m := range b.marks {
		m.frozen = without(m.frozen, i)
		m.maybe = without(m.maybe, i)
		b.setMarks(row, m)
	}
}

func without(list []Instance, i Instance) []Instance {
	return slices.DeleteFunc(slices.Clone(list), func(l Instance) bool { return l == i })
}

func (b *Base) setMarks(row int, m marks) {
	if len(m.frozen)+len(m.maybe) == 0 {
		delete(b.marks, row)
		return
	}
	if b.marks == nil {
		b.marks = make(map[int]marks)
	}
	b.marks[row] = m
}

// isFrozen reports whether an instance does not count in a row.
func (b *Base) isFrozen(k Key, i Instance) bool {
	if len(b.marks) == 0 {
		return false
	}
	row, ok := b.index[k]
	return ok && slices.Contains(b.marks[row].frozen, i)
}

// Frozen returns the rows in which an instance does not count, because it shares them
// with a newer one.
func (b *Base) Frozen(i Instance) map[Key]bool {
	var found map[Key]bool
	for row, m := range b.marks {
		if slices.Contains(m.frozen, i) {
			if found == nil {
				found = make(map[Key]bool)
			}
			found[b.keys[row]] = true
		}
	}
	return found
}

// Columns returns the columns of the rows. The caller must not change them.
func (b *Base) Columns() []string { return b.columns }

// Find returns the number of a row, or -1.
func (b *Base) Find(k Key) int {
	if i, ok := b.index[k]; ok {
		return i
	}
	return -1
}

// Key returns the name of a row.
func (b *Base) Key(row int) Key { return b.keys[row] }

// Values returns the values of a row in the order of the columns. The caller must not
// change them.
func (b *Base) Values(row int) []int64 { return b.at(row) }

// Rows returns the number of rows.
func (b *Base) Rows() int { return len(b.keys) }

// IsZero reports whether the base adds nothing.
func (b *Base) IsZero() bool {
	if len(b.marks) > 0 {
		return false
	}
	for _, v := range b.values {
		if v != 0 {
			return false
		}
	}
	for _, v := range b.Info {
		if v != 0 {
			return false
		}
	}
	return true
}

// IsUndecided reports whether it is not known yet for some rows whether two instances
// share them.
func (b *Base) IsUndecided() bool {
	for _, m := range b.marks {
		if len(m.maybe) > 0 {
			return true
		}
	}
	return false
}

// addRow adds the values of a row, multiplied by sign. place has the number of the
// base's column for each value, or -1.
func (b *Base) addRow(k Key, values []int64, place []int, sign int64) {
	var own []int64
	for i, v := range values {
		if v == 0 || place[i] < 0 {
			continue
		}
		if own == nil {
			own = b.at(b.entry(k))
		}
		own[place[i]] = plus(own[place[i]], sign*v)
	}
}

// entry returns the number of a row, which it makes if necessary.
func (b *Base) entry(k Key) int {
	i := b.row(k)
	if i == len(b.seen) {
		b.seen = append(b.seen, b.At)
	}
	return i
}

func (b *Base) addInfo(name string, v int64) {
	if v == 0 {
		return
	}
	if b.Info == nil {
		b.Info = make(map[string]int64)
	}
	b.Info[name] = plus(b.Info[name], v)
}

// Limits bound the rows of a base.
type Limits struct {
	// Keep is how long a row stays that no instance has any more.
	Keep time.Duration
	// Times is how many times the rows that live may be kept.
	Times int
}

// DefaultLimits keep a row for a week, and five times the rows that live.
var DefaultLimits = Limits{7 * 24 * time.Hour, 5}

// prune drops rows that no instance has had for long, and the oldest of too many. It
// returns the number of dropped rows that had a value.
func (b *Base) prune(alive func(Key) bool, live int, l Limits) (dropped int) {
	type old struct {
		row  int
		seen int64
	}
	var gone []old
	for i, k := range b.keys {
		if alive(k) {
			b.seen[i] = max(b.seen[i], b.At)
			continue
		}
		gone = append(gone, old{i, b.seen[i]})
	}
	slices.SortFunc(gone, func(x, y old) int {
		return cmp.Or(cmp.Compare(x.seen, y.seen), compareKeys(b.keys[x.row], b.keys[y.row]))
	})
	excess := len(gone) - max(live*l.Times, minGone)
	drop := make(map[int]bool)
	for n, o := range gone {
		if n < excess || o.seen < b.At-int64(l.Keep/time.Second) {
			drop[o.row] = true
		}
	}
	if len(drop) == 0 {
		return 0
	}
	kept := rows{columns: b.columns}
	var seen []int64
	moved := make(map[int]marks)
	for i, k := range b.keys {
		if drop[i] {
			if slices.ContainsFunc(b.at(i), func(v int64) bool { return v != 0 }) {
				dropped++
			}
			continue
		}
		row := kept.row(k)
		copy(kept.at(row), b.at(i))
		seen = append(seen, b.seen[i])
		if m, ok := b.marks[i]; ok {
			moved[row] = m
		}
	}
	b.rows, b.seen, b.marks = kept, seen, moved
	return dropped
}

// minGone is the number of rows without an instance that are always tolerated.
const minGone = 1024

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Proxy, b.Proxy), cmp.Compare(a.Service, b.Service))
}

// Header returns a copy without rows.
func (b *Base) Header() *Base {
	h := *b
	h.Folded, h.Ends, h.Info = slices.Clone(b.Folded), slices.Clone(b.Ends), maps.Clone(b.Info)
	h.Live, h.Preloaded = slices.Clone(b.Live), slices.Clone(b.Preloaded)
	h.rows, h.marks, h.seen = rows{}, nil, nil
	return &h
}

// Clone returns a copy.
func (b *Base) Clone() *Base {
	c := *b
	c.Folded, c.Ends = slices.Clone(b.Folded), slices.Clone(b.Ends)
	c.Live, c.Preloaded = slices.Clone(b.Live), slices.Clone(b.Preloaded)
	c.Info = maps.Clone(b.Info)
	c.columns, c.keys, c.values = slices.Clone(b.columns), slices.Clone(b.keys), slices.Clone(b.values)
	c.index, c.marks, c.seen = maps.Clone(b.index), maps.Clone(b.marks), slices.Clone(b.seen)
	return &c
}
