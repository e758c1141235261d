package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"haproxystats/internal/kafka/wire"
)

// A stream is
//
//	stream = magic version *frame
//	frame  = kind length body       ; kind is a byte, length a uvarint
//
// with the kinds head, record and end. The body of a head has cluster, node and instance,
// each behind its length, and the epoch, shard, shards and the number of metrics. That of
// the end is empty.

const (
	magic   = "hsf"
	version = 1

	frameHead   = 'h'
	frameRecord = 'r'
	frameEnd    = 'e'
)

var (
	errForeign   = errors.New("the bytes are not records of this program")
	errTruncated = errors.New("the records are truncated")
)

// writer writes a stream.
type writer struct {
	to  io.Writer
	buf []byte
	err error // the first one
}

// newWriter returns a writer that has begun a stream.
func newWriter(to io.Writer) *writer {
	w := &writer{to: to}
	w.write(append([]byte(magic), version))
	return w
}

func (w *writer) write(p []byte) {
	if w.err == nil {
		_, w.err = w.to.Write(p)
	}
}

// frame writes a frame.
func (w *writer) frame(kind byte, body []byte) error {
	w.buf = binary.AppendUvarint(append(w.buf[:0], kind), uint64(len(body)))
	w.write(w.buf)
	w.write(body)
	return w.err
}

// head begins an attempt.
func (w *writer) head(e wire.Envelope) error {
	var b []byte
	for _, text := range []string{string(e.Kind), e.Cluster, e.Node, e.Instance} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	b = binary.AppendVarint(b, e.Epoch)
	b = binary.AppendUvarint(b, uint64(e.Shard))
	return w.frame(frameHead, binary.AppendUvarint(b, uint64(e.Shards)))
}

// record writes a record of the attempt.
func (w *writer) record(record []byte) error { return w.frame(frameRecord, record) }

// end ends the stream.
func (w *writer) end() error { return w.frame(frameEnd, nil) }

// decoder reads a stream that is written to it. It holds at most one frame.
type decoder struct {
	head   func(wire.Envelope) error
	record func([]byte) error // valid until it returns

	rest  []byte // of a frame that is not complete
	begun bool
	ended bool
	err   error // the first one
}

// Write implements [io.Writer]. After an error it takes nothing.
func (d *decoder) Write(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n := len(p)
	if len(d.rest) > 0 {
		p = append(d.rest, p...)
	}
	for len(p) > 0 {
		used, err := d.next(p)
		if err != nil {
			d.err = err
			return 0, err
		}
		if used == 0 {
			break
		}
		p = p[used:]
	}
	d.rest = append(d.rest[:0], p...)
	return n, nil
}

// next takes the frame at the beginning of p and returns its length; 0 if it is not
// complete.
func (d *decoder) next(p []byte) (int, error) {
	const title = len(magic) + 1
	switch {
	case d.ended:
		return 0, fmt.Errorf("%w: more follows their end", errForeign)
	case !d.begun && len(p) < title:
		return 0, nil
	case !d.begun:
		if string(p[:len(magic)]) != magic || p[len(magic)] != version {
			return 0, errForeign
		}
		d.begun = true
		return title, nil
	}
	length, n := binary.Uvarint(p[1:])
	switch {
	case n == 0 && len(p) <= binary.MaxVarintLen64:
		return 0, nil
	case n <= 0 || length > wire.MaxRecord:
		return 0, fmt.Errorf("%w: a length is out of range", errForeign)
	case uint64(len(p)-1-n) < length:
		return 0, nil
	}
	end := 1 + n + int(length)
	body := p[1+n : end]
	switch p[0] {
	case frameHead:
		e, err := parseHead(body)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errForeign, err)
		}
		return end, d.head(e)
	case frameRecord:
		return end, d.record(body)
	case frameEnd:
		d.ended = true
		return end, nil
	}
	return 0, fmt.Errorf("%w: a frame of kind %q", errForeign, p[0])
}

// close returns an error unless the stream is complete.
func (d *decoder) close() error {
	if d.err == nil && !d.ended {
		d.err = errTruncated
	}
	return d.err
}

func parseHead(b []byte) (e wire.Envelope, err error) {
	short := false
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			short, b = true, nil
			return 0
		}
		b = b[n:]
		return v
	}
	text := func() string {
		n := uvarint()
		if n > uint64(len(b)) {
			short, b = true, nil
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	e.Kind, e.Cluster, e.Node, e.Instance = wire.Kind(text()), text(), text(), text()
	epoch, n := binary.Varint(b)
	if n <= 0 {
		return e, errTruncated
	}
	e.Epoch, b = epoch, b[n:]
	shard, shards := uvarint(), uvarint()
	if short || len(b) > 0 || shard > wire.MaxShards || shards > wire.MaxShards {
		return e, errors.New("a head is damaged")
	}
	e.Shard, e.Shards = int(shard), int(shards)
	if e.Kind == wire.Tick {
		return e, errors.New("a tick is not sent by nodes")
	}
	return e, e.Check()
}
