package otlp

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"haproxystats/internal/encode"
)

// The tags of the messages' fields: their number and wire type. They are below 128, so
// each is one byte.
const (
	lengthDelimited = byte(protowire.BytesType)
	fixed64         = byte(protowire.Fixed64Type)

	requestResourceMetrics      = 1<<3 | lengthDelimited
	resourceMetricsResource     = 1<<3 | lengthDelimited
	resourceMetricsScopeMetrics = 2<<3 | lengthDelimited
	resourceAttributes          = 1<<3 | lengthDelimited
	scopeMetricsScope           = 1<<3 | lengthDelimited
	scopeMetricsMetrics         = 2<<3 | lengthDelimited
	scopeName                   = 1<<3 | lengthDelimited
	scopeVersion                = 2<<3 | lengthDelimited
	metricName                  = 1<<3 | lengthDelimited
	metricUnit                  = 3<<3 | lengthDelimited
	metricGauge                 = 5<<3 | lengthDelimited
	metricSum                   = 7<<3 | lengthDelimited
	dataPoints                  = 1<<3 | lengthDelimited
	pointStart                  = 2<<3 | fixed64
	pointTime                   = 3<<3 | fixed64
	pointDouble                 = 4<<3 | fixed64
	pointInt                    = 6<<3 | fixed64
	pointAttributes             = 7<<3 | lengthDelimited
	keyValueKey                 = 1<<3 | lengthDelimited
	keyValueValue               = 2<<3 | lengthDelimited
	anyValueString              = 1<<3 | lengthDelimited
)

// cumulative is the end of a Sum: aggregation_temporality is cumulative, and is_monotonic
// is true.
const cumulative = "\x10\x02\x18\x01"

func appendMessage(b []byte, tag byte, message []byte) []byte {
	return protowire.AppendBytes(append(b, tag), message)
}

// appendText appends a field with a text, as valid UTF-8.
func appendText(b []byte, tag byte, text string) []byte {
	b = append(b, tag)
	for i := range len(text) {
		if text[i] >= 0x80 {
			return protowire.AppendBytes(b, encode.AppendText(nil, text))
		}
	}
	return protowire.AppendString(b, text)
}

func appendFixed(b []byte, tag byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, tag), v)
}

// appendAttribute appends a KeyValue with a text as a field.
func appendAttribute(b []byte, tag byte, key, value string) []byte {
	var text [128]byte
	v := appendText(text[:0], anyValueString, value)
	size := 1 + protowire.SizeBytes(len(key)) + 1 + protowire.SizeBytes(len(v))
	b = protowire.AppendVarint(append(b, tag), uint64(size))
	b = protowire.AppendString(append(b, keyValueKey), key)
	return appendMessage(b, keyValueValue, v)
}
