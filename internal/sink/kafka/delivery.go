package kafka

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/sink/stream"
)

// delivery is one batch on its way.
type delivery struct {
	*transport
	to *kafka.Delivery

	topic  string // that was learned last
	failed []*item
}

// item is a record of a delivery.
type item struct {
	*kgo.Record
	metrics int64
	format  Format
	err     error // of the last try
	tries   int   // that a new client or another time were to help
	retimed bool  // it has the present time
}

// run produces the records that write writes, and what has failed again as long as that
// may help.
func (d *delivery) run(write func(io.Writer) error) error {
	in := newDecoder(d.first)
	if err := write(in); err != nil && in.Err() == nil {
		return err
	}
	switch err := in.Close(); {
	case errors.Is(err, stream.ErrForeign), errors.Is(err, stream.ErrTruncated):
		return &outbox.ItemError{Err: err}
	case err != nil:
		return err
	}
	for {
		if err := d.to.Wait(); err != nil {
			return &kafka.ProduceError{Topic: d.topic, Err: err}
		}
		failed := d.take()
		if len(failed) == 0 {
			return nil
		}
		if err := d.again(failed); err != nil {
			return err
		}
	}
}

// first produces a record for the first time.
func (d *delivery) first(r *record) error {
	if err := d.to.Context().Err(); err != nil {
		return &kafka.ProduceError{Topic: r.topic, Err: err}
	}
	if r.topic != d.topic {
		if err := d.learn(d.to.Context(), d.to.Client(), r.topic); err != nil {
			return err
		}
		if err := d.to.Identify(r.topic); err != nil {
			return err
		}
		d.topic = r.topic
	}
	i := &item{metrics: r.metrics, format: r.format, Record: &kgo.Record{
		Topic: r.topic, Value: bytes.Clone(r.value), Headers: headers(r), Context: d.to.Context(),
	}}
	if r.key != nil {
		i.Key = bytes.Clone(r.key)
	}
	if d.opt.Timely {
		i.Timestamp = time.Unix(r.epoch, 0)
	}
	d.produce(i)
	return nil
}

// headers returns the headers of a record.
func headers(r *record) []kgo.RecordHeader {
	f := formats[r.format]
	h := []kgo.RecordHeader{
		{Key: "content-type", Value: []byte(f.contentType)},
		{Key: "format", Value: []byte(f.name)},
		{Key: "version", Value: []byte("1")},
	}
	if r.host != "" {
		h = append(h, kgo.RecordHeader{Key: "host", Value: []byte(r.host)})
	}
	if r.cluster != "" {
		h = append(h, kgo.RecordHeader{Key: "cluster", Value: []byte(r.cluster)})
	}
	return h
}

// produce hands a record to the client. It blocks while the client's memory is in use.
func (d *delivery) produce(i *item) {
	d.to.Produce(i.Record, func(err error) {
		if err != nil {
			i.err = err
			d.failed = append(d.failed, i)
		}
	})
}

func (d *delivery) take() (failed []*item) {
	d.to.Locked(func() { failed, d.failed = d.failed, nil })
	return failed
}

// again does what may help the records that have failed. Its error is that of a record
// that nothing helps now.
func (d *delivery) again(failed []*item) error {
	var retry, large []*item
	renew := false
	for _, i := range failed {
		switch class := kafka.ClassOf(i.err); class {
		case kafka.Size:
			large = append(large, i)
		case kafka.Clock:
			if i.retimed {
				return i.fault()
			}
			d.notices.clock(i)
			i.retimed, i.Timestamp = true, time.Time{}
			retry = append(retry, i)
		case kafka.TopicID, kafka.Broken:
			if i.tries++; i.tries > 1 {
				return i.fault()
			}
			renew = true
			retry = append(retry, i)
		case kafka.Content:
			d.drop(i)
		default:
			if i.tries++; i.tries > 1 || !errors.Is(i.err, kgo.ErrClientClosed) || d.to.Context().Err() != nil {
				return i.fault()
			}
			renew = true // another delivery has given the client up
			retry = append(retry, i)
		}
	}
	if renew {
		if err := d.to.Renew(); err != nil {
			return err
		}
	}
	if err := d.sendAlone(large); err != nil {
		return err
	}
	for _, i := range retry {
		if err := d.learn(d.to.Context(), d.to.Client(), i.Topic); err != nil {
			return err
		}
		d.produce(i)
	}
	return nil
}

func (i *item) fault() error { return &kafka.ProduceError{Topic: i.Topic, Err: i.err} }

// sendAlone sends records one at a time, by a client of their own: a batch is too large
// though none of its records may be. A record that is too large alone is cut, and one
// that can't be cut is left out. From now on the batches of the topic are smaller.
func (d *delivery) sendAlone(large []*item) error {
	if len(large) == 0 {
		return nil
	}
	lowered := make(map[string]bool)
	for _, i := range large {
		if !lowered[i.Topic] {
			lowered[i.Topic] = true
			d.lower(i.Topic)
			d.notices.smaller(i, int(d.batchBytes(i.Topic)))
		}
	}
	d.to.Retire() // the bounds are those of a new client
	select {
	case <-d.alone:
		defer func() { d.alone <- struct{}{} }()
	case <-d.to.Context().Done():
		return &kafka.ProduceError{Topic: large[0].Topic, Err: d.to.Context().Err()}
	}
	c, err := d.opt.Connection.Client(d.opt.producer(func(string) int32 { return 2 * maxFrame })...)
	if err != nil {
		return err
	}
	defer c.Close()
	var others []*item // that have failed for another reason
	for len(large) > 0 {
		i := large[len(large)-1]
		large = large[:len(large)-1]
		switch i.err = c.ProduceSync(d.to.Context(), i.Record).FirstErr(); {
		case i.err == nil:
		case kafka.ClassOf(i.err) != kafka.Size:
			others = append(others, i)
		default:
			a, b, ok := i.halves()
			if !ok {
				d.drop(i)
				continue
			}
			large = append(large, b, a)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return d.again(others)
}

// halves cuts a record of lines in two, and reports whether that is possible.
func (i *item) halves() (a, b *item, ok bool) {
	if i.format != Graphite {
		return nil, nil, false
	}
	middle := bytes.LastIndexByte(i.Value[:len(i.Value)/2], '\n') + 1
	if middle == 0 {
		middle = bytes.IndexByte(i.Value, '\n') + 1
	}
	if middle == 0 || middle == len(i.Value) {
		return nil, nil, false
	}
	return i.part(i.Value[:middle]), i.part(i.Value[middle:]), true
}

// part returns a record with a part of the value.
func (i *item) part(value []byte) *item {
	return &item{format: i.format, metrics: int64(bytes.Count(value, newline)), retimed: i.retimed, Record: &kgo.Record{
		Topic: i.Topic, Key: i.Key, Value: value, Headers: i.Headers, Timestamp: i.Timestamp, Context: i.Context,
	}}
}

// drop leaves out a record that its topic will never take.
func (d *delivery) drop(i *item) {
	d.dropped.Add(i.metrics)
	err := i.err
	if errors.Is(err, kerr.MessageTooLarge) {
		err = kerr.MessageTooLarge // without what the library adds
	}
	d.notices.dropped(i, d.opt.Connection.Explain("produce to topic "+i.Topic, err))
}
