package remotewrite

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"haproxystats/internal/encode/samples"
)

// Translate returns the request of what was sent, in another version than it was made in: what
// waits in a queue is of the version that was configured then. It returns false for what is of
// this version already, and for what is not a request.
func (v Version) Translate(sent []byte) ([]byte, bool) {
	// A request of 1.0 begins with a series, and one of 2.0 with a symbol, which compression
	// shows: the text begins with a literal.
	_, n := binary.Uvarint(sent)
	if n <= 0 || len(sent) < n+2 || sent[n]&3 != 0 {
		return nil, false
	}
	first := n + 1 // a literal of 60 bytes and more has its length there
	if long := int(sent[n]>>2) - 59; long > 0 {
		first += long
	}
	if first >= len(sent) || (sent[first] == request2Symbols) == (v == V2) {
		return nil, false
	}
	request, err := Expand(sent, maxTranslated)
	if err != nil {
		return nil, false
	}
	translated, err := v.translate(request)
	return translated, err == nil
}

// maxTranslated bounds a request that is translated, in bytes.
const maxTranslated = 64 << 20

func (v Version) translate(request []byte) ([]byte, error) {
	if v == V2 {
		return toV2(request)
	}
	return toV1(request)
}

// toV1 translates a request of 2.0. The types, texts and start times of series get lost.
func toV1(request []byte) ([]byte, error) {
	var table []string
	w := &wire1{valid: true}
	var labels []byte
	err := fields(request, func(n protowire.Number, t protowire.Type, _, content []byte) error {
		switch {
		case t == protowire.BytesType && n == request2Symbols>>3:
			table = append(table, string(content))
			return nil
		case t != protowire.BytesType || n != request2Series>>3:
			return errRequest
		}
		labels = labels[:0]
		name := ""
		return fields(content, func(n protowire.Number, t protowire.Type, _, content []byte) error {
			switch {
			case t == protowire.BytesType && n == seriesLabels>>3:
				for isName := true; len(content) > 0; isName = !isName {
					ref, size := protowire.ConsumeVarint(content)
					if size < 0 || ref >= uint64(len(table)) {
						return errRequest
					}
					if content = content[size:]; isName {
						name = table[ref]
					} else {
						labels = w.appendLabel(labels, samples.Label{Name: name, Value: table[ref]})
					}
				}
			case t == protowire.BytesType && n == seriesSamples>>3:
				value, at, err := sampleOf(content)
				if err != nil {
					return err
				}
				w.sample = appendSample(w.sample[:0], at, 0)
				w.add(new(samples.Family), nil, labels, nil, nil, value)
			}
			return nil
		})
	})
	return w.body, err
}

// toV2 translates a request of 1.0. The types and texts of families get lost.
func toV2(request []byte) ([]byte, error) {
	w := newWire2(false)
	w.own.valid, w.finished = true, true
	none := new(samples.Family)
	var labels []byte
	err := fields(request, func(n protowire.Number, t protowire.Type, _, content []byte) error {
		switch {
		case t == protowire.BytesType && n == request1Metadata>>3:
			return nil
		case t != protowire.BytesType || n != request1Series>>3:
			return errRequest
		}
		labels = labels[:0]
		return fields(content, func(n protowire.Number, t protowire.Type, _, content []byte) error {
			switch {
			case t == protowire.BytesType && n == seriesLabels>>3:
				var l samples.Label
				err := fields(content, func(n protowire.Number, t protowire.Type, _, content []byte) error {
					switch {
					case t == protowire.BytesType && n == labelName>>3:
						l.Name = string(content)
					case t == protowire.BytesType && n == labelValue>>3:
						l.Value = string(content)
					}
					return nil
				})
				if err != nil {
					return err
				}
				labels = w.appendLabel(labels, l)
			case t == protowire.BytesType && n == seriesSamples>>3:
				value, at, err := sampleOf(content)
				if err != nil {
					return err
				}
				w.gauge = appendSample(w.gauge[:0], at, 0)
				w.addSeries(none, labels, value)
			}
			return nil
		})
	})
	return w.finish(), err
}

// sampleOf returns the value and the time of a sample.
func sampleOf(sample []byte) (value uint64, at int64, err error) {
	err = fields(sample, func(n protowire.Number, t protowire.Type, _, content []byte) error {
		switch {
		case t == protowire.Fixed64Type && n == sampleValue>>3:
			value, _ = protowire.ConsumeFixed64(content)
		case t == protowire.VarintType && n == sampleTime>>3:
			v, _ := protowire.ConsumeVarint(content)
			at = int64(v)
		}
		return nil
	})
	return value, at, err
}
