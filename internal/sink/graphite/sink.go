package graphite

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/tlsfile"
)

// Options describes where a sink sends and how long it waits.
type Options struct {
	// Name is the sink's name in logs and status; empty for "graphite".
	Name string
	// Servers are tried in this order. The one that works is used until it fails. The
	// earlier ones are tried again when Delay has passed since the last failure.
	Servers []Server
	// Paths are those of the metrics.
	Paths plaintext.Paths
	// Confirm is the way in which batches are confirmed; empty for [HalfClose].
	Confirm Confirm
	// TLS encrypts connections; nil for none.
	TLS *tlsfile.Files

	// ConnectTimeout bounds the time until a connection is ready for writing, with the
	// lookup of the name and the handshake of TLS.
	ConnectTimeout time.Duration
	// WriteTimeout is the time for which the peer may accept nothing.
	WriteTimeout time.Duration
	// Hold is the time for which a connection is held open after the last write, to
	// detect a proxy that has no server; 0 for not at all.
	Hold time.Duration

	// Pace sets the pauses between attempts while the servers are down.
	outbox.Pace

	// Queue holds what waits.
	Queue outbox.Queue
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
	// Lookup returns the addresses of a server's name; nil for the host's resolver.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
	// Dial opens connections, which must have a CloseWrite method. The default, for nil,
	// divides ConnectTimeout among the addresses of a name.
	Dial DialFunc
}

// logger returns a logger that names the sink, or one that discards.
func (o Options) logger() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log.With("sink", o.name())
}

// name returns the sink's name.
func (o Options) name() string { return cmp.Or(o.Name, "graphite") }

// Sink delivers to Graphite: an outbox of plaintext lines for one of several
// servers. It is a sink in the sense of internal/sink.
type Sink struct {
	*outbox.Outbox
	relays *relays
}

// New returns a sink. It sends nothing before Deliver or Run.
func New(o Options) *Sink {
	log := o.logger()
	r := newRelays(o, log)
	notices := plaintext.NewNotices(log)
	return &Sink{relays: r, Outbox: outbox.New(outbox.Options{
		Name:      o.name(),
		Transport: transport{r},
		NewEncoder: func() outbox.Encoder {
			return &encoder{plaintext.New(o.Paths), notices}
		},
		Pace:  o.Pace,
		Queue: o.Queue,
		Log:   o.Log,
	})}
}

// Close closes the connections that are kept. Deliver works without them.
func (s *Sink) Close() { s.relays.close() }

// Status returns the counts since New and the health of the servers. Failures counts
// each server that a batch was tried at.
func (s *Sink) Status() sink.Status {
	status := s.Outbox.Status()
	status.Failures = s.relays.failedTries()
	return status
}

// transport sends to the servers.
type transport struct{ *relays }

func (t transport) Send(ctx context.Context, size int64, write func(io.Writer) error) (peer string, err error) {
	server, err := t.send(ctx, outbox.Limit(size), write)
	return server.String(), err
}

// Probe opens a connection to the server that worked last, and closes it. It does not
// wait for a confirmation, which some receivers give only after they got something. A
// failure counts as a try.
func (t transport) Probe(ctx context.Context) error {
	t.mu.Lock()
	i := t.current
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, outbox.LiveLimit)
	defer cancel()
	l, err := t.peers[i].connect(ctx)
	if err != nil {
		t.unconfirmed(i, err)
		return err
	}
	l.close()
	return nil
}

// encoder writes batches as plaintext lines.
type encoder struct {
	lines   *plaintext.Encoder
	notices *plaintext.Notices // of the sink
}

func (e *encoder) Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error) {
	result, err := e.lines.Encode(w, b)
	e.notices.Note(result)
	return int64(result.Lines), result.Skipped, err
}
