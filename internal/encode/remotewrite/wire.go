package remotewrite

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/samples"
)

// The tags of fields, as they are on the wire. Those of one field of several messages have
// one value.
const (
	// WriteRequest of 1.0.
	request1Series   = 1<<3 | 2
	request1Metadata = 3<<3 | 2
	seriesLabels     = 1<<3 | 2 // in 2.0 the references of labels
	seriesSamples    = 2<<3 | 2
	labelName        = 1<<3 | 2
	labelValue       = 2<<3 | 2
	metadataType     = 1 << 3 // in 2.0, too
	metadata1Family  = 2<<3 | 2
	metadata1Help    = 4<<3 | 2
	sampleValue      = 1<<3 | 1
	sampleTime       = 2 << 3
	// io.prometheus.write.v2.Request.
	request2Symbols = 4<<3 | 2
	request2Series  = 5<<3 | 2
	seriesMetadata  = 5<<3 | 2
	metadata2Help   = 3 << 3
	metadata2Unit   = 4 << 3
	sample2Start    = 3 << 3

	typeCounter = 1
	typeGauge   = 2
)

func typeOf(f *samples.Family) byte {
	if f.Counter {
		return typeCounter
	}
	return typeGauge
}

func appendText(b []byte, tag byte, text string) []byte {
	var room [256]byte
	t := encode.AppendText(room[:0], text)
	return append(protowire.AppendVarint(append(b, tag), uint64(len(t))), t...)
}

// appendValid is appendText for what is valid UTF-8, and stays as it is.
func appendValid(b []byte, tag byte, text string) []byte {
	return append(protowire.AppendVarint(append(b, tag), uint64(len(text))), text...)
}

// appendSample appends a sample, whose value is not set, as a field of a series.
func appendSample(b []byte, at, began int64) []byte {
	size := 9 + 1 + protowire.SizeVarint(uint64(at))
	if began != 0 {
		size += 1 + protowire.SizeVarint(uint64(began))
	}
	b = append(protowire.AppendVarint(append(b, seriesSamples), uint64(size)), sampleValue, 0, 0, 0, 0, 0, 0, 0, 0)
	b = protowire.AppendVarint(append(b, sampleTime), uint64(at))
	if began != 0 {
		b = protowire.AppendVarint(append(b, sample2Start), uint64(began))
	}
	return b
}

// valueAt is where the value is in what appendSample appends.
const valueAt = 3

// wire1 writes requests of version 1.0.
type wire1 struct {
	body   []byte
	sample []byte // by appendSample
	field  []byte // what is being made
	valid  bool   // texts are valid UTF-8
}

// Head implements [samples.Style]: the label with the name.
func (w *wire1) Head(f *samples.Family) []byte {
	return w.appendLabel(nil, samples.Label{Name: nameLabel, Value: f.Name})
}

// Label implements [samples.Style].
func (w *wire1) Label(l samples.Label) []byte { return w.appendLabel(nil, l) }

// Text implements [samples.Style].
func (w *wire1) Text(l samples.Label) []byte { return w.appendLabel(nil, l) }

func (w *wire1) appendLabel(b []byte, l samples.Label) []byte {
	if l.Value == "" {
		return b
	}
	put := appendText
	if w.valid {
		put = appendValid
	}
	w.field = put(put(w.field[:0], labelName, l.Name), labelValue, l.Value)
	return append(protowire.AppendVarint(append(b, seriesLabels), uint64(len(w.field))), w.field...)
}

func (w *wire1) begin(at, _ int64) {
	w.body, w.sample = w.body[:0], appendSample(w.sample[:0], at, 0)
}

func (w *wire1) add(f *samples.Family, tag *samples.Tag, before, between, after []byte, value uint64) {
	size := len(before) + len(f.Head) + len(between) + len(after) + len(w.sample)
	if tag != nil {
		size += len(tag.Text)
	}
	b := protowire.AppendVarint(append(w.body, request1Series), uint64(size))
	b = append(append(append(b, before...), f.Head...), between...)
	if tag != nil {
		b = append(b, tag.Text...)
	}
	b = append(b, after...)
	binary.LittleEndian.PutUint64(w.sample[valueAt:], value)
	w.body = append(b, w.sample...)
}

func (w *wire1) describe(f *samples.Family) {
	w.field = appendText(append(w.field[:0], metadataType, typeOf(f)), metadata1Family, f.Name)
	if f.Help != "" {
		w.field = appendText(w.field, metadata1Help, f.Help)
	}
	w.body = append(protowire.AppendVarint(append(w.body, request1Metadata), uint64(len(w.field))), w.field...)
}

func (w *wire1) size() int { return len(w.body) }

func (w *wire1) finish() []byte {
	b := w.body
	w.body = w.body[:0]
	return b
}

// wire2 writes requests of version 2.0. A label is two numbers of symbols, each of 4 bytes;
// a head is those of the name's label and of the text.
type wire2 struct {
	metadata bool
	// fixed has the symbols of what hardly ever changes, and own those of the batch.
	fixed, own symbols
	request    uint32 // counts requests
	next       uint32 // the next reference
	finished   bool   // the request is, so that the next sample begins another one

	table   []byte // the symbols of the request
	body    []byte // its series
	refs    []byte // of the labels of a series
	gauge   []byte // by appendSample
	counter []byte
}

// symbols are texts with their numbers.
type symbols struct {
	numbers map[string]uint32
	text    []byte // as fields of a request
	valid   bool   // texts are valid UTF-8
	all     []symbol
}

type symbol struct {
	from, to int
	request  uint32 // the last one that has it
	ref      uint32 // its reference there
}

// ofBatch marks the numbers of symbols of the batch.
const ofBatch = 1 << 31

func newWire2(metadata bool) *wire2 {
	return &wire2{
		metadata: metadata,
		fixed:    symbols{numbers: make(map[string]uint32)}, own: symbols{numbers: make(map[string]uint32)},
	}
}

// number returns the number of a text.
func (s *symbols) number(text string) uint32 {
	n, ok := s.numbers[text]
	if !ok {
		n = uint32(len(s.all))
		s.numbers[text] = n
		from := len(s.text)
		if s.valid {
			s.text = appendValid(s.text, request2Symbols, text)
		} else {
			s.text = appendText(s.text, request2Symbols, text)
		}
		s.all = append(s.all, symbol{from: from, to: len(s.text)})
	}
	return n
}

func (s *symbols) reset() {
	clear(s.numbers)
	s.text, s.all = s.text[:0], s.all[:0]
}

func appendNumber(b []byte, n uint32) []byte { return binary.LittleEndian.AppendUint32(b, n) }

// Head implements [samples.Style].
func (w *wire2) Head(f *samples.Family) []byte {
	return appendNumber(w.Label(samples.Label{Name: nameLabel, Value: f.Name}), w.fixed.number(f.Help))
}

// Label implements [samples.Style].
func (w *wire2) Label(l samples.Label) []byte {
	return appendNumber(appendNumber(nil, w.fixed.number(l.Name)), w.fixed.number(l.Value))
}

// Text implements [samples.Style].
func (w *wire2) Text(l samples.Label) []byte { return w.appendLabel(nil, l) }

func (w *wire2) appendLabel(b []byte, l samples.Label) []byte {
	if l.Value == "" {
		return b
	}
	return appendNumber(appendNumber(b, w.number(l.Name)), w.number(l.Value))
}

// number returns the number of a text of the batch.
func (w *wire2) number(text string) uint32 {
	if n, ok := w.fixed.numbers[text]; ok {
		return n
	}
	return w.own.number(text) | ofBatch
}

func (w *wire2) begin(at, began int64) {
	w.own.reset()
	w.gauge, w.counter = appendSample(w.gauge[:0], at, 0), appendSample(w.counter[:0], at, began)
	w.finished = true
}

func (w *wire2) beginRequest() {
	if w.request++; w.request == 0 {
		// The count has begun again, and old ones must not be met.
		for i := range w.fixed.all {
			w.fixed.all[i].request = 0
		}
		for i := range w.own.all {
			w.own.all[i].request = 0
		}
		w.request++
	}
	w.table, w.body = append(w.table[:0], request2Symbols, 0), w.body[:0] // the first symbol is empty
	w.next, w.finished = 1, false
}

// ref returns the reference of a symbol.
func (w *wire2) ref(number uint32) uint32 {
	of := &w.fixed
	if number&ofBatch != 0 {
		of = &w.own
	}
	s := &of.all[number&^ofBatch]
	if s.request != w.request {
		if s.to-s.from == 2 { // it is empty
			return 0
		}
		s.request, s.ref = w.request, w.next
		w.next++
		w.table = append(w.table, of.text[s.from:s.to]...)
	}
	return s.ref
}

// addRefs adds the references of labels.
func (w *wire2) addRefs(labels []byte) {
	for ; len(labels) >= 4; labels = labels[4:] {
		r := w.ref(binary.LittleEndian.Uint32(labels))
		for ; r >= 0x80; r >>= 7 {
			w.refs = append(w.refs, byte(r)|0x80)
		}
		w.refs = append(w.refs, byte(r))
	}
}

func (w *wire2) add(f *samples.Family, tag *samples.Tag, before, between, after []byte, value uint64) {
	if w.finished {
		w.beginRequest()
	}
	w.refs = w.refs[:0]
	w.addRefs(before)
	w.addRefs(f.Head[:8])
	w.addRefs(between)
	if tag != nil {
		w.addRefs(tag.Text)
	}
	w.addRefs(after)
	w.endSeries(f, value)
}

// addSeries adds a sample with all its labels.
func (w *wire2) addSeries(f *samples.Family, labels []byte, value uint64) {
	if w.finished {
		w.beginRequest()
	}
	w.refs = w.refs[:0]
	w.addRefs(labels)
	w.endSeries(f, value)
}

// endSeries adds the sample whose references are there.
func (w *wire2) endSeries(f *samples.Family, value uint64) {
	sample := w.gauge
	if f.Counter && value != staleMarker {
		sample = w.counter
	}
	size := 1 + protowire.SizeBytes(len(w.refs)) + len(sample)
	meta, help := 0, uint32(0)
	if w.metadata {
		if help = w.ref(binary.LittleEndian.Uint32(f.Head[8:])); help != 0 {
			meta = 1 + protowire.SizeVarint(uint64(help))
		}
		meta += 2
		size += 2 + meta
	}
	b := protowire.AppendVarint(append(w.body, request2Series), uint64(size))
	b = protowire.AppendVarint(append(b, seriesLabels), uint64(len(w.refs)))
	b = append(b, w.refs...)
	binary.LittleEndian.PutUint64(sample[valueAt:], value)
	b = append(b, sample...)
	if w.metadata {
		b = append(b, seriesMetadata, byte(meta), metadataType, typeOf(f))
		if help != 0 {
			b = protowire.AppendVarint(append(b, metadata2Help), uint64(help))
		}
	}
	w.body = b
}

// describe has nothing to do: series have it.
func (w *wire2) describe(*samples.Family) {}

func (w *wire2) size() int { return len(w.table) + len(w.body) }

func (w *wire2) finish() []byte {
	w.table, w.finished = append(w.table, w.body...), true
	return w.table
}
