package graphite

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"haproxystats/internal/metric"
)

const (
	// liveLimit bounds the delivery of a fresh batch, from dialing to the
	// confirmation, and so the time for which a peer can hold a worker. What is
	// not done by then goes to the queue.
	liveLimit = 10 * time.Second
	// slowest is the rate in bytes a second that a peer has to keep up when it
	// is sent a batch from the queue, beyond liveLimit.
	slowest = 256 << 10
	// lastWord is how long Run goes on with what it is sending when it is to end.
	lastWord = 2 * time.Second
)

// Options says where a sink sends and how patient it is.
type Options struct {
	// Servers are where to send, the preferred ones first. The one that works
	// is used until it fails; Delay after the last failure the ones before it
	// are tried again.
	Servers []Server
	Paths   Paths
	// Confirm is [HalfClose] where it is empty.
	Confirm Confirm
	// TLS encrypts connections; nil for none.
	TLS *TLS

	// ConnectTimeout is the time for a name to be looked up and a connection to
	// be ready for writing.
	ConnectTimeout time.Duration
	// WriteTimeout is how long the peer may take nothing.
	WriteTimeout time.Duration

	// Retries, Interval and Backoff shape the tries while the server is down:
	// after the first one Retries more, Interval, Interval*Backoff, ... apart.
	// Then nothing is tried for Delay, and it starts anew. Below 0 retries have
	// no end.
	Retries  int
	Interval time.Duration
	Backoff  float64
	Delay    time.Duration

	// Queue holds what waits.
	Queue Queue
	Log   *slog.Logger
	// Dial opens connections; nil for the network's own. They must have a
	// CloseWrite method.
	Dial DialFunc
}

// Queue is a durable first-in first-out queue on disk, safe for concurrent use.
type Queue interface {
	// Append stores the batch that encode writes, of which encode returns the
	// number of metrics. When it returns nil the batch is on disk, fsynced.
	Append(epoch int64, encode func(w io.Writer) (metrics int, err error)) error
	// Wait returns nil once a batch waits, and ctx's error when it ends.
	Wait(ctx context.Context) error
	// First calls send for the oldest batch and takes it out when send returns
	// nil. Otherwise the batch stays first, and First returns the error. Only
	// Run calls it.
	First(send func(metrics, size int64, content io.WriterTo) error) error
	// Len returns how many batches wait, and the metrics in them.
	Len() (batches int, metrics int64)
}

// Sink delivers to Graphite. It is a sink in the sense of
// internal/sink.
type Sink struct {
	log    *slog.Logger
	relays *relays
	pace   pace
	paths  Paths
	queue  Queue

	mu         sync.Mutex
	formatters []*Formatter // idle ones
	state      state
	confirmed  time.Time // the last time
	stats      Stats
}

// state reports whether the server answers.
type state struct {
	failures int       // in a row; 0 while it is up
	since    time.Time // of the first of them
	cause    error     // of the last of them
	next     time.Time // nothing is tried before
}

// Stats counts what a sink has done since it was opened.
type Stats struct {
	SentBatches, SentLines, SentBytes int64 // confirmed by the server
	ResentBatches                     int64 // of SentBatches, those that came from the queue
	Failures                          int64 // tries that were not confirmed
	SkippedLines                      int64 // left out for their long path
}

// New returns a sink. Nothing is sent before Deliver or Run.
func New(o Options) *Sink {
	log := o.Log.With("sink", "graphite")
	return &Sink{log: log, relays: newRelays(o, log), pace: newPace(o), paths: o.Paths, queue: o.Queue}
}

// Close closes the connections that are kept. Deliver works without them.
func (s *Sink) Close() { s.relays.close() }

// Name returns "graphite".
func (s *Sink) Name() string { return "graphite" }

// Stats returns the counts.
func (s *Sink) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Failures = s.relays.tries()
	return stats
}

// Deliver sends the batch, or puts it into the queue when the server doesn't
// confirm it, has failed lately, or earlier batches wait.
func (s *Sink) Deliver(ctx context.Context, b *metric.Batch) error {
	f := s.formatter()
	defer s.putBack(f)
	if s.ready() && ctx.Err() == nil {
		var lines int
		var bytes int64
		server, err := s.relays.send(ctx, liveLimit, func(w io.Writer) (err error) {
			f.skipped = 0 // of a server before
			counted := &counter{w: w}
			lines, err = f.Write(counted, b)
			bytes = counted.n
			return err
		})
		if err == nil {
			s.sent(server, int64(lines), bytes, false)
			return nil
		}
		if ctx.Err() == nil {
			s.failed(err, false)
		}
		f.skipped = 0 // it comes to the same metrics again
	}
	if err := s.queue.Append(b.Epoch, func(w io.Writer) (int, error) { return f.Write(w, b) }); err != nil {
		return fmt.Errorf("graphite: %w", err)
	}
	return nil
}

// ready reports whether a fresh batch may go to the server at once.
func (s *Sink) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, _ := s.queue.Len()
	return waiting == 0 && !time.Now().Before(s.state.next)
}

// Run sends what waits in the queue, the oldest batch first, until ctx ends. What
// is being sent then has lastWord to be confirmed: broken off, it would come
// again.
func (s *Sink) Run(ctx context.Context) error {
	if batches, metrics := s.queue.Len(); batches > 0 {
		s.log.Info("queue holds metrics from before", "batches", batches, "metrics", metrics)
	}
	sending, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	var ending sync.WaitGroup
	ending.Go(func() {
		select {
		case <-ctx.Done():
		case <-sending.Done():
			return
		}
		_ = sleep(sending, lastWord)
		breakOff()
	})
	defer ending.Wait()
	defer breakOff()
	for s.queue.Wait(ctx) == nil && s.pause(ctx) == nil {
		err := s.queue.First(func(metrics, size int64, content io.WriterTo) error {
			server, err := s.relays.send(sending, timeFor(size), func(w io.Writer) error {
				_, err := content.WriteTo(w)
				return err
			})
			if err == nil {
				s.sent(server, metrics, size, true)
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			s.failed(err, true)
		}
	}
	return nil
}

// pause waits until the next try is due.
func (s *Sink) pause(ctx context.Context) error {
	s.mu.Lock()
	wait := time.Until(s.state.next)
	s.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, wait)
}

// sent notes a confirmed batch, and that the server is up.
func (s *Sink) sent(server Server, lines, bytes int64, queued bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed = time.Now()
	s.stats.SentBatches++
	s.stats.SentLines += lines
	s.stats.SentBytes += bytes
	if queued {
		s.stats.ResentBatches++
	}
	if s.state.failures > 0 {
		batches, metrics := s.queue.Len()
		s.log.Info("destination is up again", "server", server.String(), "down", time.Since(s.state.since).Round(time.Millisecond),
			"batches_waited", batches, "metrics_waited", metrics)
		s.state = state{}
	}
}

// failed notes a try that failed. Only tries from the queue are told apart:
// several workers that fail at once are one failure.
func (s *Sink) failed(err error, queued bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.state.failures > 0:
		s.log.Debug("destination is still down", "error", err)
	case isPeers(err):
		s.log.Warn("destination is down, its metrics wait in the queue", "error", err)
	default:
		s.log.Warn("metrics in the queue can't be sent, will try again", "error", err)
	}
	if s.state.failures == 0 {
		s.state.since = now
	}
	if queued || s.state.failures == 0 {
		s.state.failures++
	}
	s.state.cause = err
	s.state.next = now.Add(s.pace.wait(s.state.failures))
}

// formatter returns an idle formatter; there are as many as deliveries at once.
func (s *Sink) formatter() *Formatter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.formatters); n > 0 {
		f := s.formatters[n-1]
		s.formatters = s.formatters[:n-1]
		return f
	}
	return NewFormatter(s.paths)
}

func (s *Sink) putBack(f *Formatter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := f.Skipped(); n > 0 {
		if s.stats.SkippedLines == 0 {
			s.log.Warn("metrics with a path too long for Graphite are left out", "max_path_bytes", MaxPath)
		}
		s.stats.SkippedLines += n
		f.skipped = 0
	}
	s.formatters = append(s.formatters, f)
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
