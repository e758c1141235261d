package top

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
)

const (
	// maxReplies bounds the memory for the replies of a round.
	maxReplies = 1 << 30
	// maxOld bounds the old workers that are asked through a master in a round.
	maxOld = 16
)

// Asker asks stats sockets, all at once, with one connection for each in a round.
type Asker struct {
	// Targets returns the sockets to ask, in each round.
	Targets func() ([]pull.Target, error)
	// Missing says why there is no target.
	Missing func() error
	// Client asks them. It should try to connect once: the next round is soon.
	Client *haproxy.Client
	// Interval is the time from one round to the next.
	Interval time.Duration
	// Timeout bounds a round.
	Timeout time.Duration
	// Where tells what is asked, for people.
	Where string
	// Master is the path of the socket of HAProxy's master; empty for none. With FindMasters,
	// a target that proves to be one is asked, too.
	Master      string
	FindMasters bool

	next    time.Time
	buffers [2]map[string]*bytes.Buffer
	turn    int
	masters map[string]bool // addresses that have answered as masters
	truce   map[string]time.Time
}

// Names implements [Source].
func (a *Asker) Names() string { return a.Where }

// Next implements [Source].
func (a *Asker) Next(ctx context.Context) (*Round, error) {
	if err := wait(ctx, time.Until(a.next)); err != nil {
		return nil, err
	}
	now := time.Now()
	// A round that took longer than the interval delays the next one; none is made up for.
	a.next = a.next.Add(a.Interval)
	if a.next.Before(now) {
		a.next = now.Add(a.Interval)
	}
	targets, err := a.Targets()
	if err != nil {
		return nil, &Problem{err, ""}
	}
	if len(targets) == 0 {
		return nil, a.Missing()
	}
	asked, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	r := a.ask(asked, now, targets)
	if ctx.Err() != nil || len(r.Snapshot.Files.(snapshot.Memory)) == 0 {
		a.turn = 1 - a.turn // the files of the last round stay valid
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(r.Snapshot.Files.(snapshot.Memory)) == 0 {
		if len(r.Failures) == 0 {
			return nil, &Problem{fmt.Errorf("no stats socket in %s: others answer, such as a master process, which have no statistics", a.Where), "Add a `stats socket` line to HAProxy's global section"}
		}
		return r, silent(r.Failures)
	}
	return r, nil
}

// silent returns the error of a round in which no socket has answered.
func silent(failures []Failure) error {
	f := failures[0]
	err := fmt.Errorf("%s: %s", f.Socket, f.Problem)
	if n := len(failures); n > 1 {
		err = fmt.Errorf("none of %d sockets answers; %w", n, err)
	}
	return &Problem{err, f.Hint}
}

// ask asks the targets.
func (a *Asker) ask(ctx context.Context, now time.Time, targets []pull.Target) *Round {
	a.turn = 1 - a.turn
	before := a.buffers[a.turn]
	buffers := make(map[string]*bytes.Buffer)
	a.buffers[a.turn] = buffers
	buffer := func(name string) *bytes.Buffer {
		b := before[name]
		if b == nil {
			b = new(bytes.Buffer)
		}
		b.Reset()
		buffers[name] = b
		return b
	}
	files := make(snapshot.Memory)
	r := &Round{At: now, Snapshot: snapshot.Snapshot{Epoch: now.Unix(), Files: files}}
	var masters []pull.Target
	var mu sync.Mutex
	var g sync.WaitGroup
	left := &budget{left: maxReplies}
	for _, t := range targets {
		if a.masters[t.Socket.Address] {
			masters = append(masters, t)
			continue
		}
		info, stat := buffer(t.Name+snapshot.InfoSuffix), buffer(t.Name+snapshot.StatSuffix)
		g.Go(func() {
			err := a.Client.Fetch(ctx, t.Socket.Network, t.Socket.Address, bounded{info, left}, bounded{stat, left})
			mu.Lock()
			defer mu.Unlock()
			var socket *haproxy.SocketError
			switch {
			case err == nil:
				files[t.Name+snapshot.InfoSuffix], files[t.Name+snapshot.StatSuffix] = info.Bytes(), stat.Bytes()
			case errors.As(err, &socket) && socket.Master():
				masters = append(masters, t)
			case errors.As(err, &socket) && socket.NotStats() && !t.Listed:
				// Another program's socket in the directory.
			default:
				r.Failures = append(r.Failures, failure(t, err))
			}
		})
	}
	g.Wait()
	// The order must not depend on who has answered first: the first failure is shown.
	slices.SortFunc(r.Failures, func(x, y Failure) int {
		return cmp.Or(strings.Compare(x.Socket, y.Socket), strings.Compare(x.Name, y.Name))
	})
	slices.SortFunc(masters, func(x, y pull.Target) int { return strings.Compare(x.Socket.Address, y.Socket.Address) })
	a.masters = make(map[string]bool)
	for _, m := range masters {
		a.masters[m.Socket.Address] = true
	}
	if a.Master != "" {
		masters = []pull.Target{{Socket: pull.Socket{Network: "unix", Address: a.Master}, Name: filepath.Base(a.Master)}}
	} else if !a.FindMasters {
		masters = nil
	}
	for _, m := range masters {
		a.askMaster(ctx, m, r)
	}
	return r
}

const (
	// masterPatience bounds the questions to a master: a worker that hangs makes it hang for
	// everybody. After trouble it is left alone for masterTruce.
	masterPatience = 2 * time.Second
	masterTruce    = time.Minute
)

// askMaster asks a master for its workers, and those that no socket leads to for `show info`.
func (a *Asker) askMaster(ctx context.Context, m pull.Target, r *Round) {
	if time.Now().Before(a.truce[m.Socket.Address]) {
		return
	}
	current := make(map[int]bool)
	for _, l := range livesOf(r.Snapshot.Files.(snapshot.Memory)) {
		current[l.pid] = true
	}
	asking, cancel := context.WithTimeout(ctx, masterPatience)
	defer cancel()
	all, err := a.Client.Processes(asking, m.Socket.Network, m.Socket.Address)
	for _, pid := range all.Workers {
		if err != nil || len(r.Old) == maxOld {
			break
		}
		if current[pid] {
			continue
		}
		var info []byte
		info, err = a.Client.WorkerInfo(asking, m.Socket.Network, m.Socket.Address, pid)
		// The serving worker of a socket that has failed is not an old one.
		if p := readProcess(info); err == nil && p.stopping {
			r.Old = append(r.Old, OldWorker{Master: m.Name, Pid: pid, Info: info})
		}
	}
	if errors.Is(err, haproxy.ErrNoMaster) {
		delete(a.masters, m.Socket.Address) // it may be a stats socket by now
	}
	if err == nil || asking.Err() == nil {
		return // while it reloads, it answers nobody for a moment
	}
	if a.truce == nil {
		a.truce = make(map[string]time.Time)
	}
	a.truce[m.Socket.Address] = time.Now().Add(masterTruce)
}

// failure returns what a target's error says.
func failure(t pull.Target, err error) Failure {
	f := Failure{Name: t.Name, Socket: t.Socket.Address, Problem: err.Error()}
	var socket *haproxy.SocketError
	if errors.As(err, &socket) {
		f.Problem, f.Hint = socket.Err.Error(), socket.Hint
	}
	return f
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// budget bounds the bytes of several buffers together.
type budget struct {
	mu   sync.Mutex
	left int64
}

func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left -= int64(n)
	return b.left >= 0
}

// bounded is a buffer with a budget.
type bounded struct {
	to   *bytes.Buffer
	left *budget
}

var errMemory = fmt.Errorf("the replies exceed %d MiB", maxReplies>>20)

// Write implements [io.Writer].
func (b bounded) Write(p []byte) (int, error) {
	if !b.left.take(len(p)) {
		return 0, errMemory
	}
	return b.to.Write(p)
}
