// Package verify checks from end to end whether metrics arrive: it asks Graphite's
// render for a metric of haproxystats itself, and compares the time of the newest value
// with the last confirmation.
//
// A confirmation is from the next hop, which may be a proxy or a relay. The package
// does not know how metrics are delivered, nor the protocol of the request.
package verify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"
)

const (
	// interval is the time between two requests.
	interval = time.Minute
	// limit bounds one request.
	limit = 10 * time.Second
	// window is the time for which Graphite is asked. With a value each second the answer
	// stays far below 64 KiB.
	window = 15 * time.Minute
	// late is the delay of Graphite from which on it is logged.
	late = 5 * time.Minute
)

// Get requests an address and returns the answer, whose size it bounds. Nil roots
// stand for the authorities of the system.
type Get func(ctx context.Context, address string, roots *x509.CertPool) ([]byte, error)

// Options are the options of a [Verifier].
type Options struct {
	URL string // of the render
	// Path returns the path of the metric, which changes with the name of the host.
	Path func() string
	// Roots returns the authorities to trust; nil for those of the system.
	Roots func() (*x509.CertPool, error)
	Get   Get
	// Confirmed returns the time of the last confirmation of a snapshot; zero if there is
	// none, and while older snapshots wait.
	Confirmed func() time.Time
	// Log gets a message for each change. Nil means no log.
	Log *slog.Logger
}

// Status is the result of the requests so far.
type Status struct {
	// Newest is the time of the newest value that Graphite has shown; zero for none.
	Newest time.Time
	// Age is the age of the newest value or, without one, the time since the start.
	Age time.Duration
	// Behind is the time between the newest value and the last confirmation, at the last
	// answer.
	Behind time.Duration
	// Asked is the time of the last answer.
	Asked time.Time
	// Failing is the time of the first request that has failed since then, and Cause the
	// error of the last one.
	Failing time.Time
	Cause   error
}

// Verifier asks Graphite at intervals.
type Verifier struct {
	opt Options
	log *slog.Logger

	mu     sync.Mutex
	begun  time.Time
	status Status
	late   bool // the log has said that Graphite is behind
}

// New returns a verifier, which makes no request before Run.
func New(o Options) *Verifier {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Verifier{opt: o, log: log, begun: time.Now()}
}

// Run asks once a minute until ctx ends.
func (v *Verifier) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		confirmed := v.opt.Confirmed()
		newest, err := v.Ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		v.note(confirmed, newest, err)
	}
}

// Status returns the result of the requests so far.
func (v *Verifier) Status() Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.status
	since := s.Newest
	if since.IsZero() {
		since = v.begun
	}
	s.Age = max(time.Since(since), 0)
	return s
}

// Ask asks once, and returns the time of the newest value; zero for none.
func (v *Verifier) Ask(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var roots *x509.CertPool
	if v.opt.Roots != nil {
		var err error
		if roots, err = v.opt.Roots(); err != nil {
			return time.Time{}, err
		}
	}
	// noCache: Graphite-web otherwise caches an answer for a minute.
	query := url.Values{
		"target": {v.opt.Path()}, "format": {"json"}, "noCache": {"1"},
		"from": {fmt.Sprintf("-%dmin", int(window.Minutes()))},
	}
	answer, err := v.opt.Get(ctx, v.opt.URL+"?"+query.Encode(), roots)
	if err != nil {
		return time.Time{}, err
	}
	return newest(answer, time.Now())
}

// errAnswer means that the answer is not one of Graphite's render.
var errAnswer = errors.New("the answer is not a list of series in JSON; verify-url must be the address of Graphite's render")

// newest returns the time of the newest value of an answer; zero for none.
func newest(answer []byte, now time.Time) (last time.Time, err error) {
	var series []struct {
		Points [][]*float64 `json:"datapoints"`
	}
	if err := json.Unmarshal(answer, &series); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errAnswer, err)
	}
	for _, s := range series {
		for _, p := range s.Points {
			if len(p) != 2 || p[1] == nil {
				return time.Time{}, errAnswer
			}
			// A value with an impossible time counts as none.
			if p[0] == nil || *p[1] <= 0 || *p[1] > float64(now.Add(window).Unix()) {
				continue
			}
			if at := time.Unix(int64(*p[1]), 0); at.After(last) {
				last = at
			}
		}
	}
	return last, nil
}

// note records the result of a request, and logs a change.
func (v *Verifier) note(confirmed, newest time.Time, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, s := time.Now(), &v.status
	if err != nil {
		if s.Cause == nil {
			s.Failing = now
			v.log.Warn("graphite can't be asked which metrics have arrived", "verify_url", v.opt.URL, "error", err)
		}
		s.Cause = err
		return
	}
	if s.Cause != nil {
		v.log.Info("graphite can be asked again which metrics have arrived", "failing", now.Sub(s.Failing).Round(time.Second))
	}
	s.Asked, s.Failing, s.Cause = now, time.Time{}, nil
	// A time in the future is of a clock that was set back since: it would hide for as
	// long that nothing arrives.
	if newest.After(s.Newest) || s.Newest.After(now.Add(window)) {
		s.Newest = newest
	}
	since := s.Newest
	if since.IsZero() {
		since = v.begun
	}
	s.Behind = 0
	if !confirmed.IsZero() {
		s.Behind = max(confirmed.Sub(since), 0)
	}
	switch {
	case s.Behind > late && !v.late:
		v.late = true
		v.log.Warn("graphite does not show metrics that were confirmed", "metric", v.opt.Path(), "behind", s.Behind.Round(time.Second))
	case s.Behind <= late && v.late:
		v.late = false
		v.log.Info("graphite shows confirmed metrics again", "metric", v.opt.Path())
	}
}
