package otlp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// jsonKind is how the value of a field is written in JSON.
type jsonKind uint8

const (
	jsonText    jsonKind = iota
	jsonMessage          // of a type of its own
	jsonWide             // an integer of 64 bits, as a string
	jsonSigned           // the same, with a sign
	jsonWord             // a small number
	jsonBool             // true or false
	jsonReal             // a fraction
)

// fieldType is a field of a message.
type fieldType struct {
	name string
	kind jsonKind
	many bool
	of   messageType // of a message
}

// messageType has the fields of a message by their number.
type messageType map[protowire.Number]fieldType

// The messages of requests, as far as requests have their fields.
var (
	anyValue    = messageType{1: {name: "stringValue"}, 2: {name: "boolValue", kind: jsonBool}, 3: {name: "intValue", kind: jsonSigned}, 4: {name: "doubleValue", kind: jsonReal}}
	keyValue    = messageType{1: {name: "key"}, 2: {name: "value", kind: jsonMessage, of: anyValue}}
	numberPoint = messageType{
		7: {name: "attributes", kind: jsonMessage, many: true, of: keyValue},
		2: {name: "startTimeUnixNano", kind: jsonWide}, 3: {name: "timeUnixNano", kind: jsonWide},
		4: {name: "asDouble", kind: jsonReal}, 6: {name: "asInt", kind: jsonSigned}, 8: {name: "flags", kind: jsonWord},
	}
	listOfPoints = fieldType{name: "dataPoints", kind: jsonMessage, many: true, of: numberPoint}
	metricOf     = messageType{
		1: {name: "name"}, 2: {name: "description"}, 3: {name: "unit"},
		5: {name: "gauge", kind: jsonMessage, of: messageType{1: listOfPoints}},
		7: {name: "sum", kind: jsonMessage, of: messageType{1: listOfPoints, 2: {name: "aggregationTemporality", kind: jsonWord}, 3: {name: "isMonotonic", kind: jsonBool}}},
	}
	scopeOf    = messageType{1: {name: "name"}, 2: {name: "version"}}
	resourceOf = messageType{1: {name: "attributes", kind: jsonMessage, many: true, of: keyValue}}
	requestOf  = messageType{1: {name: "resourceMetrics", kind: jsonMessage, many: true, of: messageType{
		1: {name: "resource", kind: jsonMessage, of: resourceOf},
		2: {name: "scopeMetrics", kind: jsonMessage, many: true, of: messageType{
			1: {name: "scope", kind: jsonMessage, of: scopeOf},
			2: {name: "metrics", kind: jsonMessage, many: true, of: metricOf},
			3: {name: "schemaUrl"},
		}},
		3: {name: "schemaUrl"},
	}}}
)

// jsonValue is a value as it is in a message.
type jsonValue struct {
	wire protowire.Type
	raw  []byte
}

// AppendJSON appends a request, or a record, in OTLP's JSON.
func AppendJSON(b, request []byte) ([]byte, error) {
	return appendJSON(b, request, requestOf)
}

var errNotARequest = errors.New("not a request of OTLP")

// appendJSON appends a message as an object. A field that comes several times is a list, or
// the last one counts.
func appendJSON(b, m []byte, of messageType) ([]byte, error) {
	var order []protowire.Number
	values := make(map[protowire.Number][]jsonValue)
	for len(m) > 0 {
		number, wire, n := protowire.ConsumeField(m)
		if n < 0 {
			return b, errNotARequest
		}
		_, _, tag := protowire.ConsumeTag(m)
		value := jsonValue{wire, m[tag:n]}
		if values[number] == nil {
			order = append(order, number)
		}
		values[number] = append(values[number], value)
		m = m[n:]
	}
	b = append(b, '{')
	for i, number := range order {
		f, known := of[number]
		if !known {
			return b, fmt.Errorf("%w: it has a field %d", errNotARequest, number)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), f.name...), `":`...)
		all := values[number]
		if !f.many {
			all = all[len(all)-1:]
		} else {
			b = append(b, '[')
		}
		for k, v := range all {
			if k > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = f.appendJSON(b, v); err != nil {
				return b, err
			}
		}
		if f.many {
			b = append(b, ']')
		}
	}
	return append(b, '}'), nil
}

// appendJSON appends a value of the field.
func (f *fieldType) appendJSON(b []byte, v jsonValue) ([]byte, error) {
	var u uint64
	n := 0
	switch v.wire {
	case protowire.BytesType:
		bytes, _ := protowire.ConsumeBytes(v.raw)
		switch f.kind {
		case jsonMessage:
			return appendJSON(b, bytes, f.of)
		case jsonText:
			quoted, err := json.Marshal(string(bytes))
			return append(b, quoted...), err
		}
		return b, errNotARequest
	case protowire.Fixed64Type:
		u, n = protowire.ConsumeFixed64(v.raw)
	case protowire.VarintType:
		u, n = protowire.ConsumeVarint(v.raw)
	}
	if n <= 0 {
		return b, errNotARequest
	}
	switch f.kind {
	case jsonWide:
		return append(strconv.AppendUint(append(b, '"'), u, 10), '"'), nil
	case jsonSigned:
		return append(strconv.AppendInt(append(b, '"'), int64(u), 10), '"'), nil
	case jsonBool:
		return strconv.AppendBool(b, u != 0), nil
	case jsonReal:
		return strconv.AppendFloat(b, math.Float64frombits(u), 'g', -1, 64), nil // finite, as all values are
	case jsonWord:
		return strconv.AppendUint(b, u, 10), nil
	}
	return b, errNotARequest
}
