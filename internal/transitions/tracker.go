package transitions

import (
	"cmp"
	"fmt"
	"slices"

	"haproxystats/internal/event"
	"haproxystats/internal/truth"
)

// Tracker follows one socket. It is not safe for concurrent use.
type Tracker struct {
	// Node is the name of the node, Address that of the socket, and Socket that of its
	// files.
	Node, Address, Socket string
	// Max bounds the events of rows in a minute. 0 means no bound.
	Max int

	state
	rows
}

// state is all that a tracker knows but the rows.
type state struct {
	number  int64 // of the latest event
	current truth.Instance
	// taken is a worker that answers at the socket although current does not stop.
	taken   truth.Instance
	crashed bool
	workers []lived
	// sampled, sampledAt and uptime are of the latest reply with rows.
	sampled           truth.Instance
	sampledAt, uptime int64
	heard             int64 // when current was heard last
	minute            int64
	made, left        int64 // events of rows in this minute
}

// lived is a worker that lives.
type lived struct {
	instance truth.Instance
	// replaced is when another worker took its place, and ref that event; 0 if none has.
	replaced int64
	ref      string
	// gone is when it ended, if it was current and its successor has not been seen yet.
	// Then the others describe its end.
	gone   int64
	reason event.Reason
	loss   truth.Loss
}

// Change is what is known of a change from one worker to another.
type Change int

// The changes.
const (
	Unseen    Change = iota // nobody was there
	Reloaded                // the worker before stopped, and goes on for its clients
	Restarted               // the worker before had ended
)

// Facts are what is known after a round, or between two rounds.
type Facts struct {
	At int64
	// Between reports whether they are known between two rounds. Rows that a tracker is
	// being shown then belong to the round to come.
	Between bool
	// Info is the reply of the current worker; nil if it was not heard.
	Info *truth.Info
	// Late reports whether that worker has stopped since it said Info, so that it does not
	// follow the one that is known.
	Late bool
	// Members are the workers that live.
	Members []truth.Instance
	// Change says how the current worker has followed the one before, if it has.
	Change Change
	// Serving reports whether the worker before still serves, too.
	Serving bool
	// Crashed reports whether HAProxy's master says that the worker is gone that was
	// current before.
	Crashed bool
	// FailedReloads is the number of reloads that have failed.
	FailedReloads int
	// Away is the time in seconds in which nobody asked, if it is long.
	Away    int64
	Notices []truth.Notice
	Loss    truth.Loss
	// Ends say how workers have ended, also before: if the program was killed when it had
	// heard of an end, nothing else tells.
	Ends []truth.End
}

// Begin begins the rows of the current worker.
func (t *Tracker) Begin(info *truth.Info, at int64) {
	same := t.sampled == info.Instance
	t.begin(sampleTime(info, at), same, info.Uptime-t.uptime)
}

// sampleTime returns the time of a reply by the worker's clock, if that agrees with ours:
// the round may have waited for others since.
func sampleTime(info *truth.Info, at int64) int64 {
	said := info.Instance.Start + info.Uptime
	if !info.Exact || at-said < 0 || at-said > 60 {
		return at
	}
	return min(at, said+1)
}

// See takes the next row, with the texts of [Columns] and [Later].
func (t *Tracker) See(row *truth.Seen) { t.take(row) }

// LeaveOut counts events that were made and can't be kept.
func (t *Tracker) LeaveOut(n int) { t.left, t.dirty = t.left+int64(n), true }

// Abort forgets the rows since Begin.
func (t *Tracker) Abort() { t.forget() }

// Heard takes a time at which the current worker was heard.
func (t *Tracker) Heard(at int64) { t.heard = max(t.heard, at) }

// End takes the rows since Begin and the facts, and returns what has happened.
func (t *Tracker) End(f Facts) []event.Event {
	if t.number == 0 {
		// A number is used once also if what was known is lost.
		t.number, t.dirty = f.At*1000, true
	}
	var events []event.Event
	if minute := f.At / 60; minute != t.minute {
		if t.left > 0 {
			events = append(events, t.make(f, event.Event{Kind: event.More, Time: f.At, Count: t.left}))
			t.dirty = true
		}
		t.minute, t.made, t.left = minute, 0, 0
	}
	if f.FailedReloads > 0 {
		events = append(events, t.make(f, event.Event{Kind: event.ReloadFailed, Time: f.At, Count: int64(f.FailedReloads)}))
	}
	if f.Crashed && !t.crashed && t.current != (truth.Instance{}) {
		t.crashed = true
		events = append(events, t.make(f, t.crash(f)))
	}
	events = t.follow(f, events)
	events = t.count(f, events)
	switch {
	case f.Between:
	case t.begun && t.n > 0 && f.Info != nil:
		if t.sampled != f.Info.Instance {
			t.sampled, t.dirty = f.Info.Instance, true
		}
		t.sampledAt, t.uptime = t.at, f.Info.Uptime
		found := t.end()
		slices.SortStableFunc(found, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
		for _, e := range t.bound(found) {
			events = append(events, t.make(f, e))
		}
	default:
		t.forget()
	}
	if f.Info != nil {
		t.Heard(f.At)
	}
	slices.SortStableFunc(events, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
	return events
}

// crash returns the event of the current worker's end, which was before its successor
// began.
func (t *Tracker) crash(f Facts) event.Event {
	e := event.Event{Kind: event.Crash, Time: f.At, OldPid: t.current.Pid}
	successor := t.current
	if f.Info != nil && f.Info.Instance != t.current {
		successor = f.Info.Instance
		e.Time = min(f.At, successor.Start)
	}
	for _, i := range f.Members {
		if i != t.current && i != successor {
			e.OldWorkers++
		}
	}
	return e
}

// make gives an event its id.
func (t *Tracker) make(f Facts, e event.Event) event.Event {
	t.number++
	t.dirty = true
	e.ID = fmt.Sprintf("%s/%s/%s/%d", t.Node, t.Socket, t.current, t.number)
	e.Node, e.Socket, e.Seen = t.Node, t.Socket, f.At
	e.Time = max(e.Time, 1)
	return e
}

// follow tells of workers that came and went.
func (t *Tracker) follow(f Facts, events []event.Event) []event.Event {
	before := t.current
	current := before
	if f.Info != nil && (!f.Late || before == (truth.Instance{})) {
		current = f.Info.Instance
	}
	lives := func(i truth.Instance) bool { return slices.Contains(f.Members, i) }
	old := 0
	for _, i := range f.Members {
		if i != current {
			old++
		}
	}
	var told truth.Instance // its end needs no event of its own
	isUnseen := before != current && f.Change == Unseen && !lives(before)
	if f.Away > 0 && before != (truth.Instance{}) && !isUnseen {
		events = append(events, t.make(f, event.Event{Kind: event.Gap, Time: f.At, Seconds: f.Away, Exact: true}))
	}
	switch {
	case before == current:
		t.taken = truth.Instance{}
	case before == truth.Instance{}:
		t.current, t.dirty = current, true
	case f.Serving && lives(before) && t.taken != current:
		// A moment after a reload the worker before does not know of it.
		t.taken, t.dirty = current, true
		return events
	default:
		t.current, t.crashed, t.taken = current, false, truth.Instance{}
		e := event.Event{Time: current.Start, OldPid: before.Pid, NewPid: current.Pid, OldWorkers: old, Exact: f.Info.Exact}
		served := max(0, current.Start-before.Start)
		switch {
		case f.Serving && lives(before):
			e.Kind, e.Time, e.Exact = event.PathTaken, f.At, false
		case f.Change == Reloaded, lives(before):
			e.Kind, e.Seconds = event.Reload, served
		case f.Change == Restarted:
			told = before
			e.Kind = event.Restart
			if t.heard > 0 {
				e.Seconds = max(0, current.Start-t.heard)
			}
		default:
			told = before
			e.Kind, e.Time, e.Seconds, e.Exact = event.Gap, f.At, f.Away, f.Away > 0
		}
		if told == before {
			loss := f.Loss
			for n := range t.workers {
				switch w := &t.workers[n]; {
				case w.instance != before:
				case w.gone > 0:
					loss.Seconds, loss.Requests = loss.Seconds+w.loss.Seconds, loss.Requests+w.loss.Requests
				case loss == (truth.Loss{}):
					loss = f.endOf(before).Loss
				}
			}
			e.SecondsUnaccounted, e.RequestsUnaccounted = loss.Seconds, loss.Requests
			f.Loss = truth.Loss{}
		}
		e = t.make(f, e)
		events = append(events, e)
		t.heard = 0
		if told != before {
			for n := range t.workers {
				if t.workers[n].instance == before {
					t.workers[n].replaced, t.workers[n].ref = current.Start, e.ID
				}
			}
		}
	}
	return t.leave(f, told, old, events)
}

// leave tells of workers that have ended, and notes those that live.
func (t *Tracker) leave(f Facts, told truth.Instance, old int, events []event.Event) []event.Event {
	var left []lived
	for _, w := range t.workers {
		if slices.Contains(f.Members, w.instance) {
			left = append(left, w)
			continue
		}
		if w.gone == 0 {
			t.dirty = true
			w.end(&f)
		}
		switch w.instance {
		case told:
			continue
		case t.current: // its successor is to be seen first
			left = append(left, w)
			continue
		}
		e := event.Event{
			Kind: event.WorkerGone, Time: w.gone, OldPid: w.instance.Pid, OldWorkers: old, Ref: w.ref, Reason: w.reason,
			Exact: w.reason == event.Drained, SecondsUnaccounted: w.loss.Seconds, RequestsUnaccounted: w.loss.Requests,
		}
		if w.replaced > 0 {
			e.Time = max(e.Time, w.replaced)
			e.Seconds = e.Time - w.replaced
		}
		events = append(events, t.make(f, e))
	}
	for _, i := range f.Members {
		if !slices.ContainsFunc(left, func(w lived) bool { return w.instance == i }) {
			left = append(left, lived{instance: i})
			t.dirty = true
		}
	}
	t.workers = left
	return events
}

// end takes the end of a worker from the facts. A loss is that of all workers that ended
// without final words; the first one gets it.
func (w *lived) end(f *Facts) {
	w.gone = f.At
	if e := f.endOf(w.instance); e.Final {
		w.reason = event.Drained
	} else if e.Instance == w.instance {
		w.reason, w.loss = event.Unheard, e.Loss
	}
	for _, n := range f.Notices {
		if n.Kind != truth.Ended || n.Instance != w.instance {
			continue
		}
		if w.reason = event.Drained; !n.Final {
			w.reason, w.loss, f.Loss = event.Unheard, f.Loss, truth.Loss{}
		}
	}
}

// endOf returns how a worker has ended, if that is known.
func (f *Facts) endOf(i truth.Instance) truth.End {
	for _, e := range slices.Backward(f.Ends) {
		if e.Instance == i {
			return e
		}
	}
	return truth.End{}
}

// count tells of counters that did not grow on.
func (t *Tracker) count(f Facts, events []event.Event) []event.Event {
	for _, n := range f.Notices {
		e := event.Event{Time: f.At, Count: int64(n.Rows)}
		switch n.Kind {
		case truth.Cleared:
			e.Kind = event.CountersCleared
		case truth.Wrapped:
			e.Kind = event.Wrap
		case truth.Preloaded:
			e.Kind, e.Time, e.NewPid, e.Exact = event.Preloaded, n.Instance.Start, n.Instance.Pid, true
		default:
			continue
		}
		if n.Rows == 0 {
			continue
		}
		if n.Instance != t.current {
			e.OldPid = n.Instance.Pid
			e.NewPid = 0
		}
		events = append(events, t.make(f, e))
	}
	return events
}

// bound leaves out events beyond the bound, those of servers first.
func (t *Tracker) bound(found []event.Event) []event.Event {
	free := len(found)
	if t.Max > 0 {
		free = max(0, t.Max-int(t.made))
	}
	if len(found) > free {
		chosen := slices.Clone(found)
		slices.SortStableFunc(chosen, func(a, b event.Event) int { return cmp.Compare(len(a.Server), 0) - cmp.Compare(len(b.Server), 0) })
		t.left += int64(len(found) - free)
		t.dirty = true
		found = chosen[:free]
		slices.SortStableFunc(found, func(a, b event.Event) int { return cmp.Compare(a.Time, b.Time) })
	}
	t.made += int64(len(found))
	return found
}
