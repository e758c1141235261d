package workers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/transitions"
	"haproxystats/internal/transitions/pending"
	"haproxystats/internal/truth"
	"haproxystats/internal/truth/store"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// socket is one stats socket with its workers.
type socket struct {
	keeper *Keeper
	pull.Socket
	account *store.Socket
	events  *pending.Socket // nil: nobody wants them
	asked   time.Time       // when it was asked last, as far as this process knows
	change  transitions.Change

	mu   sync.Mutex // held during a round and during a look
	held map[truth.Instance]*worker
	// current is the worker that answers at the socket, and members are all that live.
	current truth.Instance
	members []truth.Instance
	// stopped are workers that were seen to stop, so that their successor is a reload's.
	// lost are workers that have closed the connection before.
	stopped, lost map[truth.Instance]bool
	// gone are workers that were the current one and are known to have ended.
	gone map[truth.Instance]bool
	// mastered is the master of the current worker, as far as it is known.
	mastered life
	failed   int // rounds in a row in which the socket has failed
	tries    int // failures in a row to hold a connection
	until    time.Time
	told     map[string]time.Time
	servers  servers
	closed   bool

	shown atomic.Pointer[overview]
}

// worker is a worker that a connection is held to.
type worker struct {
	instance truth.Instance
	conn     *haproxy.Held
	info     *truth.Info // the latest look
	read     time.Time   // when its rows were read last
	refused  int         // how often its final words could not be stored
	// met reports whether no round has seen the worker as the current one yet.
	met bool
}

// say logs a lasting condition of the socket, now and then.
func (s *socket) say(message string, args ...any) {
	if s.told == nil {
		s.told = make(map[string]time.Time)
	}
	if last, ok := s.told[message]; ok && time.Since(last) < again {
		return
	}
	s.told[message] = time.Now()
	s.keeper.log.Warn(message, append([]any{"socket", s.Address}, args...)...)
}

// look looks at each worker. One that stops and has no client left says its final
// words. If the current one stops, its successor is met at once, because it may stop
// before the next round. The looks themselves end at the deadline.
func (s *socket) look(ctx context.Context, deadline time.Time) {
	looking, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	replaced := false
	all := slices.SortedFunc(maps.Keys(s.held), compareInstances)
	looks := make([]struct {
		info *truth.Info
		err  error
	}, len(all))
	var asking sync.WaitGroup // several that hang cost no more time than one
	for n, i := range all {
		w := s.held[i]
		asking.Go(func() { looks[n].info, looks[n].err = w.look(looking) })
	}
	asking.Wait()
	for n, i := range all {
		w, info, err := s.held[i], looks[n].info, looks[n].err
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			stopping := w.info.Stopping
			s.letGo(w, err)
			if i == s.current && !stopping && errors.Is(err, haproxy.ErrClosed) {
				s.confirm(ctx, i)
			}
			continue
		}
		w.info = info
		s.account.Heard(info)
		if i == s.current && s.events != nil {
			s.events.Heard(info.At)
		}
		if !info.Stopping {
			continue
		}
		replaced = replaced || w.met || i == s.current
		if w.met {
			w.met = false
			s.keeper.noticed(snapshot.Workers{Reloads: 1})
			s.keeper.log.Info("HAProxy was reloaded", "socket", s.Address, "before", i.String())
		}
		s.noteStopped(i)
		if info.CurrConns == 0 && looking.Err() == nil { // else in the next look
			s.finish(ctx, w)
		}
	}
	if replaced {
		s.meet(ctx)
	}
}

// confirm finds out whether a worker that has closed its connection has ended, or has
// only closed an idle connection.
func (s *socket) confirm(ctx context.Context, i truth.Instance) {
	ctx, cancel := context.WithTimeout(ctx, s.keeper.patience())
	defer cancel()
	w := &worker{instance: i}
	var err error
	if w.conn, err = s.keeper.opt().Client.Hold(ctx, s.Network, s.Address); err == nil {
		_, err = w.look(ctx)
		w.conn.Close()
	}
	if ctx.Err() == nil && (errors.Is(err, errOther) || errors.Is(err, haproxy.ErrClosed) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)) {
		if s.gone == nil {
			s.gone = make(map[truth.Instance]bool)
		}
		s.gone[i] = true
	}
}

// meet holds a connection to the worker that answers at the socket now, if it is another
// one than those that are known. A worker whose start is not exact waits for the round.
func (s *socket) meet(ctx context.Context) {
	if s.closed || time.Now().Before(s.until) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.keeper.patience())
	defer cancel()
	conn, err := s.keeper.opt().Client.Hold(ctx, s.Network, s.Address)
	if err != nil {
		return // the round tells
	}
	w := &worker{conn: conn, met: true}
	if w.info, err = w.ask(ctx); err == nil && w.info.Exact && !w.info.Stopping && s.held[w.info.Instance] == nil {
		w.instance = w.info.Instance
		s.held[w.instance] = w
		s.change = transitions.Reloaded
		s.between(w.info, store.Result{})
		return
	}
	conn.Close()
}

func compareInstances(a, b truth.Instance) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Pid, b.Pid))
}

func (s *socket) noteStopped(i truth.Instance) {
	if s.stopped == nil {
		s.stopped = make(map[truth.Instance]bool)
	}
	s.stopped[i] = true
}

// is reports whether a reply is the worker's. A connection leads to one process; only
// its first reply, and a start time that is not exact, leave room for doubt.
func (w *worker) is(info *truth.Info) bool {
	return w.instance.IsSame(info) || !info.Exact && info.Instance.Pid == w.instance.Pid
}

var errOther = errors.New("another process answers")

// look asks a worker how it is.
func (w *worker) look(ctx context.Context) (*truth.Info, error) {
	info, err := w.ask(ctx)
	if err != nil {
		return nil, err
	}
	if !w.is(info) {
		return nil, fmt.Errorf("%w: %v, not %v", errOther, info.Instance, w.instance)
	}
	return info, nil
}

// ask asks whoever the connection leads to.
func (w *worker) ask(ctx context.Context) (*truth.Info, error) {
	text, err := w.conn.Look(ctx)
	if err != nil {
		return nil, err
	}
	return truth.ReadInfo(bytes.NewReader(text), time.Now().Unix())
}

// letGo closes a connection that has failed.
func (s *socket) letGo(w *worker, err error) {
	w.conn.Close()
	delete(s.held, w.instance)
	if errors.Is(err, haproxy.ErrClosed) {
		if s.lost == nil {
			s.lost = make(map[truth.Instance]bool)
		}
		s.lost[w.instance] = true
		s.keeper.log.Debug("worker has ended without final words", "socket", s.Address, "worker", w.instance.String())
		return
	}
	s.fail()
	s.say("connection to a worker can't be held, its last traffic may be missed", "worker", w.instance.String(), "error", err)
}

// fail counts a failure to hold a connection.
func (s *socket) fail() {
	if s.tries++; s.tries >= maxTries {
		s.tries, s.until = 0, time.Now().Add(truce)
	}
}

func (s *socket) letGoAll() {
	for i, w := range s.held {
		w.conn.Close()
		delete(s.held, i)
	}
}

// maxFinal is the number of looks in which final words may fail to be stored, before
// the worker is let go.
const maxFinal = 5

// finish takes the final words of a worker. They are on disk before the connection is
// closed, because then nobody can say them again.
func (s *socket) finish(ctx context.Context, w *worker) {
	reading, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var info, stat bytes.Buffer
	proxiesOnly := s.keeper.opt().Client.ProxiesOnly
	if err := w.conn.Read(reading, proxiesOnly, &info, &stat); err != nil {
		if ctx.Err() == nil {
			s.letGo(w, err)
		}
		return
	}
	reply := store.Reply{Info: memory(info.Bytes()), Stat: memory(stat.Bytes()), ProxiesOnly: proxiesOnly, Final: true}
	r, err := s.account.Round(time.Now().Unix(), []store.Reply{reply}, nil, nil)
	if err != nil {
		s.say("final words of a worker can't be stored, will try again", "worker", w.instance.String(), "error", err)
		if w.refused++; w.refused >= maxFinal {
			s.letGo(w, err)
		}
		return
	}
	s.keeper.noticed(snapshot.Workers{SecondsUnaccounted: r.Loss.Seconds, RequestsUnaccounted: r.Loss.Requests})
	s.live(r)
	w.conn.Close()
	delete(s.held, w.instance)
	s.between(nil, r)
	s.keeper.log.Debug("worker has said its final words", "socket", s.Address, "worker", w.instance.String())
}

// live notes the workers that live.
func (s *socket) live(r store.Result) {
	s.members = s.members[:0]
	for _, m := range r.Members {
		s.members = append(s.members, m.Instance)
	}
}
