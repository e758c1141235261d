package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"time"

	"haproxystats/internal/encode"
	"haproxystats/internal/httpcall"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/tlsfile"
)

// Format is what a destination takes.
type Format struct {
	// NewEncoder returns the encoder. The sink calls it once, and the encoder's Encode for
	// one batch at a time, in the order of the deliveries.
	NewEncoder func() Encoder
	// ContentType and ContentEncoding are those of requests; Header has further headers that
	// are always the same.
	ContentType, ContentEncoding string
	Header                       map[string]string
	// Compress appends the compressed body to dst, and Expand is the reverse, which fails if
	// the body is longer than limit. Both are nil if bodies are not compressed. They are
	// safe for concurrent use.
	Compress func(dst, body []byte) []byte
	Expand   func(body []byte, limit int) ([]byte, error)
	// Split cuts a body that is not compressed into two that say the same together;
	// firstMetrics are the metrics of the first one. It returns false for a body that can't
	// be cut.
	Split func(body []byte) (first, second []byte, firstMetrics int, ok bool)
	// Translate returns a body before compression of what an earlier configuration has put
	// into the queue in another version of the format, and false for one that is to be sent
	// as it is. It is nil where there is one version only.
	Translate func(body []byte) ([]byte, bool)
	// Once reports whether receivers refuse another value for a time that they have. Of
	// batches about one thing and of one time, only the first is sent then.
	Once bool
	// Judge finds out of an answer with a status of 2xx, or of 4xx that refuses the request,
	// what the receiver did not store of it, and why; 0 if the answer does not say so, and -1
	// if it is longer than the part of it that was read. A refused request goes in halves
	// then, whose answers are shorter. Judge is nil where answers never say so.
	Judge func(httpcall.Answer) (rejected int, reason string)
	// Units returns what Judge counts, in the body of a request; nil if that is metrics.
	Units func(body []byte) int
	// Proof is the header by which a receiver that answers with 2xx shows that it knows the
	// format; empty where all do. Without it nothing was stored, and the request is sent
	// again when somebody has done what Remedy says.
	Proof, Remedy string
	// Floor is the number of metrics from which a refused request is not cut any more; 0 if
	// it is rejected at once.
	Floor int
}

// Encoder makes the bodies of the requests for a batch. It may keep what it needs for the
// next batch: the batches come in order. All times are made of the batch's epoch.
type Encoder interface {
	// Encode calls emit with each body until emit returns an error. A body is valid until
	// emit returns, and has at most [MaxBody] bytes, or can be cut.
	Encode(b *metric.Batch, emit func(encode.Message) error) error
}

// Reverter is an [Encoder] whose requests depend on those of the batch before.
type Reverter interface {
	// Revert is called when the requests of the last batch could not be stored: no receiver
	// gets them.
	Revert()
}

// Scheme is how a request is authorized.
type Scheme string

// The schemes for tokens. A user and a password are always sent as Basic.
const (
	Bearer Scheme = "Bearer"
	Token  Scheme = "Token"
)

// Options describe where requests go.
type Options struct {
	// Name is the name of the sink, and that of its section in the configuration.
	Name   string
	Format Format
	// URL is the address; Header has the headers that the operator adds.
	URL    string
	Header map[string]string
	// User logs in with the password in PasswordFile; or TokenFile has a token, which is sent
	// by Scheme. Without a user and a token, nobody logs in.
	User                    string
	PasswordFile, TokenFile tlsfile.Secret
	Scheme                  Scheme
	// Client sends the requests.
	Client httpcall.Client
	// Timeout bounds a request.
	Timeout time.Duration
	// Parallel is the number of requests of one batch that are sent at a time.
	Parallel int
	// MaxAge is the age from which batches are dropped; 0 for never.
	MaxAge time.Duration
	// Pace sets the pauses between attempts while the destination is down.
	outbox.Pace
	// SeriesDropped returns the number of series that the encoder left out because of a
	// bound, over all batches; nil for none.
	SeriesDropped func() int64
	// Queue holds what waits.
	Queue outbox.Queue
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// Sink delivers to one destination. It is a sink in the sense of internal/sink.
type Sink struct {
	*outbox.Outbox
	opt       Options
	transport *transport
	limit     int // of a body

	mu      sync.Mutex // one batch is encoded at a time
	encoder Encoder
	latest  map[about]int64 // the time of the latest batch in the queue
	body    []byte          // compressed
	head    []byte
}

// New returns a sink. It connects in Run.
func New(o Options) *Sink {
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("sink", o.Name)
	header := maps.Clone(o.Header)
	if header == nil {
		header = make(map[string]string)
	}
	private := privateOf(header)
	maps.Copy(header, o.Format.Header)
	header["Content-Type"] = o.Format.ContentType
	if o.Format.ContentEncoding != "" {
		header["Content-Encoding"] = o.Format.ContentEncoding
	}
	o.Header = header
	t := newTransport(o, log)
	t.private = private
	return &Sink{
		opt: o, transport: t, limit: MaxBody, encoder: o.Format.NewEncoder(), latest: make(map[about]int64),
		Outbox: outbox.New(outbox.Options{Name: o.Name, Transport: t, Pace: o.Pace, Queue: o.Queue, Log: o.Log}),
	}
}

// Close closes the connections.
func (s *Sink) Close() { s.opt.Client.Close() }

// Deliver returns nil once the requests for the batch are in the queue on disk.
func (s *Sink) Deliver(_ context.Context, b *metric.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := about{b.Cluster, b.Node, b.Shard}
	if epoch, ok := s.latest[of]; ok && epoch == b.Epoch && s.opt.Format.Once {
		return nil
	}
	metrics, skipped := 0, 0
	s.transport.comes(b.Epoch)
	err := s.opt.Queue.Append(b.Epoch, func(w io.Writer) (_ int, err error) {
		metrics, skipped, err = s.write(w, b)
		return metrics, err
	})
	if err != nil || metrics == 0 {
		s.transport.isRefused(b.Epoch) // or has nothing
	}
	if err != nil {
		if r, ok := s.encoder.(Reverter); ok {
			r.Revert()
		}
		return fmt.Errorf("%s: %w", s.opt.Name, err)
	}
	if len(s.latest) >= maxAbout {
		clear(s.latest)
	}
	s.latest[of] = b.Epoch
	if skipped > 0 {
		s.transport.leftOut(b.Epoch, skipped)
	}
	return nil
}

// about is what a batch is about.
type about struct {
	cluster, node string
	shard         int
}

// maxAbout bounds the things whose latest batch is remembered.
const maxAbout = 4096

// DeliverThen delivers the batch as Deliver does, and calls next then.
func (s *Sink) DeliverThen(ctx context.Context, b *metric.Batch, next func()) error {
	err := s.Deliver(ctx, b)
	if err == nil {
		next()
	}
	return err
}

// write writes the item of a batch, and returns the metrics in it, and those in bodies that
// are too long and can't be cut.
func (s *Sink) write(w io.Writer, b *metric.Batch) (metrics, skipped int, err error) {
	if _, err := w.Write(appendTitle(s.head[:0], s.opt.Format.codec(), b.Epoch)); err != nil {
		return 0, 0, err
	}
	frames := 0
	var put func(body []byte, n int) error
	put = func(body []byte, n int) error {
		if len(body) > s.limit {
			first, second, part, ok := s.opt.Format.cut(body, n)
			if !ok {
				skipped += n
				return nil
			}
			if err := put(first, part); err != nil {
				return err
			}
			return put(second, n-part)
		}
		frames++
		metrics += n
		return s.writeFrame(w, frame{metrics: n, size: len(body), body: body})
	}
	err = s.encoder.Encode(b, func(m encode.Message) error { return put(m.Value, m.Metrics) })
	if err == nil {
		_, err = w.Write(appendEnd(s.head[:0], frames))
	}
	return metrics, skipped, err
}

// writeFrame compresses the body of a frame and writes it.
func (s *Sink) writeFrame(w io.Writer, f frame) error {
	if compress := s.opt.Format.Compress; compress != nil {
		s.body = compress(s.body[:0], f.body)
		f.body = s.body
	}
	s.head = appendHead(s.head[:0], f)
	_, err := w.Write(s.head)
	if err == nil {
		_, err = w.Write(f.body)
	}
	return err
}

// errLong means that a body is longer than it may be.
var errLong = errors.New("the body of a request is too long")

// expand returns a body before compression.
func (f Format) expand(body []byte) ([]byte, error) {
	if f.Expand == nil {
		return body, nil
	}
	return f.Expand(body, MaxBody)
}

// cut cuts a body into two, of which each is shorter.
func (f Format) cut(body []byte, metrics int) (first, second []byte, part int, ok bool) {
	if f.Split == nil {
		return nil, nil, 0, false
	}
	first, second, part, ok = f.Split(body)
	if !ok || len(first) == 0 || len(second) == 0 || len(first) >= len(body) || len(second) >= len(body) {
		return nil, nil, 0, false
	}
	return first, second, min(max(part, 0), metrics), true
}

// Status returns the counts since New, and whether the destination takes requests. What it
// did not store counts as left out, and what was dropped because of its age as dropped.
func (s *Sink) Status() sink.Status {
	status := s.Outbox.Status()
	s.transport.counts.addTo(&status)
	if s.opt.SeriesDropped != nil {
		status.SeriesDropped = s.opt.SeriesDropped()
	}
	return status
}
