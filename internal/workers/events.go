package workers

import (
	"errors"
	"slices"
	"time"

	"haproxystats/internal/event"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/transitions"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

// minGap is the shortest time in seconds without a question that is told as a gap, in
// rounds and in seconds.
const (
	minGapRounds  = 3
	minGapSeconds = 60
)

// watches begins the rows of the current worker, and returns who wants to see them.
func (s *socket) watches(name string, info *truth.Info, at int64) (all []*truth.Watch) {
	if s.events != nil {
		all = append(all, s.events.Begin(name, info, at))
	}
	if s.keeper.opt().ServersEvery > 0 {
		all = append(all, s.servers.maint.begin())
	}
	return all
}

func (s *socket) abort() {
	if s.events != nil {
		s.events.Abort()
	}
}

// happened makes events of the round.
func (t *turn) happened() {
	if t.events == nil {
		return
	}
	if t.err != nil {
		t.abort()
		return
	}
	f := transitions.Facts{
		At: t.at, Info: t.info, Members: t.living(), Change: t.change, Crashed: t.crashed, FailedReloads: t.failedReloads,
		Notices: t.outcome.Notices, Loss: t.outcome.Loss, Ends: t.ends,
	}
	for i, w := range t.held {
		// A worker that serves although another one has answered at its socket.
		f.Serving = f.Serving || t.info != nil && !i.IsSame(t.info) && !w.met && !w.info.Stopping
	}
	if t.info != nil {
		f.Away, f.Late = t.away(), t.stopped[t.info.Instance] && !t.info.Stopping
		t.socket.asked = time.Unix(t.at, 0)
	} else if !t.socket.asked.IsZero() {
		t.socket.asked = time.Unix(t.at, 0) // it does not answer, but it was asked
	}
	t.events.End(t.Name, f)
}

// away returns the number of seconds since the socket was asked last, if it is long.
func (t *turn) away() int64 {
	last := t.socket.asked.Unix()
	if t.socket.asked.IsZero() {
		last = t.before
	}
	least := max(minGapSeconds, minGapRounds*int64(t.keeper.opt().Interval/time.Second))
	if seconds := t.at - last; last > 0 && seconds >= least {
		return seconds
	}
	return 0
}

// between makes events of what has happened between two rounds. info is the reply of a
// new worker that answers at the socket, or nil; r is what the account says, if it was
// asked.
func (s *socket) between(info *truth.Info, r store.Result) {
	if s.events == nil {
		return
	}
	s.events.End("", transitions.Facts{
		Between: true, At: time.Now().Unix(), Info: info, Members: s.living(), Change: s.change, Notices: r.Notices, Loss: r.Loss, Ends: r.Ends,
	})
}

// living returns the workers that live: those of the account, and those that a
// connection is held to, which may have begun since the last round.
func (s *socket) living() []truth.Instance {
	all := slices.Clone(s.members)
	for i := range s.held {
		if !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, compareInstances)
	return all
}

// carryEvents adds the events that wait to the snapshot. If that fails, they wait for
// the next one.
func (k *Keeper) carryEvents(files Files) {
	if k.opt().Events == nil {
		return
	}
	events := k.opt().Events.Waiting()
	if len(events) == 0 {
		return
	}
	if err := write(files, snapshot.EventsName, event.Append(nil, events)); err != nil {
		k.opt().Events.Keep()
		k.log.Warn("events can't be put into the snapshot, they wait for the next one", "count", len(events),
			"error", errors.Join(err, remove(files, snapshot.EventsName)))
	}
}

// Stored implements [pull.Accounts].
func (k *Keeper) Stored() {
	if k.opt().Events != nil {
		k.opt().Events.Stored()
	}
}

// forgetEvents removes what is known of the rows of sockets that are gone for long.
func (k *Keeper) forgetEvents(asked []pull.Asked, at time.Time) {
	if k.opt().Events == nil {
		return
	}
	var inUse []string
	for _, a := range asked {
		inUse = append(inUse, a.Socket.Address)
	}
	if err := k.opt().Events.Forget(at.Add(-keepState).Unix(), inUse); err != nil {
		k.log.Warn("states of sockets that are gone can't be removed", "error", err)
	}
}
