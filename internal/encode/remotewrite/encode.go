// Package remotewrite encodes batches as requests of Prometheus' remote write, under the
// names and types of the exporter that is built into HAProxy.
//
// The series are those of package [haproxystats/internal/encode/samples], with their labels
// and the operator's. Version 1.0 is WriteRequest, and version 2.0
// io.prometheus.write.v2.Request. The time of all samples is that of the batch. Labels are
// sorted, and those without a value are absent, which means the same to readers.
//
// A series that the batch before had and this one has not gets a marker: a NaN of its own, by
// which readers see that the series has ended. Without it they would show the last value for
// five minutes.
package remotewrite

import (
	"math"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
)

// Version is the version of the protocol.
type Version int

// The versions.
const (
	V1 Version = iota // 1.0
	V2                // 2.0
)

// Options say how requests are made.
type Options struct {
	samples.Options
	Version Version
	// Labels are constant ones, which all samples have.
	Labels []samples.Label
	// Clusters tells batches apart by their cluster and node, by labels; else all of them
	// are about one node.
	Clusters bool
	// Selection is what requests have.
	Selection samples.Selection
	// MaxSamples bounds the samples of a request; 0 for no bound.
	MaxSamples int
	// Stale has a marker for each series that has ended.
	Stale bool
	// Metadata has the types and texts of the families: in 1.0 once a minute of the batches'
	// time, in 2.0 with each series.
	Metadata bool
	// Told is told what each batch had; nil for nobody.
	Told func(samples.Result)
}

// maxBytes is the size at which a request is emitted, however few samples it has. Receivers
// bound what they take.
const maxBytes = 4 << 20

// Encoder encodes batches. Equal batches in the same order give equal bytes, and so does a
// batch that comes again. It is not safe for concurrent use.
type Encoder struct {
	opt  Options
	walk *samples.Walk
	wire wire
	past map[about]*past
	last *past // of the last batch

	rows   []*rows // by the walk's numbers
	labels []label // of a row, as they are sorted
	entity []samples.Label

	stale rows         // of the rows of markers
	seen  []*tableSeen // by the walk's numbers; nil if nothing is remembered
	texts *[]textSeen
	maps  [][]int32

	metadata bool // is due
	count    int  // samples in the request
	emit     func(encode.Message) error
}

// wire writes requests of a version. What it makes of labels is bytes of its own.
type wire interface {
	samples.Style
	// begin begins a batch with that time and that beginning of its counters, 0 if it is
	// not known, in milliseconds.
	begin(at, began int64)
	// appendLabel appends a label of a row.
	appendLabel(b []byte, l samples.Label) []byte
	// add adds a sample with the labels before, between and after its name and tag.
	add(f *samples.Family, tag *samples.Tag, before, between, after []byte, value uint64)
	// describe adds the type and the text of a family.
	describe(f *samples.Family)
	// size returns the size of the request so far.
	size() int
	// finish returns the request, which is valid until the next add, and begins another one.
	finish() []byte
}

// New returns an encoder.
func New(opt Options) *Encoder {
	e := &Encoder{opt: opt, past: make(map[about]*past)}
	if opt.Version == V2 {
		e.wire = newWire2(opt.Metadata)
	} else {
		e.wire = new(wire1)
	}
	e.walk = samples.New(opt.Options, e.wire)
	return e
}

// Encode calls emit with each request of the batch, until emit returns an error.
func (e *Encoder) Encode(b *metric.Batch, emit func(encode.Message) error) error {
	e.emit, e.count = emit, 0
	defer func() { e.emit = nil }()
	began := int64(0)
	if b.Began > 0 && b.Began <= b.Epoch {
		began = milliseconds(b.Began)
	}
	e.wire.begin(milliseconds(b.Epoch), began)
	part := samples.Part{Batch: b, Labels: e.labelsOf(b)}
	e.walk.Take([]samples.Part{part}, &e.opt.Selection)
	p := e.remember(b)
	e.last = p
	e.setRows(p)
	due := e.opt.Metadata && e.opt.Version == V1 && p.isDue(b.Epoch)
	e.metadata = due
	result, err := e.walk.Each(e.sample)
	if err != nil {
		return err
	}
	if err := e.end(p); err != nil {
		return err
	}
	if err := e.flush(); err != nil {
		return err
	}
	p.done = true
	if p.revert = p.description; due && !e.metadata {
		p.description = description{b.Epoch, true}
	}
	if e.opt.Told != nil {
		e.opt.Told(result)
	}
	return nil
}

// Revert forgets the last batch, whose requests no receiver gets: the markers of the series
// that it would have ended, and the texts of the families, come with the next batch.
func (e *Encoder) Revert() {
	if p := e.last; p != nil && p.done {
		p.done, p.description = false, p.revert
	}
}

// milliseconds returns a time in seconds in milliseconds.
func milliseconds(epoch int64) int64 { return series.Times(epoch, 1000) }

// labelsOf returns the labels that tell a batch from others.
func (e *Encoder) labelsOf(b *metric.Batch) (labels []samples.Label) {
	if !e.opt.Clusters || b.Cluster == "" {
		return nil // what a program says of itself
	}
	labels = append(labels, samples.Label{Name: "cluster", Value: b.Cluster})
	if b.Node != "" {
		labels = append(labels, samples.Label{Name: "node", Value: b.Node})
	}
	return labels
}

// sample adds a sample.
func (e *Encoder) sample(s *samples.Sample) error {
	switch t := e.seen[s.Rows.ID]; {
	case t != nil:
		t.bits[s.Slot*t.words+s.At/64] |= 1 << (s.At % 64)
	case s.Slot < 0 && e.texts != nil:
		*e.texts = append(*e.texts, textSeen{s.Family, s.Tag.Label})
	}
	return e.add(e.rows[s.Rows.ID], s.At, s.Family, s.Tag, math.Float64bits(s.Number()))
}

// add adds a sample of a row.
func (e *Encoder) add(r *rows, at int, f *samples.Family, tag *samples.Tag, value uint64) error {
	between := r.name
	if tag != nil {
		between = r.placeOf(tag.Name)
	}
	ends := r.ends[at*r.width : (at+1)*r.width+1]
	from, name, extra, to := ends[0], ends[r.name], ends[between], ends[r.width]
	e.wire.add(f, tag, r.text[from:name], r.text[name:extra], r.text[extra:to], value)
	if e.count++; e.count == e.opt.MaxSamples || e.wire.size() >= maxBytes {
		return e.flush()
	}
	return nil
}

// flush emits the request, if it has samples.
func (e *Encoder) flush() error {
	if e.count == 0 {
		return nil
	}
	if e.metadata {
		e.walk.Families(e.wire.describe)
		e.metadata = false
	}
	count := e.count
	e.count = 0
	return e.emit(encode.Message{Metrics: count, Value: e.wire.finish()})
}
