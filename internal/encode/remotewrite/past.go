package remotewrite

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"

	"haproxystats/internal/encode/samples"
	"haproxystats/internal/metric"
)

// staleMarker is the NaN by which Prometheus sees that a series has ended.
const staleMarker = 0x7ff0000000000002

const (
	// forgotten is the age, in seconds of the batches' time, from which on nothing is
	// remembered of what brings no batches any more. It is that before the middle one of all
	// latest batches, so that a few clocks that are wrong forget nothing of others.
	forgotten = 3600
	// maxPast bounds the number of nodes and clusters of which something is remembered.
	maxPast = 4096
	// describedEach is how often families are described, in seconds.
	describedEach = 60
)

// about is what a batch is about.
type about struct {
	cluster, node string
	shard, shards int
}

// past is what is remembered of the batches about one thing.
type past struct {
	epoch int64 // of the last batch
	done  bool  // it was encoded to its end, and stored
	// now has its series, and before those of the batch before it, which stays as it is when
	// the last one comes again. They are nil for nothing.
	now, before *present
	spare       *present // whose memory the next one uses

	description
	revert description // what it was before the last batch
}

// description says which batch described families last, if there was one.
type description struct {
	described   int64
	isDescribed bool
}

// isDue reports whether a batch describes the families.
func (p *past) isDue(epoch int64) bool {
	return !p.isDescribed || epoch <= p.described || epoch-p.described >= describedEach
}

// present has the series of a batch.
type present struct {
	scopes [metric.NumScopes]scopeSeen
	texts  []textSeen
}

type scopeSeen struct {
	slots  []samples.Slot
	tables []*tableSeen
	used   int // of tables
}

// tableSeen has the series that the rows of a table have: for each slot a bit for each row.
type tableSeen struct {
	entities []metric.Entity
	words    int // of 64 bits, for a slot
	bits     []uint64
}

// textSeen is a series of what processes say of themselves in words.
type textSeen struct {
	family *samples.Family
	label  samples.Label
}

// remember returns what is remembered of what the batch is about, and prepares it for the
// series of the batch.
func (e *Encoder) remember(b *metric.Batch) *past {
	of := about{}
	if e.opt.Clusters {
		of = about{b.Cluster, b.Node, b.Shard, b.Shards}
	}
	p := e.past[of]
	if p == nil {
		oldest := e.middle(b.Epoch) - forgotten
		maps.DeleteFunc(e.past, func(_ about, p *past) bool { return p.epoch < oldest })
		p = &past{epoch: b.Epoch}
		if len(e.past) < maxPast {
			e.past[of] = p
		}
	}
	if !e.opt.Stale {
		p.epoch = b.Epoch
		return p
	}
	switch {
	case b.Epoch < p.epoch && p.epoch-forgotten <= b.Epoch:
		// It comes late. Its series have ended, or have newer values already.
		return &past{description: p.description}
	case b.Epoch < p.epoch: // a clock was wrong
		p.before, p.now = nil, nil
	case b.Epoch > p.epoch && p.done:
		p.spare, p.before, p.now = p.before, p.now, nil
	}
	if p.now == nil {
		if p.now = p.spare; p.now == nil {
			p.now = new(present)
		}
		p.spare = nil
	}
	p.epoch, p.done = b.Epoch, false
	p.now.reset()
	return p
}

// middle returns the middle one of an epoch and those of the latest batches, the earlier one
// of two.
func (e *Encoder) middle(epoch int64) int64 {
	all := []int64{epoch}
	for _, p := range e.past {
		all = append(all, p.epoch)
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

func (p *present) reset() {
	for i := range p.scopes {
		s := &p.scopes[i]
		s.slots, s.used = nil, 0
	}
	p.texts = p.texts[:0]
}

// add returns the memory for the series of rows.
func (p *present) add(r *samples.Rows) *tableSeen {
	s := &p.scopes[r.Scope]
	s.slots = r.Slots
	if s.used == len(s.tables) {
		s.tables = append(s.tables, new(tableSeen))
	}
	t := s.tables[s.used]
	s.used++
	t.entities = t.entities[:0]
	t.words = (len(r.Numbers) + 63) / 64
	t.bits = append(t.bits[:0], make([]uint64, t.words*len(r.Slots))...)
	return t
}

// end adds the markers of the series that have ended.
func (e *Encoder) end(p *past) error {
	if p.before == nil {
		return nil
	}
	for sc := range p.before.scopes {
		if err := e.endScope(metric.Scope(sc), &p.before.scopes[sc], &p.now.scopes[sc]); err != nil {
			return err
		}
	}
	text := -1 // the walk's rows of texts
	for i, r := range e.walk.Rows() {
		if r.Table == nil {
			text = i
		}
	}
	for _, t := range p.before.texts {
		if slices.ContainsFunc(p.now.texts, func(n textSeen) bool { return n.family.Name == t.family.Name && n.label == t.label }) {
			continue
		}
		tag := samples.Tag{Label: t.label, Text: e.wire.Text(t.label)}
		if err := e.add(e.rows[text], 0, t.family, &tag, staleMarker); err != nil {
			return err
		}
	}
	return nil
}

// endScope adds the markers of a scope.
func (e *Encoder) endScope(sc metric.Scope, before, now *scopeSeen) error {
	slots := slotsIn(before.slots, now.slots)
	tables := now.tables[:now.used]
	for len(e.maps) < len(tables) {
		e.maps = append(e.maps, nil)
	}
	for _, t := range before.tables[:before.used] {
		rendered := false
		for i, n := range tables {
			e.maps[i] = rowsIn(e.maps[i][:0], t.entities, n.entities)
		}
		for k := range before.slots {
			for w, word := range t.bits[k*t.words : (k+1)*t.words] {
				for i, n := range tables {
					if slots[k] >= 0 && word != 0 {
						word &^= n.among(e.maps[i], slots[k], w, word)
					}
				}
				for ; word != 0; word &= word - 1 {
					if !rendered {
						rendered = true
						e.beginRows(&e.stale, sc, false, e.walk.Rows()[0].Labels)
						for _, n := range t.entities {
							e.addRow(&e.stale, sc, false, n)
						}
					}
					s := &before.slots[k]
					if err := e.add(&e.stale, w*64+bits.TrailingZeros64(word), s.Family, s.Tag, staleMarker); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// among returns the bits of rows of an older table, 64 rows from w*64 on, whose series is
// here, too. at has the places of these rows here; nil if they are the same.
func (t *tableSeen) among(at []int32, slot, w int, word uint64) (found uint64) {
	of := t.bits[slot*t.words : (slot+1)*t.words]
	if at == nil {
		return of[w]
	}
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		if row := at[w*64+bit]; row >= 0 && of[row/64]&(1<<(row%64)) != 0 {
			found |= 1 << bit
		}
	}
	return found
}

// rowsIn returns the places of entities among others, -1 for those that are not there; nil
// if all are at the same place. Both are sorted. It uses the memory of old.
func rowsIn(old []int32, entities, others []metric.Entity) []int32 {
	if slices.Equal(entities, others) {
		return nil
	}
	k := 0
	for _, n := range entities {
		for k < len(others) && compare(others[k], n) < 0 {
			k++
		}
		if k < len(others) && others[k] == n {
			old = append(old, int32(k))
		} else {
			old = append(old, -1)
		}
	}
	if old == nil {
		old = []int32{} // there are no rows, which are not at the same place
	}
	return old
}

func compare(a, b metric.Entity) int {
	return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Name, b.Name))
}

// slotsIn returns the numbers of slots among others, -1 for those that are not there.
func slotsIn(slots, others []samples.Slot) []int {
	at := make([]int, len(slots))
	if len(slots) > 0 && len(slots) == len(others) && &slots[0] == &others[0] {
		for i := range at {
			at[i] = i
		}
		return at
	}
	type key struct {
		family string
		label  samples.Label
	}
	keyOf := func(s *samples.Slot) key {
		k := key{family: s.Family.Name}
		if s.Tag != nil {
			k.label = s.Tag.Label
		}
		return k
	}
	numbers := make(map[key]int, len(others))
	for i := range others {
		numbers[keyOf(&others[i])] = i
	}
	for i := range slots {
		n, ok := numbers[keyOf(&slots[i])]
		if at[i] = n; !ok {
			at[i] = -1
		}
	}
	return at
}
