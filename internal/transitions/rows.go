package transitions

import (
	"slices"

	"haproxystats/internal/event"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

// row is what is kept of a row.
type row struct {
	name  uint64 // hash of its names
	since uint32 // since when it has its state, in seconds since 1970; 0 if it is not known
	state packed
}

// packed has the state and the counts of a row.
type packed uint32

// The parts of packed, from the lowest bit.
const (
	statusBits   = 4
	keptBit      = 1 << 4 // since is that of an earlier worker
	slowBit      = 1 << 5 // it was in slow start
	downsShift   = 6      // chkdown, modulo 2^16
	downsBits    = 16
	seconds      = 22 // downtime, modulo 2^10
	secondsBits  = 10
	maxElapsed   = 1<<secondsBits - 24
	statusMask   = 1<<statusBits - 1
	downsMask    = 1<<downsBits - 1
	secondsMask  = 1<<secondsBits - 1
	flapsASecond = 10 // more are not possible
	// slack is the number of seconds by which two times of one change may differ: each is
	// the difference of two numbers that were rounded.
	slack = 2
)

func (p packed) status() status { return min(status(p&statusMask), statuses-1) }
func (p packed) downs() int64   { return int64(p >> downsShift & downsMask) }
func (p packed) seconds() int64 { return int64(p >> seconds) }

// settled leaves out what moves without an event: the time spent down.
func (p packed) settled() packed { return p & (1<<seconds - 1) }

// The columns that a tracker wants of each row, in its order.
const (
	columnStatus = iota
	columnDowns
	columnSeconds
	columnThrottle
	columnCheck
	columnAgent
)

// Columns are the columns of `show stat` whose texts [Tracker.See] wants.
var Columns = []string{"status", "chkdown", "downtime", "throttle", "check_status", "agent_status"}

// rows follows the rows of one socket.
type rows struct {
	rows []row
	// dirty reports whether what is on disk is not right any more.
	dirty bool
	// last is the number of the reply that was taken over last; 0 if it is of an earlier
	// process.
	last uint64
	sample
}

// sample is the reply in hand.
type sample struct {
	begun bool
	at    int64  // the time of the reply
	pass  uint64 // its number
	// same reports whether the worker is that of the reply before, and elapsed is the time
	// since that, by the worker's own clock.
	same    bool
	elapsed int64

	n, next int
	seen    []uint64 // bits
	// order has for each row of the reply its place, or, below 0, that of a new row in
	// added; nil as long as all are in their places.
	order   []int32
	index   map[uint64]int32
	added   []row
	changes []change
	events  []event.Event
	// fresh reports whether the reply brings news for what is on disk.
	fresh bool
}

// change is another content of a row.
type change struct {
	at  int32
	row row
}

// begin begins a reply.
func (r *rows) begin(at int64, same bool, elapsed int64) {
	seen, changes := r.seen, r.changes
	words := (len(r.rows) + 63) / 64
	if cap(seen) < words {
		seen = make([]uint64, words)
	}
	seen = seen[:words]
	clear(seen)
	r.sample = sample{begun: true, at: at, same: same, elapsed: max(0, elapsed), seen: seen, changes: changes[:0]}
}

// take takes one row of the reply.
func (r *rows) take(in *truth.Seen) {
	name := in.Name
	r.pass = in.Pass
	if in.Same && r.isSame(in) {
		r.seen[r.n/64] |= 1 << (r.n % 64)
		r.n++
		r.next = r.n
		return // as nearly always
	}
	at := r.find(name)
	if at >= 0 {
		if at >= len(r.rows) || r.seen[at/64]&(1<<(at%64)) != 0 {
			return // the second row of this name
		}
		r.seen[at/64] |= 1 << (at % 64)
	}
	r.n++
	now := row{name: name}
	state := statusOf(in.Row.Type, in.Text(columnStatus))
	age := in.Age
	if age >= 0 {
		now.since = seconds32(r.at - age)
	}
	downs, counted := haproxy.Number(in.Text(columnDowns))
	spent, _ := haproxy.Number(in.Text(columnSeconds))
	now.state = packed(state) | packed(max(0, downs)&downsMask)<<downsShift | packed(max(0, spent)&secondsMask)<<seconds
	if len(in.Text(columnThrottle)) > 0 {
		now.state |= slowBit
	}
	if at < 0 {
		r.added = append(r.added, now)
		return
	}
	old := r.rows[at]
	if state == unknown || now.state == old.state && isNear(now.since, old.since) && (r.same || now.since == old.since) {
		return
	}
	next := r.judge(old, now, age, counted, in)
	if next == old {
		return
	}
	r.fresh = r.fresh || next.state.settled() != old.state.settled() || next.since != old.since
	r.changes = append(r.changes, change{int32(at), next})
}

// isSame reports whether a row whose content is that of the reply before is in its place,
// and that reply was taken over, so that nothing is to be done.
func (r *rows) isSame(in *truth.Seen) bool {
	if !r.same || r.order != nil || r.n >= len(r.rows) || in.Before != r.last {
		return false
	}
	old := &r.rows[r.n]
	return old.name == in.Name && old.state&keptBit == 0 && in.Age >= 0 && isNear(seconds32(r.at-in.Age), old.since)
}

// isNear reports whether two times are about the same.
func isNear(a, b uint32) bool { return a-b+slack <= 2*slack }

// judge compares a row with what is known of it, and returns what is known from now on.
func (r *rows) judge(old, now row, age int64, counted bool, in *truth.Seen) row {
	before, state := old.state.status(), now.state.status()
	kept := old.state&keptBit != 0
	aged := now.since > 0
	// moved reports whether the worker says that the row changed since the reply before.
	moved := aged && (!r.same || age <= r.elapsed+1)
	next := now
	if before == unknown || before == state && !r.same {
		if before == state && state != up && old.since > 0 {
			next.since, next.state = old.since, next.state|keptBit
		}
		return next
	}
	var flaps, spent int64
	if r.same {
		if flaps = (now.state.downs() - old.state.downs()) & downsMask; !counted || flaps > flapsASecond*(r.elapsed+slack) {
			flaps = 0 // cleared
		}
		if r.elapsed <= maxElapsed {
			if spent = (now.state.seconds() - old.state.seconds()) & secondsMask; spent > r.elapsed+slack {
				spent = 0
			}
		}
	}
	e := event.Event{Time: r.at, From: before.String(), To: state.String(), Flaps: flaps, DownSeconds: spent}
	if before == state {
		later := now.since > old.since && now.since-old.since > slack+1
		switch {
		case counted && flaps > 0:
		case counted || !aged || in.Row.Type != haproxy.ServerRow || old.state&slowBit != 0 || !moved || !later || age == 0,
			kept && age >= r.elapsed:
			return stays(old, next, aged && (age == 0 || !moved))
		default:
			e.Flaps = 1
		}
		if moved {
			e.Time, e.Exact = min(int64(now.since), r.at), true
		}
	} else {
		if before.serves() && !state.serves() && flaps == 1 {
			e.Flaps = 0 // the change itself
		}
		if moved && movesAge(before, state) {
			e.Time, e.Exact = min(int64(now.since), r.at), true
		}
		if e.Flaps == 0 {
			e.DownSeconds = 0
			if before == down && state.serves() && old.since > 0 {
				e.DownSeconds = max(0, e.Time-int64(old.since))
			}
		}
		if !e.Exact && aged {
			// lastchg is that of an earlier change.
			next.since = seconds32(r.at)
			next.state |= keptBit
		}
	}
	name(&e, in, before, state)
	r.events = append(r.events, e)
	return next
}

// stays returns what is known of a row that has not changed. With early, its time does
// not count: the one that is known does. An age of 0 proves nothing, because after
// `clear counters all` HAProxy shows 0 until the next change; the next reply tells.
func stays(old, next row, early bool) row {
	if early && old.state&keptBit != 0 {
		next.state |= keptBit
	}
	if isNear(next.since, old.since) || early && (next.state&keptBit != 0 || next.since > old.since) {
		next.since = old.since
	}
	return next
}

// name says which row an event is about, and why.
func name(e *event.Event, in *truth.Seen, from, to status) {
	switch row := in.Row; row.Type {
	case haproxy.ServerRow:
		e.Kind, e.Backend, e.Server = event.ServerState, string(row.Proxy), string(row.Service)
		e.Reason, e.Check = why(from, to, in.Text(columnStatus), in.Text(columnCheck), in.Text(columnAgent))
	case haproxy.BackendRow:
		e.Kind, e.Backend, e.Reason = event.BackendState, string(row.Proxy), event.Servers
	default:
		e.Kind, e.Frontend = event.FrontendState, string(row.Proxy)
	}
}

// find returns the place of a row, or one below 0 for a new row.
func (r *rows) find(name uint64) int {
	if len(r.rows) == 0 {
		return -1 // all are new; the second row of a name is left out at the end
	}
	if r.order == nil {
		if r.n < len(r.rows) && r.rows[r.n].name == name {
			r.next = r.n + 1
			return r.n
		}
		r.order = make([]int32, 0, len(r.rows)+1)
		for i := range r.n {
			r.order = append(r.order, int32(i))
		}
	}
	at := r.next
	if at >= len(r.rows) || r.rows[at].name != name {
		at = r.place(name)
	}
	if at >= 0 {
		r.next = at + 1
		if at < len(r.rows) && r.seen[at/64]&(1<<(at%64)) == 0 {
			r.order = append(r.order, int32(at))
		}
	} else {
		r.order = append(r.order, int32(at))
	}
	return at
}

// place looks for a row that is not where it was. A new row gets a place in added, which
// is below 0; a row that was new before in this reply has one behind all others.
func (r *rows) place(name uint64) int {
	if r.index == nil {
		r.index = make(map[uint64]int32, len(r.rows))
		for i, known := range r.rows {
			r.index[known.name] = int32(i)
		}
	}
	if at, ok := r.index[name]; ok {
		return int(at)
	}
	r.index[name] = int32(len(r.rows)) // a second one is not new
	return -1 - len(r.added)
}

// end takes over what the reply has changed, and returns its events.
func (r *rows) end() []event.Event {
	if !r.begun {
		return nil
	}
	for _, c := range r.changes {
		r.rows[c.at] = c.row
	}
	r.dirty, r.last = r.dirty || r.fresh, r.pass
	switch {
	case len(r.rows) == 0 && r.n > 0:
		seen := make(map[uint64]bool, len(r.added))
		fresh := slices.DeleteFunc(r.added, func(new row) bool {
			twice := seen[new.name]
			seen[new.name] = true
			return twice
		})
		r.rows, r.dirty = slices.Clone(fresh), true
	case r.order == nil && r.n < len(r.rows):
		r.rows, r.dirty = slices.Clone(r.rows[:r.n]), true
	case r.order != nil && !r.inOrder():
		fresh := make([]row, 0, len(r.order))
		for _, at := range r.order {
			if at < 0 {
				fresh = append(fresh, r.added[-1-at])
			} else {
				fresh = append(fresh, r.rows[at])
			}
		}
		r.rows, r.dirty = fresh, true
	}
	events := r.events
	r.forget()
	return events
}

// inOrder reports whether all rows are in their places after all.
func (r *rows) inOrder() bool {
	if len(r.order) != len(r.rows) {
		return false
	}
	for i, at := range r.order {
		if int(at) != i {
			return false
		}
	}
	return true
}

// forget leaves the reply out.
func (r *rows) forget() {
	changes := r.changes[:0]
	if cap(changes) > len(r.rows)/4+64 { // so many at once are rare
		changes = nil
	}
	r.sample = sample{seen: r.seen, changes: changes}
}

// seconds32 returns a time in 32 bits, or 0 if it is out of range.
func seconds32(t int64) uint32 {
	if t < 0 || t > 1<<32-1 {
		return 0
	}
	return uint32(t)
}
