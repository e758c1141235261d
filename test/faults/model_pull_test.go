package faults

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/pull"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// mortal is what a program does to the world, until it has died.
type mortal struct {
	mu   sync.Mutex
	left int // actions until then; below 0 no end
	died context.CancelFunc
}

var errDead = errors.New("the program is dead")

// act reports whether the program lives to do something.
func (m *mortal) act() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		m.died()
		return false
	}
	if m.left > 0 {
		m.left--
	}
	return true
}

// kill ends the program, if it has not died yet.
func (m *mortal) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = 0
	m.died()
}

// pull runs pull for some rounds, in which sockets may fail, and it dies or is
// ended. The next one may start within the second.
func (m *model) pull(*rapid.T) {
	rounds := draw(m, rapid.IntRange(1, 3), "rounds")
	fates := make([]string, 2*(rounds+1))
	for i := range fates {
		fates[i] = draw(m, rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "refuses", "cut", "hangs"}), "socket")
	}
	m.runPull(rounds, m.crashPoint(8*rounds), fates)
}

// runPull runs pull for a number of rounds with those fates; what follows them is
// well.
func (m *model) runPull(rounds, crash int, fates []string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	life := &mortal{left: crash, died: cancel}
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: m.incoming(), Tmp: m.incoming() + ".tmp"})
	m.must(err)
	defer w.Close()
	p := &pull.Puller{
		Spool:    &modelSpool{w, m, life},
		Fetcher:  &modelSockets{m: m, life: life, fate: &fate{left: fates}},
		Servers:  []pull.Socket{{Network: "unix", Address: "/p1.sock"}, {Network: "unix", Address: "/p2.sock"}},
		Interval: time.Second, Timeout: 500 * time.Millisecond, QueueSize: 20, Workers: 2,
		Log: slog.New(slog.DiscardHandler),
	}
	stop := time.AfterFunc(time.Duration(rounds)*time.Second-900*time.Millisecond, cancel)
	defer stop.Stop()
	m.must(p.Run(ctx))
}

// modelSockets answers as the source does, or does not.
type modelSockets struct {
	m    *model
	life *mortal
	fate *fate
}

func (s *modelSockets) Fetch(ctx context.Context, _, address string, info, stat io.Writer) error {
	number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(address, "/p"), ".sock"))
	if err != nil {
		return err
	}
	first, second := s.m.src.Socket(number - 1).Tell()
	switch s.fate.next() {
	case "refuses":
		return errors.New("connection refused")
	case "hangs":
		<-ctx.Done()
		return ctx.Err()
	case "cut":
		_, err := info.Write(first[:len(first)/2])
		return errors.Join(err, errors.New("truncated reply"))
	}
	if !s.life.act() {
		return errDead
	}
	_, err = info.Write(first)
	if err == nil {
		_, err = stat.Write(second)
	}
	return err
}

// modelSpool is the writer of a program that may die.
type modelSpool struct {
	*spool.Writer
	m    *model
	life *mortal
}

func (s *modelSpool) Stage(epoch int64) (pull.Stage, error) {
	if !s.life.act() {
		return nil, errDead
	}
	d, err := s.Writer.Stage(epoch)
	if err != nil {
		return nil, err
	}
	return &modelStage{d, epoch, s}, nil
}

type modelStage struct {
	*spool.Draft
	epoch int64
	s     *modelSpool
}

func (d *modelStage) Create(name string) (io.WriteCloser, error) {
	if !d.s.life.act() {
		return nil, errDead
	}
	return d.Draft.Create(name)
}

func (d *modelStage) Commit(snapshot.Round) error {
	if !d.s.life.act() {
		return errDead
	}
	if err := d.Draft.Commit(snapshot.Round{}); err != nil {
		return err
	}
	d.s.m.accepted = append(d.s.m.accepted, d.epoch)
	if !d.s.life.act() {
		return errDead
	}
	return nil
}

func (d *modelStage) Discard() error {
	if !d.s.life.act() {
		return errDead
	}
	return d.Draft.Discard()
}
