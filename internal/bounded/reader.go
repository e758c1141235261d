// Package bounded reads binary formats whose bytes may come from anybody: each number and
// each length is checked against a bound before anything is done with it.
package bounded

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrShort means that the bytes end within a field.
var ErrShort = errors.New("it ends too early")

// Reader reads fields one after another. The first error stays: from then on all fields
// are zero and nothing is left.
type Reader struct {
	rest []byte
	err  error
}

// NewReader returns a reader of b. What it returns refers to b.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Len returns the number of bytes that are left.
func (r *Reader) Len() int { return len(r.rest) }

// Fail makes err the reader's error, unless there is one.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

// End returns the first error. Bytes that are left are one.
func (r *Reader) End() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes more than it has", len(r.rest))
	}
	return r.err
}

// Rest takes all bytes that are left.
func (r *Reader) Rest() []byte {
	b := r.rest
	r.rest = nil
	return b
}

// Uvarint takes an unsigned varint.
func (r *Reader) Uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // nearly always
		n := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(n)
	}
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.Fail(ErrShort)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// Varint takes a signed varint.
func (r *Reader) Varint() int64 { return Zigzag(r.Uvarint()) }

// Zigzag returns the signed number that an unsigned varint stands for.
func Zigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// Number takes an unsigned varint that is no more than limit.
func (r *Reader) Number(limit uint64) uint64 {
	n := r.Uvarint()
	if n > limit {
		r.Fail(fmt.Errorf("%d is more than %d", n, limit))
		return 0
	}
	return n
}

// Byte takes one byte.
func (r *Reader) Byte() byte {
	if b := r.Bytes(1); len(b) > 0 {
		return b[0]
	}
	return 0
}

// Uint32 takes four bytes, the lowest first.
func (r *Reader) Uint32() uint32 {
	if b := r.Bytes(4); len(b) > 0 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Bytes takes n bytes.
func (r *Reader) Bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.Fail(ErrShort)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Bounded takes n bytes, which are no more than limit.
func (r *Reader) Bounded(n, limit uint64) []byte {
	if n > limit {
		r.Fail(fmt.Errorf("a text of %d bytes, more than %d", n, limit))
		return nil
	}
	return r.Bytes(n)
}

// Text takes a text behind its length, which is no more than limit.
func (r *Reader) Text(limit uint64) []byte { return r.Bounded(r.Uvarint(), limit) }
