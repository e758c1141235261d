// Package scrape shows the newest batches to Prometheus: a server of HTTP whose answers are
// made of the batch that is the newest when the question comes.
//
// A batch is valid only until its aggregator is used again, so the sink copies it, into the
// memory of the batch before the last one. An answer keeps the batches that it began with,
// whatever arrives meanwhile.
//
// Everything is bounded: connections, answers at the same time and their time, headers,
// bodies, and what is remembered of answers.
package scrape

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"haproxystats/internal/encode/prometheus"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/htpasswd"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/tlsfile"
)

// Options are the options of a sink.
type Options struct {
	// Listen are the addresses on which questions are accepted.
	Listen []string
	// Path is where the metrics are.
	Path string
	// MaxAge is the age from which on what HAProxy has said is not shown; 0 for none.
	MaxAge time.Duration
	// Scopes are those that an answer has unless the question names others.
	Scopes [metric.NumScopes]bool
	// ExtraCounters adds those of HAProxy's modules.
	ExtraCounters bool
	// Encoding says how batches are written.
	Encoding prometheus.Options
	// Own adds what haproxystats says of itself.
	Own bool
	// Clusters tells batches apart by their cluster and node, by labels; else all of them
	// are about one node.
	Clusters bool
	// MaxScrapes bounds the answers at the same time, and Timeout the time for one.
	MaxScrapes int
	Timeout    time.Duration
	// TLS has the files of encrypted connections; CAFile is that of the authorities of
	// clients. Without CertFile nothing is encrypted.
	TLS tlsfile.Files
	// Users is the file of those who may ask; empty for everybody.
	Users string
	// Status writes the status of the program as JSON; nil for a program without one.
	Status func(io.Writer) error
	// Version is the version of haproxystats.
	Version string
	// Log gets messages; nil for none.
	Log *slog.Logger
}

// Sink is a [haproxystats/internal/sink.Sink] that shows the newest batches.
type Sink struct {
	opt       Options
	log       *slog.Logger
	began     time.Time
	listeners []net.Listener
	server    *http.Server
	users     *htpasswd.Users // nil if everybody may ask

	free chan *answerer // those that make no answer

	delivering sync.Mutex // one batch is copied at a time

	mu     sync.Mutex
	shown  map[about]*place
	totals map[about]*totals
	latest int64 // counts changes of shown and of names
	names  int   // counts changes of the names of self metrics
	last   *kept // the last compressed answer; nil for none

	counting sync.Mutex
	status   sink.Status
	asked    map[int]int64 // answers by their status
	took     time.Duration // of all answers with metrics
	dropped  series.Dropped
}

// about is what a batch is about.
type about struct {
	cluster, node string
	shard, shards int
}

// place has the batches about one thing.
type place struct {
	newest *batch
	spare  *batch // the one before, whose memory the next one uses
}

// batch is a copy of a batch.
type batch struct {
	metric.Batch
	points  int
	readers int // answers that are being made of it
}

// New returns a sink that listens. Questions wait until [Sink.Run].
func New(opt Options) (*Sink, error) {
	s := &Sink{
		opt: opt, log: cmp.Or(opt.Log, slog.New(slog.DiscardHandler)).With("sink", "prometheus"), began: time.Now(),
		free:  make(chan *answerer, opt.MaxScrapes),
		shown: make(map[about]*place), totals: make(map[about]*totals), asked: make(map[int]int64),
	}
	if opt.Users != "" {
		s.users = htpasswd.New(opt.Users, s.log)
	}
	for range opt.MaxScrapes {
		s.free <- nil // made when it is needed
	}
	s.server = s.newServer()
	limit := &limit{}
	for _, address := range opt.Listen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prometheus: %w%s", err, remedy(err)), s.Close())
		}
		s.listeners = append(s.listeners, s.encrypted(limit.of(l)))
	}
	return s, nil
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": another program listens there, set listen in [prometheus] to another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return ": no interface of this host has the address, set listen in [prometheus]"
	case errors.Is(err, syscall.EACCES):
		return ": ports below 1024 need a privilege, set listen in [prometheus] to another port"
	}
	return ""
}

// Close stops listening.
func (s *Sink) Close() error {
	var all error
	for _, l := range s.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// SetOwn sets the names of self metrics that are about a sink. Earlier names stay: the batch that
// is shown may have them.
func (s *Sink) SetOwn(own map[string]samples.Own) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]samples.Own)
	maps.Copy(all, s.opt.Encoding.Own)
	maps.Copy(all, own)
	if !maps.Equal(all, s.opt.Encoding.Own) {
		s.opt.Encoding.Own = all
		s.latest++
		s.names++
	}
}

// Addresses returns the addresses on which questions are accepted.
func (s *Sink) Addresses() []net.Addr {
	var all []net.Addr
	for _, l := range s.listeners {
		all = append(all, l.Addr())
	}
	return all
}

// Name returns "prometheus".
func (s *Sink) Name() string { return "prometheus" }

// ahead is how far in the future a batch may be that keeps earlier ones from being shown.
// A clock that was wrong would keep them away for ever.
const ahead = time.Minute

// forgotten is the age from which on nothing is shown of what brings no batches any more.
const forgotten = time.Hour

// Deliver shows a batch, unless a newer one is shown.
func (s *Sink) Deliver(ctx context.Context, b *metric.Batch) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	s.delivering.Lock()
	defer s.delivering.Unlock()
	of := s.aboutOf(b)
	s.add(of, b)
	spare, ok := s.take(of, b.Epoch)
	if !ok {
		return nil
	}
	spare.copy(b)
	s.show(of, spare)
	s.counting.Lock()
	defer s.counting.Unlock()
	s.status.Batches++
	s.status.Metrics += int64(spare.points)
	s.status.Health = sink.Health{Confirmed: time.Now()}
	return nil
}

// aboutOf returns what a batch is about.
func (s *Sink) aboutOf(b *metric.Batch) about {
	if !s.opt.Clusters {
		return about{}
	}
	return about{b.Cluster, b.Node, b.Shard, b.Shards}
}

// take returns the memory for a batch, and false if a newer one is shown.
func (s *Sink) take(of about, epoch int64) (*batch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.shown[of]
	if p == nil {
		return new(batch), true
	}
	if epoch < p.newest.Epoch && time.Unix(p.newest.Epoch, 0).Before(time.Now().Add(ahead)) {
		return nil, false
	}
	spare := p.spare
	p.spare = nil
	if spare == nil || spare.readers > 0 {
		spare = new(batch)
	}
	return spare, true
}

// copy takes all that is shown of another batch.
func (b *batch) copy(from *metric.Batch) {
	old := b.Tables
	b.Batch = *from
	b.Processes = nil
	b.Tables = make([]*metric.Table, len(from.Tables))
	for i, t := range from.Tables {
		if i < len(old) {
			b.Tables[i] = old[i]
		}
		b.Tables[i] = t.CopyTo(b.Tables[i])
	}
	b.points = from.Points()
}

// show shows a batch.
func (s *Sink) show(of about, b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.shown[of]
	if p == nil {
		p = new(place)
		s.shown[of] = p
	}
	p.newest, p.spare = b, p.newest
	s.latest++
	if s.opt.MaxAge > 0 {
		gone := time.Now().Add(-max(forgotten, 2*s.opt.MaxAge))
		maps.DeleteFunc(s.shown, func(_ about, p *place) bool { return p.newest != b && time.Unix(p.newest.Epoch, 0).Before(gone) })
		maps.DeleteFunc(s.totals, func(of about, _ *totals) bool { return s.shown[of] == nil })
	}
}

// hold returns the batches that are shown, in the order of what they are about, and their
// number of changes. They stay as they are until release.
func (s *Sink) hold() (all []*batch, latest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(s.shown), func(a, b about) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.node, b.node), cmp.Compare(a.shards, b.shards), cmp.Compare(a.shard, b.shard))
	})
	for _, k := range keys {
		b := s.shown[k].newest
		b.readers++
		all = append(all, b)
	}
	return all, s.latest
}

func (s *Sink) release(all []*batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range all {
		b.readers--
	}
}

// isOld reports whether what HAProxy has said in a batch is too old to be shown.
func (s *Sink) isOld(b *batch, now time.Time) bool {
	return s.opt.MaxAge > 0 && now.Sub(time.Unix(b.Epoch, 0)) > s.opt.MaxAge
}

// isReady reports whether there is a batch that is not too old.
func (s *Sink) isReady(now time.Time) bool {
	all, _ := s.hold()
	defer s.release(all)
	return slices.ContainsFunc(all, func(b *batch) bool { return ofHAProxy(b) && !s.isOld(b, now) })
}

// ofHAProxy reports whether a batch has more than what a program says of itself.
func ofHAProxy(b *batch) bool {
	return slices.ContainsFunc(b.Tables, func(t *metric.Table) bool { return t.Scope() != metric.Self })
}

// Status returns the counts since New. Bytes and Failures are those of answers; a batch
// counts when it is shown.
func (s *Sink) Status() sink.Status {
	s.counting.Lock()
	defer s.counting.Unlock()
	return s.status
}
