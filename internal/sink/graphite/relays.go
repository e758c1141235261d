package graphite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"haproxystats/internal/dial"
	"haproxystats/internal/tlsfile"
)

// errTooSlow reports that a batch took longer than its limit.
var errTooSlow = errors.New("the peer reads too slowly")

// relays are the servers of a sink, the preferred ones first. A server that works is
// used until it fails. Once delay has passed since the last failure of any server,
// they are tried again in their order.
type relays struct {
	peers []*peer
	delay time.Duration
	log   *slog.Logger

	mu       sync.Mutex
	current  int       // index of the server that confirmed last
	fault    error     // why that server failed since then
	failed   time.Time // time of the last failure of any server
	failures int64     // attempts that were not confirmed
}

func newRelays(o Options, log *slog.Logger) *relays {
	r := &relays{delay: o.Delay, log: log}
	connect := o.Dial
	if connect == nil {
		connect = (&dial.Dialer{Connect: newDialer(o.WriteTimeout).DialContext, Lookup: o.Lookup}).Dial
	}
	var c *tlsfile.Credentials
	if o.TLS != nil {
		c = tlsfile.NewCredentials(*o.TLS, log)
	}
	for _, server := range o.Servers {
		r.peers = append(r.peers, &peer{
			server:         server,
			dial:           connect,
			credentials:    c,
			confirm:        o.Confirm,
			connectTimeout: o.ConnectTimeout,
			writeTimeout:   o.WriteTimeout,
			trust:          trust{hold: min(o.Hold, maxHolds/time.Duration(len(o.Servers)))},
		})
	}
	return r
}

// send tries one server after another until one confirms, and returns that server.
// Each server gets an equal share of what is left of limit, and the time for which its
// connection may be held on top. An error of content is returned as it is.
func (r *relays) send(ctx context.Context, limit time.Duration, content func(io.Writer) error) (Server, error) {
	end := time.Now().Add(limit)
	first := r.first()
	var faults error
	for k := range r.peers {
		i := inOrder(first, k)
		hold := r.peers[i].trust.hold
		err := r.try(ctx, time.Until(end)/time.Duration(len(r.peers)-k)+hold, r.peers[i], content)
		end = end.Add(hold)
		if err == nil {
			r.confirmed(i)
			return r.peers[i].server, nil
		}
		if ctx.Err() != nil || !isPeerError(err) {
			return Server{}, err
		}
		if n := r.peers[i].trust.failed(); n > 0 && errors.Is(err, errEarly) {
			r.log.Warn("graphite server closed a connection early, earlier batches may be lost", "server", r.peers[i].server.String(), "batches", n, "error", err)
		}
		r.unconfirmed(i, err)
		if faults == nil {
			faults = err
		} else {
			faults = fmt.Errorf("%w; %w", faults, err)
		}
	}
	return Server{}, faults
}

// inOrder returns the index of the k-th server to try: first, then the others in
// order of preference.
func inOrder(first, k int) int {
	switch {
	case k == 0:
		return first
	case k <= first:
		return k - 1
	}
	return k
}

func (r *relays) try(ctx context.Context, limit time.Duration, p *peer, content func(io.Writer) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: not done within %v", errTooSlow, limit.Round(time.Millisecond)))
	defer cancel()
	return p.send(ctx, content)
}

// first returns the index of the server to try first. When it is time to try the
// preferred servers again, it says so to one batch only.
func (r *relays) first() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current > 0 && time.Since(r.failed) >= r.delay {
		r.failed = time.Now()
		return 0
	}
	return r.current
}

// confirmed records that a server has confirmed a batch.
func (r *relays) confirmed(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case i < r.current:
		r.log.Info("back on an earlier graphite server", "server", r.peers[i].server.String())
	case i > r.current:
		r.log.Warn("graphite server failed, a later one is used", "server", r.peers[i].server.String(), "error", r.fault)
	}
	r.current, r.fault = i, nil
}

// unconfirmed records an attempt that a server did not confirm.
func (r *relays) unconfirmed(i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures++
	r.failed = time.Now()
	if i == r.current {
		r.fault = err
	}
}

// failedTries returns the number of attempts that were not confirmed.
func (r *relays) failedTries() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// close closes the connections that are kept.
func (r *relays) close() {
	for _, p := range r.peers {
		p.close()
	}
}
