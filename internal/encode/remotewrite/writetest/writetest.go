// Package writetest decodes requests of remote write as receivers do. Only tests import it.
package writetest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// The messages as Prometheus defines them in prompb/remote.proto, prompb/types.proto and
// prompb/io/prometheus/write/v2/types.proto, but for exemplars and histograms. The decoder is
// that of the protobuf library, which knows nothing of how the requests are made.
const definitions = `{
	"name": "prometheus.proto", "syntax": "proto3", "package": "p", "messageType": [
		{"name": "WriteRequest", "field": [
			{"name": "timeseries", "number": 1, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE", "typeName": ".p.TimeSeries"},
			{"name": "metadata", "number": 3, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE", "typeName": ".p.MetricMetadata"}
		]},
		{"name": "TimeSeries", "field": [
			{"name": "labels", "number": 1, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE", "typeName": ".p.Label"},
			{"name": "samples", "number": 2, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE", "typeName": ".p.Sample"}
		]},
		{"name": "Label", "field": [
			{"name": "name", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"},
			{"name": "value", "number": 2, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"}
		]},
		{"name": "Sample", "field": [
			{"name": "value", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_DOUBLE"},
			{"name": "timestamp", "number": 2, "label": "LABEL_OPTIONAL", "type": "TYPE_INT64"}
		]},
		{"name": "MetricMetadata", "field": [
			{"name": "type", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32"},
			{"name": "metric_family_name", "number": 2, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"},
			{"name": "help", "number": 4, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"},
			{"name": "unit", "number": 5, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"}
		]},
		{"name": "Request", "field": [
			{"name": "symbols", "number": 4, "label": "LABEL_REPEATED", "type": "TYPE_STRING"},
			{"name": "timeseries", "number": 5, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE", "typeName": ".p.TimeSeries2"}
		]},
		{"name": "TimeSeries2", "field": [
			{"name": "labels_refs", "number": 1, "label": "LABEL_REPEATED", "type": "TYPE_UINT32"},
			{"name": "samples", "number": 2, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE", "typeName": ".p.Sample2"},
			{"name": "metadata", "number": 5, "label": "LABEL_OPTIONAL", "type": "TYPE_MESSAGE", "typeName": ".p.Metadata"}
		]},
		{"name": "Sample2", "field": [
			{"name": "value", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_DOUBLE"},
			{"name": "timestamp", "number": 2, "label": "LABEL_OPTIONAL", "type": "TYPE_INT64"},
			{"name": "start_timestamp", "number": 3, "label": "LABEL_OPTIONAL", "type": "TYPE_INT64"}
		]},
		{"name": "Metadata", "field": [
			{"name": "type", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32"},
			{"name": "help_ref", "number": 3, "label": "LABEL_OPTIONAL", "type": "TYPE_UINT32"},
			{"name": "unit_ref", "number": 4, "label": "LABEL_OPTIONAL", "type": "TYPE_UINT32"}
		]}
	]}`

var messages = func() protoreflect.MessageDescriptors {
	var file descriptorpb.FileDescriptorProto
	if err := protojson.Unmarshal([]byte(definitions), &file); err != nil {
		panic(err)
	}
	made, err := protodesc.NewFile(&file, nil)
	if err != nil {
		panic(err)
	}
	return made.Messages()
}()

// message is a decoded message.
type message struct{ protoreflect.Message }

func (m message) field(name protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(name))
}

func (m message) text(name protoreflect.Name) string { return m.field(name).String() }

func (m message) each(name protoreflect.Name, f func(message)) {
	all := m.field(name).List()
	for i := range all.Len() {
		f(message{all.Get(i).Message()})
	}
}

// Sample is a decoded sample with what a request says of its series.
type Sample struct {
	Name   string
	Labels [][2]string // in their order, the name among them
	Value  float64
	// Stale reports whether the value is the marker of a series that has ended.
	Stale bool
	// Time and Start are in milliseconds.
	Time, Start int64
	// Type and Help are those of 2.0; 0 and empty for none.
	Type int64
	Help string
}

// ID returns what identifies the series.
func (s Sample) ID() string { return fmt.Sprintf("%s %q", s.Name, s.Labels) }

// String returns the sample as Prometheus' text has it.
func (s Sample) String() string {
	var labels []string
	for _, l := range s.Labels {
		if l[0] != nameLabel {
			labels = append(labels, fmt.Sprintf("%s=%q", l[0], l[1]))
		}
	}
	value := fmt.Sprint(s.Value)
	if s.Stale {
		value = "stale"
	}
	return fmt.Sprintf("%s{%s} %s %d", s.Name, strings.Join(labels, ","), value, s.Time)
}

// The types of series.
const (
	Counter = 1
	Gauge   = 2
)

// Request is a decoded request.
type Request struct {
	Samples []Sample
	// Types and Helps are those of 1.0, by the name of the family.
	Types map[string]int64
	Helps map[string]string
}

const nameLabel = "__name__"

// Decode decodes a request of 1.0, or of 2.0 if two is set. It fails unless the request is as
// a sender should write it.
func Decode(two bool, request []byte) (Request, error) {
	d := Request{Types: make(map[string]int64), Helps: make(map[string]string)}
	name := protoreflect.Name("WriteRequest")
	if two {
		name = "Request"
	}
	m := dynamicpb.NewMessage(messages.ByName(name))
	if err := proto.Unmarshal(request, m); err != nil {
		return d, err
	}
	var failed error
	fail := func(format string, args ...any) {
		if failed == nil {
			failed = fmt.Errorf(format, args...)
		}
	}
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		fail("unknown fields %x", unknown)
	}
	all := message{m}
	var symbols []string
	if two {
		list := all.field("symbols").List()
		for i := range list.Len() {
			symbols = append(symbols, list.Get(i).String())
		}
		if len(symbols) == 0 || symbols[0] != "" {
			fail("the first symbol is not empty")
		}
		if sorted := slices.Sorted(slices.Values(symbols)); len(slices.Compact(sorted)) != len(symbols) {
			fail("a symbol is there twice")
		}
	} else {
		all.each("metadata", func(m message) {
			d.Types[m.text("metric_family_name")] = m.field("type").Int()
			d.Helps[m.text("metric_family_name")] = m.text("help")
		})
	}
	symbol := func(ref uint64) string {
		if ref >= uint64(len(symbols)) {
			fail("no symbol %d", ref)
			return ""
		}
		return symbols[ref]
	}
	all.each("timeseries", func(m message) {
		var s Sample
		add := func(name, value string) {
			if value == "" || name == "" {
				fail("an empty label %q=%q", name, value)
			}
			if name == nameLabel {
				s.Name = value
			}
			s.Labels = append(s.Labels, [2]string{name, value})
		}
		if two {
			refs := m.field("labels_refs").List()
			if refs.Len()%2 != 0 {
				fail("%d references", refs.Len())
				return
			}
			for i := 0; i < refs.Len(); i += 2 {
				add(symbol(refs.Get(i).Uint()), symbol(refs.Get(i+1).Uint()))
			}
			meta := message{m.field("metadata").Message()}
			s.Type, s.Help = meta.field("type").Int(), symbol(meta.field("help_ref").Uint())
		} else {
			m.each("labels", func(l message) { add(l.text("name"), l.text("value")) })
		}
		if !slices.IsSortedFunc(s.Labels, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) }) {
			fail("labels are not sorted: %q", s.Labels)
		}
		if s.Name == "" {
			fail("a series without a name: %q", s.Labels)
		}
		if n := m.field("samples").List().Len(); n != 1 {
			fail("%d samples", n)
		}
		m.each("samples", func(p message) {
			s.Value, s.Time = p.field("value").Float(), p.field("timestamp").Int()
			s.Stale = math.Float64bits(s.Value) == 0x7ff0000000000002
			if two {
				s.Start = p.field("start_timestamp").Int()
			}
		})
		d.Samples = append(d.Samples, s)
	})
	return d, failed
}
