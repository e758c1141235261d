package remotewrite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"
)

// ContentEncoding is the compression of requests.
const ContentEncoding = "snappy"

// ContentType returns the content type of requests.
func (v Version) ContentType() string {
	if v == V2 {
		return "application/x-protobuf;proto=io.prometheus.write.v2.Request"
	}
	return "application/x-protobuf"
}

// VersionHeader is the name of the header that has Header.
const VersionHeader = "X-Prometheus-Remote-Write-Version"

// Proof is the name of the header by which receivers of version 2.0 say how many samples
// they have written. One that does not know the version takes the request, and writes none.
const Proof = "X-Prometheus-Remote-Write-Samples-Written"

// Header returns what requests say of their version.
func (v Version) Header() string {
	if v == V2 {
		return "2.0.0"
	}
	return "0.1.0"
}

// Compress appends a request as it is sent.
func Compress(dst, request []byte) []byte {
	n := s2.MaxEncodedLen(len(request))
	dst = slices.Grow(dst, max(n, 0))
	return dst[:len(dst)+len(s2.EncodeSnappy(dst[len(dst):len(dst)+n], request))]
}

// Expand returns the request of what was sent, which is not longer than that.
func Expand(sent []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(sent)
	if err != nil {
		return nil, fmt.Errorf("a request is damaged: %w", err)
	}
	if n > limit {
		return nil, fmt.Errorf("a request has %d bytes, more than %d", n, limit)
	}
	request, err := s2.Decode(nil, sent)
	if err != nil {
		return nil, fmt.Errorf("a request is damaged: %w", err)
	}
	return request, nil
}

// Split cuts a request into two that together say the same, and returns the number of series
// in the first one. ok is false for one that has no two parts.
func (v Version) Split(request []byte) (first, second []byte, series int, ok bool) {
	if v == V2 {
		return split2(request)
	}
	return split1(request)
}

// errRequest is for a request that is none of ours.
var errRequest = errors.New("not a request")

// fields calls f with each field of a message: its whole text and its content.
func fields(message []byte, f func(n protowire.Number, t protowire.Type, field, content []byte) error) error {
	for len(message) > 0 {
		n, t, head := protowire.ConsumeTag(message)
		if head < 0 {
			return protowire.ParseError(head)
		}
		size := protowire.ConsumeFieldValue(n, t, message[head:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		field := message[:head+size]
		content := field[head:]
		if t == protowire.BytesType {
			content, _ = protowire.ConsumeBytes(content)
		}
		if err := f(n, t, field, content); err != nil {
			return err
		}
		message = message[head+size:]
	}
	return nil
}

func split1(request []byte) (first, second []byte, series int, ok bool) {
	var ends []int // of the fields
	var all []int  // series up to there
	at, n := 0, 0
	err := fields(request, func(number protowire.Number, t protowire.Type, field, _ []byte) error {
		if t != protowire.BytesType || number != request1Series>>3 && number != request1Metadata>>3 {
			return errRequest
		}
		if number == request1Series>>3 {
			n++
		}
		at += len(field)
		ends, all = append(ends, at), append(all, n)
		return nil
	})
	if err != nil || len(ends) < 2 {
		return nil, nil, 0, false
	}
	half := len(ends)/2 - 1
	return request[:ends[half]], request[ends[half]:], all[half], true
}

func split2(request []byte) (first, second []byte, count int, ok bool) {
	var table, series [][]byte
	err := fields(request, func(n protowire.Number, t protowire.Type, _, content []byte) error {
		switch {
		case t == protowire.BytesType && n == request2Symbols>>3:
			table = append(table, content)
		case t == protowire.BytesType && n == request2Series>>3:
			series = append(series, content)
		default:
			return errRequest
		}
		return nil
	})
	if err != nil || len(series) < 2 {
		return nil, nil, 0, false
	}
	half := len(series) / 2
	if first, err = part2(table, series[:half]); err != nil {
		return nil, nil, 0, false
	}
	if second, err = part2(table, series[half:]); err != nil {
		return nil, nil, 0, false
	}
	return first, second, half, true
}

// part2 returns the request that has some of the series, with the symbols that these need.
func part2(table, series [][]byte) ([]byte, error) {
	refs := make([]uint64, len(table)) // the new ones; 0 for none yet
	used := []byte{request2Symbols, 0}
	next := uint64(1)
	renumber := func(old uint64) (uint64, error) {
		switch {
		case old >= uint64(len(table)):
			return 0, errRequest
		case len(table[old]) == 0:
			return 0, nil
		case refs[old] == 0:
			refs[old] = next
			next++
			used = append(protowire.AppendVarint(append(used, request2Symbols), uint64(len(table[old]))), table[old]...)
		}
		return refs[old], nil
	}
	var body, one, inner []byte
	for _, s := range series {
		one = one[:0]
		err := fields(s, func(n protowire.Number, t protowire.Type, field, content []byte) (err error) {
			switch {
			case t != protowire.BytesType:
				return errRequest
			case n == seriesSamples>>3:
				one = append(one, field...)
				return nil
			case n == seriesLabels>>3:
				inner, err = renumberLabels(inner[:0], content, renumber)
			case n == seriesMetadata>>3:
				inner, err = renumberMetadata(inner[:0], content, renumber)
			default:
				return errRequest
			}
			one = append(protowire.AppendVarint(append(one, byte(n)<<3|2), uint64(len(inner))), inner...)
			return err
		})
		if err != nil {
			return nil, err
		}
		body = append(protowire.AppendVarint(append(body, request2Series), uint64(len(one))), one...)
	}
	return append(used, body...), nil
}

func renumberLabels(b, refs []byte, renumber func(uint64) (uint64, error)) ([]byte, error) {
	for len(refs) > 0 {
		old, n := protowire.ConsumeVarint(refs)
		if n < 0 {
			return b, protowire.ParseError(n)
		}
		ref, err := renumber(old)
		if err != nil {
			return b, err
		}
		b, refs = protowire.AppendVarint(b, ref), refs[n:]
	}
	return b, nil
}

func renumberMetadata(b, metadata []byte, renumber func(uint64) (uint64, error)) ([]byte, error) {
	err := fields(metadata, func(n protowire.Number, t protowire.Type, field, content []byte) error {
		switch {
		case t != protowire.VarintType:
			return errRequest
		case n == metadataType>>3:
			b = append(b, field...)
			return nil
		case n != metadata2Help>>3 && n != metadata2Unit>>3:
			return errRequest
		}
		old, _ := protowire.ConsumeVarint(content)
		ref, err := renumber(old)
		b = protowire.AppendVarint(append(b, byte(n)<<3), ref)
		return err
	})
	return b, err
}
