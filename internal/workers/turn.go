package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/transitions"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

// turn is one socket's part in a round.
type turn struct {
	*socket
	pull.Asked
	files   Files
	at      int64
	info    *truth.Info // of the current worker
	replies []store.Reply
	// names has the instance of each reply.
	names   []truth.Instance
	account snapshot.Account
	outcome truth.Outcome
	ends    []truth.End
	err     error
	// alive are the workers that the master lists, by process identifier; nil if it was
	// not heard.
	alive map[int]bool
	// master is the master that lists the current worker, if one was heard.
	master life
	// failedReloads are those that the master has counted since it was asked before, and
	// crashed reports whether the worker before has crashed.
	failedReloads int
	// before is when the socket was heard last by an earlier process.
	before  int64
	crashed bool
}

// read reads the reply of the current worker, and asks old ones for theirs.
func (t *turn) read(ctx context.Context) {
	if t.Failed {
		if t.failed++; t.failed > 1 {
			// Perhaps all connections to the stats socket are in use.
			if w := t.held[t.current]; w != nil && !w.info.Stopping {
				w.conn.Close()
				delete(t.held, t.current)
			}
		}
	} else if t.err = t.readCurrent(); t.err != nil {
		return
	}
	var old []*worker
	for i, w := range t.held {
		if t.info == nil && i != t.current || t.info != nil && !i.IsSame(t.info) {
			old = append(old, w)
		}
	}
	slices.SortFunc(old, func(a, b *worker) int {
		return cmp.Or(a.read.Compare(b.read), compareInstances(a.instance, b.instance))
	})
	said := make([]oldReply, len(old))
	var asking sync.WaitGroup // several that hang cost no more time than one
	for n, w := range old {
		asking.Go(func() { said[n] = t.askOld(ctx, w, n < maxReads) })
	}
	asking.Wait()
	for n, w := range old {
		if err := t.takeOld(w, said[n]); err != nil && ctx.Err() == nil {
			t.letGo(w, err)
		}
	}
}

// errOld means that a worker that was replaced answers at the socket.
var errOld = errors.New("a worker that was replaced has answered")

// readCurrent reads the reply of the worker that answers at the socket.
func (t *turn) readCurrent() error {
	l, _ := t.Listener.(*listener)
	var heard *store.Hearing
	if t.info, heard = l.replies(t.socket); t.info == nil {
		f, err := t.files.Open(t.Name + snapshot.InfoSuffix)
		if err != nil {
			return err
		}
		defer f.Close()
		if t.info, err = truth.ReadInfo(f, t.at); err != nil {
			return err
		}
	}
	t.socket.account.Resolve(t.info)
	if t.info.Stopping && t.current != (truth.Instance{}) && !t.current.IsSame(t.info) {
		return fmt.Errorf("%w: %v, after %v", errOld, t.info.Instance, t.current)
	}
	if t.socket.asked.IsZero() {
		t.before = t.socket.account.Latest()
	}
	t.add(t.info.Instance, store.Reply{
		Info: staged{t.files, t.Name + snapshot.InfoSuffix}, Stat: staged{t.files, t.Name + snapshot.StatSuffix}, Current: true,
		ProxiesOnly: t.keeper.opt().Client.ProxiesOnly,
		Said:        t.info, Heard: heard, Watches: func() []*truth.Watch { return t.watches(t.Name, t.info, t.at) },
	})
	return nil
}

func (t *turn) add(i truth.Instance, r store.Reply) {
	t.replies, t.names = append(t.replies, r), append(t.names, i)
}

// oldReply is what a worker that was replaced has said.
type oldReply struct {
	reply store.Reply
	info  *truth.Info
	err   error
}

// askOld asks a worker that was replaced for its replies; without rows, for the first
// one only. Files of a reply that fails do not stay.
func (t *turn) askOld(ctx context.Context, w *worker, rows bool) (said oldReply) {
	i := snapshot.Instance{Pid: w.instance.Pid, Start: w.instance.Start, Role: snapshot.Old}
	infoName, statName := i.File(t.Name, snapshot.InfoSuffix), i.File(t.Name, snapshot.StatSuffix)
	ctx, cancel := context.WithTimeout(ctx, t.keeper.patience())
	defer cancel()
	defer func() {
		if said.err != nil {
			said.err = errors.Join(said.err, remove(t.files, infoName), remove(t.files, statName))
		}
	}()
	said.reply.Info = staged{t.files, infoName}
	info, err := t.files.Create(infoName)
	if err != nil {
		return oldReply{err: err}
	}
	if rows {
		var stat io.WriteCloser
		if stat, err = t.files.Create(statName); err != nil {
			return oldReply{err: errors.Join(err, info.Close())}
		}
		said.reply.ProxiesOnly = t.keeper.opt().Client.ProxiesOnly
		err = errors.Join(w.conn.Read(ctx, said.reply.ProxiesOnly, info, stat), info.Close(), stat.Close())
		said.reply.Stat = staged{t.files, statName}
		w.read = time.Now()
	} else {
		var text []byte
		if text, err = w.conn.Look(ctx); err == nil {
			_, err = info.Write(text)
		}
		err = errors.Join(err, info.Close())
	}
	if err != nil {
		return oldReply{err: err}
	}
	f, err := t.files.Open(infoName)
	if err != nil {
		return oldReply{err: err}
	}
	defer f.Close()
	said.info, said.err = truth.ReadInfo(f, t.at)
	if said.err == nil && !w.is(said.info) {
		said.err = fmt.Errorf("%w: %v, not %v", errOther, said.info.Instance, w.instance)
	}
	return said
}

// takeOld takes what a worker that was replaced has said.
func (t *turn) takeOld(w *worker, said oldReply) error {
	if said.err != nil {
		return said.err
	}
	w.info = said.info
	switch {
	case w.info.Stopping:
		t.noteStopped(w.instance)
	case w.met: // the reply of the worker before has arrived earlier
	default:
		t.say("another process has taken the stats socket's path, counting both", "worker", w.instance.String())
	}
	t.add(w.instance, said.reply)
	return nil
}

// settle makes the account of the round, and counts what has happened.
func (t *turn) settle(counts *snapshot.Workers) {
	if t.err == nil {
		var r store.Result
		r, t.err = t.socket.account.Round(t.at, t.replies, t.ended(), t.carry)
		if t.err == nil {
			t.outcome, t.ends = r.Outcome, r.Ends
			t.count(r, counts)
			t.live(r)
		}
	}
	if t.err != nil {
		counts.AccountsFailed++
		t.clean()
	}
	if !t.Failed {
		t.failed = 0
	}
}

// ended returns the workers that can't say any more: another one answers at the socket,
// and no connection to them is held.
func (t *turn) ended() []truth.Instance {
	if t.info == nil {
		return nil
	}
	var gone []truth.Instance
	members := t.members
	if members == nil { // of an earlier process
		members = t.socket.account.Members()
	}
	for _, i := range members {
		if !i.IsSame(t.info) && t.held[i] == nil && !t.alive[i.Pid] {
			gone = append(gone, i)
		}
	}
	return gone
}

// count counts what has happened to the workers.
func (t *turn) count(r store.Result, counts *snapshot.Workers) {
	counts.SecondsUnaccounted += r.Loss.Seconds
	counts.RequestsUnaccounted += r.Loss.Requests
	if t.info == nil {
		return
	}
	now := t.info.Instance
	for _, m := range r.Members {
		if m.Current {
			now = m.Instance
		}
	}
	before, mastered := t.current, t.mastered
	t.current = now
	if t.master != (life{}) {
		t.mastered = t.master
	} else if before != now {
		t.mastered = life{} // perhaps another one
	}
	if before == now {
		return
	}
	t.change = transitions.Unseen
	if before == (truth.Instance{}) {
		return
	}
	ended := t.gone[before] || t.lost[before] && t.failed > 0
	switch {
	case !t.stopped[before] && t.held[before] == nil && ended && (mastered.isSame(t.master) || t.outlived(before)):
		counts.Crashes++
		t.change, t.crashed = transitions.Restarted, true
		t.keeper.log.Warn("worker of HAProxy has crashed", "socket", t.Address, "worker", before.String(), "successor", now.String(),
			"hint", "See HAProxy's log and the kernel's: a signal, a panic, or too little memory")
	case t.stopped[before] || t.held[before] != nil || !t.lost[before] && t.failed == 0:
		counts.Reloads++
		t.change = transitions.Reloaded
		t.keeper.log.Info("HAProxy was reloaded", "socket", t.Address, "worker", now.String(), "before", before.String())
	default:
		counts.Restarts++
		t.change = transitions.Restarted
		t.keeper.log.Info("HAProxy was restarted", "socket", t.Address, "worker", now.String(), "before", before.String())
	}
	for _, known := range []map[truth.Instance]bool{t.stopped, t.lost, t.gone} {
		for i := range known {
			if !slices.Contains(t.members, i) && t.held[i] == nil {
				delete(known, i)
			}
		}
	}
}

// outlived reports whether an older worker that had stopped has answered in this round:
// a restart of HAProxy would have ended it, too.
func (t *turn) outlived(gone truth.Instance) bool {
	for i, w := range t.held {
		if i != t.current && i.Start <= gone.Start && w.info.Stopping && slices.Contains(t.names, i) {
			return true
		}
	}
	return false
}

// carry adds to the snapshot what a reader needs.
func (t *turn) carry(r store.Result) error {
	t.account = snapshot.Account{Socket: t.Name}
	if r.Base != nil {
		if err := t.files.Add(t.Name+snapshot.BaseSuffix, r.Base.Dir, r.Base.Name); err != nil {
			return err
		}
		t.account.Generation = r.Base.Generation
	}
	told := make(map[int]bool)
	for _, m := range r.Members {
		i := snapshot.Instance{Pid: m.Instance.Pid, Start: m.Instance.Start, Role: snapshot.Old}
		switch {
		case m.Reply < 0:
			i.Role = snapshot.Silent
		case m.Current:
			i.Role = snapshot.Current
		case m.Stale:
			i.Role = snapshot.Stale
		}
		told[m.Reply] = true
		if i.Role == snapshot.Silent {
			if err := t.files.Add(i.File(t.Name, snapshot.InfoSuffix), m.LastInfo.Dir, m.LastInfo.Name); err != nil {
				return err
			}
		}
		if (i.Role == snapshot.Silent || i.Role == snapshot.Stale) && m.LastStat != nil {
			name := i.File(t.Name, snapshot.StatSuffix)
			if err := remove(t.files, name); err != nil {
				return err
			}
			if err := t.files.Add(name, m.LastStat.Dir, m.LastStat.Name); err != nil {
				return err
			}
		}
		t.account.Instances = append(t.account.Instances, i)
	}
	for n := range t.replies {
		if !told[n] { // it has ended, and is in the base
			if err := t.drop(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes the files of an old worker's reply.
func (t *turn) drop(n int) error {
	if t.replies[n].Current {
		return nil
	}
	i := snapshot.Instance{Pid: t.names[n].Pid, Start: t.names[n].Start, Role: snapshot.Old}
	return errors.Join(remove(t.files, i.File(t.Name, snapshot.InfoSuffix)), remove(t.files, i.File(t.Name, snapshot.StatSuffix)))
}

// clean removes all that the account has added to the snapshot, so that it is as if
// there were none.
func (t *turn) clean() {
	err := remove(t.files, t.Name+snapshot.BaseSuffix)
	for n := range t.replies {
		err = errors.Join(err, t.drop(n))
	}
	for _, i := range t.account.Instances {
		if i.Role != snapshot.Current {
			err = errors.Join(err, remove(t.files, i.File(t.Name, snapshot.InfoSuffix)), remove(t.files, i.File(t.Name, snapshot.StatSuffix)))
		}
	}
	t.err = errors.Join(t.err, err)
}

// tell logs what the account has noticed.
func (t *turn) tell() {
	if t.err != nil {
		t.say("counters can't be accounted for, those of this round are raw", "error", t.err)
		return
	}
	for _, n := range t.outcome.Notices {
		args := []any{"socket", t.Address, "worker", n.Instance.String()}
		switch n.Kind {
		case truth.Ended:
			if !n.Final {
				t.keeper.log.Info("worker has ended, its last traffic was not heard", append(args,
					"seconds", t.outcome.Loss.Seconds, "requests", t.outcome.Loss.Requests)...)
			}
		case truth.Cleared, truth.Preloaded, truth.Shared, truth.Removed, truth.Wrapped, truth.Forgotten:
			t.keeper.log.Info("counters of a worker did not grow on, totals do", append(args, "cause", string(n.Kind), "rows", n.Rows)...)
		}
	}
}

var errClosedEarly = errors.New("HAProxy has closed it within a round: set `stats timeout` to 3s or more")

// hold opens a connection to the current worker, unless there is one.
func (t *turn) hold(ctx context.Context) {
	if !t.keeper.opt().Hold || t.info == nil || t.info.Stopping || t.closed || t.err != nil || time.Now().Before(t.until) {
		return
	}
	if w := t.held[t.current]; w != nil {
		t.tries, w.met = 0, false // it has stayed open since the last round
		return
	}
	if t.lost[t.current] { // it lives: HAProxy has closed the connection
		delete(t.lost, t.current)
		t.fail()
		t.say("connection to a worker can't be held, its last traffic may be missed", "worker", t.current.String(), "error", errClosedEarly)
		if time.Now().Before(t.until) {
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, t.keeper.patience())
	defer cancel()
	conn, err := t.keeper.opt().Client.Hold(ctx, t.socket.Network, t.socket.Address)
	if err != nil {
		t.fail()
		t.say("connection to a worker can't be held, its last traffic may be missed", "worker", t.current.String(), "error", err)
		return
	}
	w := &worker{instance: t.current, conn: conn}
	info, err := w.look(ctx)
	if errors.Is(err, errOther) { // HAProxy is being reloaded; the next round is soon
		conn.Close()
		return
	}
	if err != nil {
		conn.Close()
		t.fail()
		t.say("connection to a worker can't be held, its last traffic may be missed", "worker", t.current.String(), "error", err)
		return
	}
	w.info = info
	t.held[t.current] = w
}
