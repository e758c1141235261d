package push

import (
	"encoding/binary"
	"fmt"
	"math"

	"haproxystats/internal/bounded"
	"haproxystats/internal/sink/stream"
)

// An item of the queue is
//
//	item  = magic version codec epoch *frame end
//	frame = length body             ; length is not 0
//	end   = %x00 frames             ; the number of frames
//	body  = metrics size compressed
//
// where version and codec are a byte each; length, frames, metrics and size are unsigned varints; epoch is a
// signed one; size is the length of the body of a request before compression, and compressed
// is the rest.

const (
	magic   = "hsp"
	version = 1
	// MaxBody bounds the body of a request before compression, in bytes.
	MaxBody = 32 << 20
	// maxFrame bounds a frame, and so the memory for one, whatever an item claims. A
	// compressed body may be a little longer than the body.
	maxFrame = MaxBody + MaxBody/8 + 64
)

// frame is the body of a request on its way.
type frame struct {
	metrics int    // in the body
	size    int    // of the body before compression
	body    []byte // as it is sent
}

// appendTitle appends what is in front of the first frame.
func appendTitle(b []byte, c codec, epoch int64) []byte {
	return binary.AppendVarint(append(stream.Format{Name: magic, Version: version}.AppendTitle(b), byte(c)), epoch)
}

// appendHead appends a frame but for its body.
func appendHead(b []byte, f frame) []byte {
	var head [2 * binary.MaxVarintLen64]byte
	h := binary.AppendUvarint(head[:0], uint64(f.metrics))
	h = binary.AppendUvarint(h, uint64(f.size))
	return append(binary.AppendUvarint(b, uint64(len(h)+len(f.body))), h...)
}

// appendEnd appends the end of an item.
func appendEnd(b []byte, frames int) []byte {
	return binary.AppendUvarint(append(b, 0), uint64(frames))
}

// decoder reads an item that is written to it.
type decoder struct {
	*stream.Decoder
	// begin gets what is in the title, and emit each frame, which is valid until it returns.
	begin func(c codec, epoch int64) error
	emit  func(frame) error

	begun  bool
	frames uint64
}

func newDecoder(begin func(codec, int64) error, emit func(frame) error) *decoder {
	d := &decoder{begin: begin, emit: emit}
	d.Decoder = stream.NewDecoder(stream.Format{Name: magic, Version: version, Take: d.take})
	return d
}

// take takes what is at the beginning of p: see [stream.Format].
func (d *decoder) take(p []byte) (int, bool, error) {
	if !d.begun {
		return d.takeTitle(p)
	}
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
	b := bounded.NewReader(p[n:end])
	f := frame{metrics: int(b.Number(math.MaxInt32)), size: int(b.Number(MaxBody))}
	f.body = b.Rest()
	if err := b.Err(); err != nil {
		return 0, false, fmt.Errorf("%w: a frame is damaged: %w", stream.ErrForeign, err)
	}
	d.frames++
	return end, false, d.emit(f)
}

func (d *decoder) takeTitle(p []byte) (int, bool, error) {
	if len(p) == 0 {
		return 0, false, nil
	}
	epoch, n := binary.Varint(p[1:])
	switch {
	case n < 0 || n == 0 && len(p) > binary.MaxVarintLen64:
		return 0, false, fmt.Errorf("%w: its time is out of range", stream.ErrForeign)
	case n == 0:
		return 0, false, nil
	}
	d.begun = true
	return n + 1, false, d.begin(codec(p[0]), epoch)
}
