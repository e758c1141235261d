package remotewrite

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

// sample is a decoded sample.
type sample struct {
	name   string
	labels [][2]string // sorted
	value  float64
	stale  bool
	at     int64
	start  int64
	kind   int64 // by metadata; 0 for none
	help   string
}

// id returns what identifies the series.
func (s sample) id() string { return fmt.Sprintf("%s %q", s.name, s.labels) }

// decoded is a decoded request.
type decoded struct {
	samples []sample
	kinds   map[string]int64 // of 1.0, by family
	helps   map[string]string
}

type fataler interface{ Fatalf(string, ...any) }

// decode decodes a request that is as a sender should write it.
func decode(t fataler, v Version, request []byte) decoded {
	d, err := tryDecode(v, request)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return d
}

func tryDecode(v Version, request []byte) (decoded, error) {
	d := decoded{kinds: make(map[string]int64), helps: make(map[string]string)}
	name := protoreflect.Name("WriteRequest")
	if v == V2 {
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
	if v == V2 {
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
			d.kinds[m.text("metric_family_name")] = m.field("type").Int()
			d.helps[m.text("metric_family_name")] = m.text("help")
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
		var s sample
		add := func(name, value string) {
			if value == "" || name == "" {
				fail("an empty label %q=%q", name, value)
			}
			if name == nameLabel {
				s.name = value
			}
			s.labels = append(s.labels, [2]string{name, value})
		}
		if v == V2 {
			refs := m.field("labels_refs").List()
			if refs.Len()%2 != 0 {
				fail("%d references", refs.Len())
				return
			}
			for i := 0; i < refs.Len(); i += 2 {
				add(symbol(refs.Get(i).Uint()), symbol(refs.Get(i+1).Uint()))
			}
			meta := message{m.field("metadata").Message()}
			s.kind, s.help = meta.field("type").Int(), symbol(meta.field("help_ref").Uint())
		} else {
			m.each("labels", func(l message) { add(l.text("name"), l.text("value")) })
		}
		if !slices.IsSortedFunc(s.labels, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) }) {
			fail("labels are not sorted: %q", s.labels)
		}
		if s.name == "" {
			fail("a series without a name: %q", s.labels)
		}
		if n := m.field("samples").List().Len(); n != 1 {
			fail("%d samples", n)
		}
		m.each("samples", func(p message) {
			s.value, s.at = p.field("value").Float(), p.field("timestamp").Int()
			s.stale = math.Float64bits(s.value) == 0x7ff0000000000002
			if v == V2 {
				s.start = p.field("start_timestamp").Int()
			}
		})
		d.samples = append(d.samples, s)
	})
	return d, failed
}
