package app

import (
	"fmt"
	"sync"
	"time"

	"haproxystats/internal/pull"
	"haproxystats/internal/status"
	"haproxystats/internal/workers"
)

// pullStatus counts the outcomes of rounds, for the status socket and for `systemctl
// status`.
type pullStatus struct {
	mu       sync.Mutex
	interval time.Duration
	begun    time.Time // when the last round began
	stored   time.Time // when the last snapshot was stored
	epoch    int64     // name of that snapshot
	failed   int       // number of sockets that are missing from it
	before   int       // number of snapshots that waited when the last round began
	rounds   status.Rounds
	missed   time.Time // when rounds were last missed
	last     *status.Round
	workers  status.HAProxyWorkers
}

// setInterval sets the time from round to round.
func (p *pullStatus) setInterval(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interval = d
}

// RoundBegun implements [pull.Observer].
func (p *pullStatus) RoundBegun(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = now
}

// RoundEnded implements [pull.Observer].
func (p *pullStatus) RoundEnded(now time.Time, r pull.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = r.Waiting
	if r.Outcome == pull.Stored || r.Outcome == pull.Partial {
		p.workers.Reloads += r.Workers.Reloads
		p.workers.Restarts += r.Workers.Restarts
		p.workers.Crashes += r.Workers.Crashes
		p.workers.FailedReloads += r.Workers.FailedReloads
		p.workers.SecondsUnaccounted += r.Workers.SecondsUnaccounted
		p.workers.RequestsUnaccounted += r.Workers.RequestsUnaccounted
		p.workers.AccountsFailed += r.Workers.AccountsFailed
		if r.Workers.Crashes > 0 {
			p.workers.Crash = status.At(now)
		}
		if r.Workers.AccountsFailed > 0 {
			p.workers.AccountFailed = status.At(now)
		}
		switch {
		case r.Workers.FailedReloads > 0:
			p.workers.FailedReload = status.At(now)
		case r.Workers.Reloads+r.Workers.Restarts > 0:
			p.workers.FailedReload = 0
		}
	}
	switch r.Outcome {
	case pull.Partial:
		p.rounds.Partial++
		fallthrough
	case pull.Stored:
		p.rounds.Stored++
		p.stored, p.epoch, p.failed = now, r.Epoch, r.SocketsFailed
	case pull.Dropped:
		p.rounds.Dropped++
	case pull.Skipped:
		p.rounds.Skipped++
	}
	p.last = &status.Round{
		Outcome: string(r.Outcome), Ended: status.At(now),
		Duration: status.For(r.Duration), Skew: status.For(r.Skew), HandOver: status.For(r.HandOver),
		Sockets: r.Sockets, Failed: r.SocketsFailed, Failures: r.Failures,
	}
	if r.Cause != nil {
		p.last.Cause = r.Cause.Error()
	}
}

// RoundsMissed implements [pull.Observer].
func (p *pullStatus) RoundsMissed(now time.Time, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rounds.Missed += int64(n)
	p.missed = now
}

// held notes to which workers of HAProxy connections are held.
func (p *pullStatus) held(h workers.Held) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &p.workers
	w.Held, w.Old, w.OldConns, w.OldestAge = h.Current+h.Old, h.Old, h.Conns, status.For(h.Oldest)
}

// tell fills in haproxystats-pull's part of the document.
func (p *pullStatus) tell(d *status.Document) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.Pull = &status.Pull{
		Interval: status.For(p.interval),
		Begun:    status.At(p.begun),
		Stored:   status.At(p.stored), StoredEpoch: p.epoch,
		Waiting: p.before,
		Rounds:  p.rounds,
		Missed:  status.At(p.missed),
		Last:    p.last,
	}
}

// tellWorkers fills in what is known of HAProxy's workers.
func (p *pullStatus) tellWorkers(d *status.Document) {
	p.tell(d)
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.workers
	d.Pull.Workers = &w
}

// String returns the line in `systemctl status`.
func (p *pullStatus) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rounds.Stored == 0 {
		return fmt.Sprintf("no snapshot stored yet, %d waiting", p.before)
	}
	missing := ""
	if p.failed > 0 {
		missing = fmt.Sprintf(" without %d sockets", p.failed)
	}
	return fmt.Sprintf("last snapshot stored %d%s, %d stored, %d waiting", p.epoch, missing, p.rounds.Stored, p.before)
}
