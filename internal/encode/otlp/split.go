package otlp

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// part is where a message has the parts that points are in, of which several may be there:
// those of a request down to the points.
type part struct {
	fields []protowire.Number
	parts  *part // of each of them; nil for a point
}

var points = &part{fields: []protowire.Number{1}}

// requestParts has the levels ResourceMetrics, ScopeMetrics, Metric, the data of a metric,
// of which there is one of five kinds, and its points.
var requestParts = &part{[]protowire.Number{1}, &part{[]protowire.Number{2}, &part{[]protowire.Number{2}, &part{[]protowire.Number{5, 7, 9, 10, 11}, points}}}}

// has reports whether a field is one of the parts.
func (p *part) has(n protowire.Number, t protowire.Type) bool {
	if t != protowire.BytesType {
		return false
	}
	for _, f := range p.fields {
		if f == n {
			return true
		}
	}
	return false
}

// Split cuts a request into two that say the same together: each has a half of the points,
// with all that is said of these. It returns the number of points in the first one, and
// false for a request that has one point or none, or can't be decoded.
func Split(request []byte) (first, second []byte, firstPoints int, ok bool) {
	all, ok := requestParts.count(request)
	if !ok || all < 2 {
		return nil, nil, 0, false
	}
	first, second = requestParts.split(request, all/2)
	return first, second, all / 2, true
}

// count returns the number of points in a message, and whether it can be decoded.
func (p *part) count(message []byte) (n int, ok bool) {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeField(message)
		if size < 0 {
			return 0, false
		}
		if p.has(number, kind) {
			below, ok := 1, true
			if p.parts != nil {
				below, ok = p.parts.count(content(message[:size]))
			}
			if !ok {
				return 0, false
			}
			n += below
		}
		message = message[size:]
	}
	return n, true
}

// content returns what is in a field that has a length.
func content(field []byte) []byte {
	_, _, tag := protowire.ConsumeTag(field)
	inside, _ := protowire.ConsumeBytes(field[tag:])
	return inside
}

// split cuts a message that was counted into one with the first n of its points and one
// with the others. Both have what is not a part.
func (p *part) split(message []byte, n int) (first, second []byte) {
	first, second = make([]byte, 0, len(message)), make([]byte, 0, len(message))
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeField(message)
		field := message[:size]
		message = message[size:]
		if !p.has(number, kind) {
			first, second = append(first, field...), append(second, field...)
			continue
		}
		here := 1
		if p.parts != nil {
			here, _ = p.parts.count(content(field))
		}
		switch {
		case here <= n:
			first = append(first, field...)
			n -= here
		case n == 0:
			second = append(second, field...)
		default:
			a, b := p.parts.split(content(field), n)
			first = protowire.AppendBytes(protowire.AppendTag(first, number, kind), a)
			second = protowire.AppendBytes(protowire.AppendTag(second, number, kind), b)
			n = 0
		}
	}
	return first, second
}

// Rejected returns how many points a receiver did not store of a request, and why, by the
// body of its answer with a status of 2xx.
func Rejected(answer []byte) (n int, reason string) {
	const partialSuccess, rejectedPoints, errorMessage = 1, 1, 2
	each(answer, func(number protowire.Number, kind protowire.Type, partial []byte, _ uint64) {
		if number != partialSuccess || kind != protowire.BytesType {
			return
		}
		each(partial, func(number protowire.Number, kind protowire.Type, text []byte, v uint64) {
			switch { // of another type, a field is one that is not known
			case number == rejectedPoints && kind == protowire.VarintType:
				n = int(max(int64(v), 0))
			case number == errorMessage && kind == protowire.BytesType:
				reason = string(text)
			}
		})
	})
	return n, reason
}

// each calls f with each field of a message that is an integer or has a length, up to the
// first byte that can't be decoded.
func each(message []byte, f func(number protowire.Number, kind protowire.Type, content []byte, v uint64)) {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if size < 0 {
			return
		}
		switch value := message[tag : tag+size]; kind {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			f(number, kind, nil, v)
		case protowire.BytesType:
			inside, _ := protowire.ConsumeBytes(value)
			f(number, kind, inside, 0)
		}
		message = message[tag+size:]
	}
}
