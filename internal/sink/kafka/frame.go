package kafka

import (
	"encoding/binary"
	"fmt"
	"math"

	"haproxystats/internal/bounded"
	"haproxystats/internal/sink/stream"
)

// A stream of frames is
//
//	stream = magic version *frame end
//	frame  = length body            ; length is not 0
//	end    = %x00 frames            ; the number of frames
//	body   = format metrics epoch topic key host cluster value
//
// where version and format are a byte each; length, frames and metrics are unsigned
// varints; epoch is a signed one; topic, key, host and cluster have a length in front;
// value is the rest. The length of a key is one more than that of its bytes: 0 is for
// none.

const (
	magic   = "hsk"
	version = 1
	// MaxValue bounds the value of a record.
	MaxValue = 16 << 20
	// maxText bounds a topic, key, host or cluster.
	maxText = 4 << 10
	// maxFrame bounds a frame, and so the memory for one, whatever a stream claims.
	maxFrame = MaxValue + 4*maxText + 64
)

// Format is the format of a record's value.
type Format byte

// The formats. Their numbers are in queues on disk: they do not change.
const (
	Graphite   Format = 1
	JSON       Format = 2
	JSONMetric Format = 3
	Influx     Format = 4
	OTLP       Format = 5
)

// formats have the headers of each format.
var formats = map[Format]struct{ name, contentType string }{
	Graphite:   {"graphite", "text/plain; charset=utf-8"},
	JSON:       {"json", "application/json"},
	JSONMetric: {"json-metric", "application/json"},
	Influx:     {"influx", "text/plain; charset=utf-8"},
	OTLP:       {"otlp", "application/x-protobuf"},
}

// String returns the format's name in the configuration and in headers.
func (f Format) String() string { return formats[f].name }

// record is a record on its way to the client.
type record struct {
	format  Format
	metrics int64
	epoch   int64
	topic   string
	key     []byte // nil for none
	host    string
	cluster string
	value   []byte
}

// appendHeader appends what is in front of the first frame.
func appendHeader(b []byte) []byte {
	return stream.Format{Name: magic, Version: version}.AppendTitle(b)
}

// appendFrame appends a frame but for its value.
func appendFrame(b []byte, r *record) []byte {
	const most = 2*binary.MaxVarintLen64 + 4*binary.MaxVarintLen32 + 1
	size := len(r.topic) + len(r.key) + len(r.host) + len(r.cluster) + len(r.value)
	// The length of the head is known only when it is there.
	head := make([]byte, 0, most+size-len(r.value))
	head = append(head, byte(r.format))
	head = binary.AppendUvarint(head, uint64(r.metrics))
	head = binary.AppendVarint(head, r.epoch)
	head = appendText(head, r.topic)
	if r.key == nil {
		head = append(head, 0)
	} else {
		head = append(binary.AppendUvarint(head, uint64(len(r.key))+1), r.key...)
	}
	head = appendText(appendText(head, r.host), r.cluster)
	return append(binary.AppendUvarint(b, uint64(len(head)+len(r.value))), head...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendEnd appends the end of a stream.
func appendEnd(b []byte, frames int) []byte {
	return binary.AppendUvarint(append(b, 0), uint64(frames))
}

// decoder reads a stream that is written to it.
type decoder struct {
	*stream.Decoder
	// emit takes each record, which is valid until it returns.
	emit func(*record) error

	frames uint64
	r      record
}

// newDecoder returns a decoder that gives records to emit.
func newDecoder(emit func(*record) error) *decoder {
	d := &decoder{emit: emit}
	d.Decoder = stream.NewDecoder(stream.Format{Name: magic, Version: version, Take: d.take})
	return d
}

// take takes the frame at the beginning of p: see [stream.Format].
func (d *decoder) take(p []byte) (int, bool, error) {
	length, n, err := stream.Uvarint(p, maxFrame)
	switch {
	case n == 0 || err != nil:
		return 0, false, err
	case length == 0:
		frames, m, err := stream.Uvarint(p[n:], math.MaxInt64)
		if m == 0 || err != nil {
			return 0, false, err
		}
		if frames != d.frames {
			return 0, false, fmt.Errorf("%w: %d of %d", stream.ErrTruncated, d.frames, frames)
		}
		return n + m, true, nil
	case uint64(len(p)-n) < length:
		return 0, false, nil
	}
	end := n + int(length)
	if err := d.r.read(p[n:end]); err != nil {
		return 0, false, err
	}
	d.frames++
	return end, false, d.emit(&d.r)
}

// read takes the body of a frame. The record has parts of it.
func (r *record) read(body []byte) error {
	b := bounded.NewReader(body)
	r.format = Format(b.Byte())
	r.metrics = int64(b.Number(math.MaxInt64))
	r.epoch = b.Varint()
	r.topic = string(b.Text(maxText))
	r.key = nil
	if n := b.Uvarint(); n > 0 {
		r.key = b.Bounded(n-1, maxText)
	}
	r.host = string(b.Text(maxText))
	r.cluster = string(b.Text(maxText))
	r.value = b.Rest()
	switch _, known := formats[r.format]; {
	case b.Err() != nil:
		return fmt.Errorf("%w: a record is damaged: %w", stream.ErrForeign, b.Err())
	case !known || r.topic == "":
		return fmt.Errorf("%w: a record of format %d to topic %q", stream.ErrForeign, r.format, r.topic)
	}
	return nil
}
