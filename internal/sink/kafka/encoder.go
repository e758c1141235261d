package kafka

import (
	"bytes"
	"io"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/outbox"
)

// Key is what decides over the partition of a record.
type Key string

// The keys.
const (
	// KeyHost keeps the records of a host in order.
	KeyHost Key = "host"
	// KeyProxy keeps those of a frontend or backend of a host in order.
	KeyProxy Key = "proxy"
	// KeyNone spreads records over all partitions.
	KeyNone Key = "none"
)

// envelope makes what is around the values of a batch's records.
type envelope struct {
	topic Template
	key   Key
	host  encode.Host

	out    io.Writer
	err    error
	frames int
	record record
	topics [metric.NumScopes]string // of the batch
	head   []byte
	keyBuf []byte
}

// begin starts the stream of a batch.
func (e *envelope) begin(w io.Writer, b *metric.Batch, f Format) {
	host := e.host.Of(b)
	e.out, e.err, e.frames = w, nil, 0
	e.record = record{format: f, epoch: b.Epoch, host: clip(host), cluster: clip(b.Cluster)}
	for s := range e.topics {
		e.topics[s] = e.topic.name(host, b.Cluster, metric.Scope(s))
	}
	e.write(appendHeader(e.head[:0]))
}

func clip(text string) string { return text[:min(len(text), maxText/4)] }

// write writes head, whose memory is used again.
func (e *envelope) write(head []byte) {
	e.head = head
	if e.err == nil {
		_, e.err = e.out.Write(head)
	}
}

// put writes a record.
func (e *envelope) put(s metric.Scope, proxy string, metrics int64, value []byte) error {
	r := &e.record
	r.topic, r.metrics, r.value = e.topics[s], metrics, value
	switch {
	case e.key == KeyNone:
		r.key = nil
	case e.key == KeyProxy && proxy != "":
		e.keyBuf = append(append(append(e.keyBuf[:0], r.host...), '/'), clip(proxy)...)
		r.key = e.keyBuf
	default:
		name := r.host
		if name == "" {
			name = r.cluster
		}
		e.keyBuf = append(e.keyBuf[:0], name...)
		r.key = e.keyBuf
	}
	e.write(appendFrame(e.head[:0], r))
	if e.err == nil {
		_, e.err = e.out.Write(value)
	}
	e.frames++
	return e.err
}

// end writes the end of the stream.
func (e *envelope) end() error {
	e.write(appendEnd(e.head[:0], e.frames))
	return e.err
}

// lines makes records of Graphite's lines.
type lines struct {
	envelope
	encoder *plaintext.Encoder
	notices *plaintext.Notices
	most    int  // bytes of a record
	single  bool // a line a record

	scope metric.Scope // of the lines that come
	rest  []byte       // lines that wait for more
}

var (
	_ outbox.Encoder        = (*lines)(nil)
	_ plaintext.ScopeWriter = (*lines)(nil)
)

// Encode implements [outbox.Encoder].
func (l *lines) Encode(w io.Writer, b *metric.Batch) (metrics, skipped int64, err error) {
	l.begin(w, b, Graphite)
	l.rest = l.rest[:0]
	result, err := l.encoder.Encode(l, b)
	l.notices.Note(result)
	l.flush()
	if err == nil {
		err = l.end()
	}
	return int64(result.Lines), result.Skipped, err
}

// Scope implements [plaintext.ScopeWriter]: records of different topics share no lines.
func (l *lines) Scope(s metric.Scope) {
	if l.topics[s] != l.topics[l.scope] {
		l.flush()
	}
	l.scope = s
}

// Write takes whole lines.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	if l.single {
		for line := range bytes.Lines(p) {
			if l.put(l.scope, "", 1, bytes.TrimSuffix(line, []byte("\n"))) != nil {
				break
			}
		}
		return n, l.err
	}
	if len(l.rest) > 0 {
		p = l.fill(p)
	}
	for len(p) > 0 && l.err == nil {
		cut := l.cut(p)
		if cut == len(p) {
			l.rest = append(l.rest[:0], p...) // the next lines may have a place in the record
			break
		}
		l.send(p[:cut])
		p = p[cut:]
	}
	return n, l.err
}

// fill adds lines to those that wait, and sends these once no more have a place.
func (l *lines) fill(p []byte) (left []byte) {
	if room := l.most - len(l.rest); room > 0 {
		more := bytes.LastIndexByte(p[:min(room, len(p))], '\n') + 1
		l.rest = append(l.rest, p[:more]...)
		p = p[more:]
	}
	if len(p) > 0 {
		l.flush()
	}
	return p
}

// cut returns the length of the lines at the beginning of p that have a place in one
// record; at least one line.
func (l *lines) cut(p []byte) int {
	if len(p) <= l.most {
		return len(p)
	}
	if i := bytes.LastIndexByte(p[:l.most], '\n'); i >= 0 {
		return i + 1
	}
	return bytes.IndexByte(p, '\n') + 1
}

func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.send(l.rest)
	}
	l.rest = l.rest[:0]
}

func (l *lines) send(p []byte) { _ = l.put(l.scope, "", int64(bytes.Count(p, newline)), p) }

var newline = []byte("\n")
