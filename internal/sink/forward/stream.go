package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/sink/stream"
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

// writer writes a stream.
type writer struct {
	to  io.Writer
	buf []byte
	err error // the first one
}

// newWriter returns a writer that has begun a stream.
func newWriter(to io.Writer) *writer {
	w := &writer{to: to}
	w.write(stream.Format{Name: magic, Version: version}.AppendTitle(nil))
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

// decoder reads a stream that is written to it.
type decoder struct {
	*stream.Decoder
	head   func(wire.Envelope) error
	record func([]byte) error // valid until it returns
}

// newDecoder returns a decoder that gives heads and records to these functions.
func newDecoder(head func(wire.Envelope) error, record func([]byte) error) *decoder {
	d := &decoder{head: head, record: record}
	d.Decoder = stream.NewDecoder(stream.Format{Name: magic, Version: version, Take: d.take})
	return d
}

// take takes the frame at the beginning of p: see [stream.Format].
func (d *decoder) take(p []byte) (int, bool, error) {
	length, n, err := stream.Uvarint(p[1:], wire.MaxRecord)
	if n == 0 || err != nil || uint64(len(p)-1-n) < length {
		return 0, false, err
	}
	end := 1 + n + int(length)
	body := p[1+n : end]
	switch p[0] {
	case frameHead:
		e, err := parseHead(body)
		if err != nil {
			return 0, false, fmt.Errorf("%w: %w", stream.ErrForeign, err)
		}
		return end, false, d.head(e)
	case frameRecord:
		return end, false, d.record(body)
	case frameEnd:
		return end, true, nil
	}
	return 0, false, fmt.Errorf("%w: a frame of kind %q", stream.ErrForeign, p[0])
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
		return e, stream.ErrTruncated
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
