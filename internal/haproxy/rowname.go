package haproxy

import (
	"encoding/binary"
	"math/bits"
)

// Hash returns a hash of the type and the names of the row, the same in every process.
func (r *Row) Hash() uint64 {
	return hashText(hashText(uint64(r.Type)+1, r.Proxy), r.Service)
}

// Two odd numbers without a pattern.
const (
	hashFactor = 0x9e3779b97f4a7c15
	hashEnd    = 0xd6e8feb86659fd93
)

// hashText returns a hash of a text that follows what h is a hash of. It reads eight
// bytes at once; names have two or three such words.
func hashText(h uint64, text []byte) uint64 {
	n := len(text)
	h ^= uint64(n) * hashEnd
	at := 0
	for ; n-at > 8; at += 8 {
		h = fold(h^binary.LittleEndian.Uint64(text[at:]), hashFactor)
	}
	var word uint64
	switch {
	case n >= 8: // with some of the bytes before
		word = binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		word = uint64(binary.LittleEndian.Uint32(text))<<32 | uint64(binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		word = uint64(text[0])<<16 | uint64(text[n/2])<<8 | uint64(text[n-1])
	}
	return fold(h^word, hashEnd)
}

// fold mixes two numbers into one.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
