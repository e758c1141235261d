// Package stream reads the streams of frames in which queues keep records and requests on
// their way. A stream begins with a name of its format and a version. What a frame is, and
// which one ends the stream, is the format's.
package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrForeign means that bytes are not a stream of the format.
	ErrForeign = errors.New("the bytes are not records of this program")
	// ErrTruncated means that a stream has no end.
	ErrTruncated = errors.New("the records are truncated")
)

// Format is the form of a stream.
type Format struct {
	// Name is what a stream begins with, and Version the byte that follows.
	Name    string
	Version byte
	// Take takes the frame at the beginning of p. It returns the frame's length, 0 if the
	// frame is not complete, and whether it ends the stream.
	Take func(p []byte) (n int, end bool, err error)
}

// AppendTitle appends what is in front of the first frame.
func (f Format) AppendTitle(b []byte) []byte { return append(append(b, f.Name...), f.Version) }

// Decoder reads a stream that is written to it. It holds at most one frame, and allocates
// nothing for bytes that have not come.
type Decoder struct {
	format Format
	rest   []byte // of a frame that is not complete
	begun  bool
	ended  bool
	err    error // the first one
}

// NewDecoder returns a decoder of streams of the format.
func NewDecoder(f Format) *Decoder { return &Decoder{format: f} }

// Write implements [io.Writer]. After an error it takes nothing.
func (d *Decoder) Write(p []byte) (int, error) {
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

// next takes what is at the beginning of p, and returns its length; 0 if it is not
// complete.
func (d *Decoder) next(p []byte) (n int, err error) {
	switch {
	case d.ended:
		return 0, fmt.Errorf("%w: more follows their end", ErrForeign)
	case !d.begun:
		return d.begin(p)
	}
	n, d.ended, err = d.format.Take(p)
	return n, err
}

func (d *Decoder) begin(p []byte) (int, error) {
	name := d.format.Name
	if n := min(len(p), len(name)); string(p[:n]) != name[:n] {
		return 0, ErrForeign
	}
	if len(p) <= len(name) {
		return 0, nil
	}
	if v := p[len(name)]; v != d.format.Version {
		return 0, fmt.Errorf("%w: version %d of the stream, want %d", ErrForeign, v, d.format.Version)
	}
	d.begun = true
	return len(name) + 1, nil
}

// Err returns the first error of the frames that have come.
func (d *Decoder) Err() error { return d.err }

// Close returns an error unless the stream is complete.
func (d *Decoder) Close() error {
	if d.err == nil && !d.ended {
		d.err = ErrTruncated
	}
	return d.err
}

// Uvarint reads a number of at most most. Its length is 0 if it is not complete.
func Uvarint(p []byte, most uint64) (v uint64, n int, err error) {
	v, n = binary.Uvarint(p)
	if n < 0 || n > 0 && v > most || n == 0 && len(p) >= binary.MaxVarintLen64 {
		return 0, 0, fmt.Errorf("%w: a length is out of range", ErrForeign)
	}
	return v, n, nil
}
