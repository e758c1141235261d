package kafka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/durable"
	"haproxystats/internal/kafka"
)

// Cause is why a record was put aside.
type Cause int

// The causes.
const (
	Damaged Cause = iota // not what a producer of ours writes, or unusable three times
	Newer                // written by a later version
	Foreign              // not ours
)

const (
	// maxAside is the number of records that the directory keeps, and maxAsideBytes the
	// size of their files: the newest.
	maxAside      = 100
	maxAsideBytes = 64 << 20
	// extAside is the extension of a record in the directory.
	extAside = ".record"
	// maxForeign is the number of foreign records that are kept within a minute, and
	// maxOurs that of damaged and of newer ones. Of each, keptBytes are kept in a minute.
	// Others are only counted.
	maxForeign = 100
	maxOurs    = 300
	keptBytes  = 64 << 20
	// maxPending bounds the records on their way to the topic.
	maxPending = 256
	// asideTimeout bounds the way to the topic; then the directory takes the record.
	asideTimeout = 10 * time.Second
)

// Counts counts what was put aside, and snapshots that did not arrive whole.
type Counts struct {
	Damaged, Newer, Foreign int64
	// Incomplete counts snapshots of which records are missing.
	Incomplete int64
	// Duplicates counts snapshots that were sent again and came again whole.
	Duplicates int64
}

func (c Counts) plus(o Counts) Counts {
	return Counts{c.Damaged + o.Damaged, c.Newer + o.Newer, c.Foreign + o.Foreign, c.Incomplete + o.Incomplete, c.Duplicates + o.Duplicates}
}

// DeadLetterOptions describe [DeadLetters].
type DeadLetterOptions struct {
	// Dir is the directory of the records, and of those that Topic does not take. It is
	// made if it is missing.
	Dir string
	// Topic is the topic for the records; empty for the directory.
	Topic string
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// DeadLetters keeps records that can't be used, so that an operator can look at them, and
// the partition goes on. It is safe for concurrent use.
type DeadLetters struct {
	o   DeadLetterOptions
	log *slog.Logger
	dir *durable.Dir

	mu      sync.Mutex
	kept    []kept // the files in the directory, the oldest first
	bytes   int64  // of these
	number  uint64
	pending int
	paces   map[Cause]*pace
	told    map[Cause]*bursts
	failing bool
}

// kept is a file in the directory.
type kept struct {
	name string
	size int64
}

// pace bounds what happens in a minute.
type pace struct {
	records, bytes int64 // at most; no bytes for any number
	minute         time.Time
	n, size        int64 // since then
}

// room reports whether n more of a size in sum may happen, and counts them if so. What is
// first in a minute may always happen.
func (p *pace) room(now time.Time, n, size int64) bool {
	if now.Sub(p.minute) >= time.Minute {
		p.minute, p.n, p.size = now, 0, 0
	}
	if p.n > 0 && (p.n+n > p.records || p.bytes > 0 && p.size+size > p.bytes) {
		return false
	}
	p.n, p.size = p.n+n, p.size+size
	return true
}

// OpenDeadLetters opens the directory.
func OpenDeadLetters(o DeadLetterOptions) (*DeadLetters, error) {
	dir, err := durable.OpenMade(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &DeadLetters{o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), dir: dir, told: map[Cause]*bursts{Damaged: {}, Newer: {}, Foreign: {}}}
	d.paces = map[Cause]*pace{
		Damaged: {records: maxOurs, bytes: keptBytes}, Newer: {records: maxOurs, bytes: keptBytes}, Foreign: {records: maxForeign, bytes: keptBytes},
	}
	err = dir.List(func(e fs.DirEntry) {
		if strings.HasSuffix(e.Name(), extAside) && e.Type().IsRegular() {
			size := int64(0)
			if info, err := e.Info(); err == nil {
				size = info.Size()
			}
			d.kept = append(d.kept, kept{e.Name(), size})
			d.bytes += size
		}
	})
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	slices.SortFunc(d.kept, func(a, b kept) int { return cmp.Compare(a.name, b.name) })
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shrink()
	return d, nil
}

// Close closes the directory.
func (d *DeadLetters) Close() error { return d.dir.Close() }

// letter is a record that is put aside.
type letter struct {
	topic     string
	partition int32
	offset    int64
	time      time.Time
	key       []byte
	headers   []kgo.RecordHeader
	value     []byte
}

// size returns the size of all that is kept of the record.
func (l letter) size() int64 {
	n := len(l.key) + len(l.value)
	for _, h := range l.headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// letterOf returns a record as it came.
func letterOf(r *kgo.Record) letter {
	return letter{r.Topic, r.Partition, r.Offset, r.Timestamp, r.Key, r.Headers, r.Value}
}

// putAttempt puts the records of an attempt aside, and calls done when all are kept.
func (d *DeadLetters) putAttempt(ctx context.Context, to *kgo.Client, p *partition, a *attempt, cause Cause, why error, done func()) {
	d.tell(letter{topic: p.group.o.Topic, partition: p.number, offset: a.first}, a.Cluster+"/"+a.Node, cause, why, "cluster", a.Cluster, "node", a.Node, "snapshot", a.Epoch)
	i := 0
	left := len(a.chunks.list)
	if left == 0 || !d.room(cause, int64(left), a.chunks.size()) {
		done()
		return
	}
	var mu sync.Mutex
	one := func() {
		mu.Lock()
		left--
		last := left == 0
		mu.Unlock()
		if last {
			done()
		}
	}
	err := a.chunks.each(func(value []byte) error {
		l := letter{p.group.o.Topic, p.number, a.offsets[min(i, len(a.offsets)-1)], a.last, a.Key(), kafka.Headers(a.Envelope.Headers()), value}
		i++
		d.keep(ctx, to, l, why, one)
		return nil
	})
	if err != nil {
		d.fail(err)
		for range len(a.chunks.list) - i {
			one()
		}
	}
}

// put puts a record aside, and calls done when it is kept. It does not wait for the topic.
func (d *DeadLetters) put(ctx context.Context, to *kgo.Client, l letter, cause Cause, why error, done func()) {
	d.tell(l, "", cause, why)
	if !d.room(cause, 1, l.size()) {
		done()
		return
	}
	d.keep(ctx, to, l, why, done)
}

// room reports whether records of a size are kept now.
func (d *DeadLetters) room(cause Cause, records, bytes int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.paces[cause].room(time.Now(), records, bytes)
}

// tell logs the first record of a burst. of names its node, and is empty if it has none.
func (d *DeadLetters) tell(l letter, of string, cause Cause, why error, more ...any) {
	d.mu.Lock()
	first := d.told[cause].first(time.Now(), of)
	d.mu.Unlock()
	if !first {
		return
	}
	attributes := append([]any{"topic", l.topic, "partition", l.partition, "offset", l.offset, "error", why}, more...)
	switch cause {
	case Newer:
		d.log.Error("record of a newer version is put aside", attributes...)
	case Foreign:
		d.log.Warn("record of somebody else is put aside", attributes...)
	default:
		d.log.Error("record can't be used and is put aside", attributes...)
	}
}

// keep writes a record to the topic, or else to the directory.
func (d *DeadLetters) keep(ctx context.Context, to *kgo.Client, l letter, why error, done func()) {
	if d.o.Topic == "" || to == nil || !d.begin() {
		d.store(l, why)
		done()
		return
	}
	// The record is kept whatever becomes of its partition.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), asideTimeout)
	l.value = bytes.Clone(l.value)
	to.Produce(limited, &kgo.Record{
		Topic: d.o.Topic, Key: l.key, Value: l.value,
		Headers: append(slices.Clone(l.headers),
			kgo.RecordHeader{Key: "dead-letter-topic", Value: []byte(l.topic)},
			kgo.RecordHeader{Key: "dead-letter-partition", Value: strconv.AppendInt(nil, int64(l.partition), 10)},
			kgo.RecordHeader{Key: "dead-letter-offset", Value: strconv.AppendInt(nil, l.offset, 10)},
			kgo.RecordHeader{Key: "dead-letter-reason", Value: []byte(why.Error())}),
	}, func(_ *kgo.Record, err error) {
		cancel()
		d.end()
		if err != nil {
			d.store(l, fmt.Errorf("%w; topic %s did not take it: %w", why, d.o.Topic, err))
		}
		done()
	})
}

func (d *DeadLetters) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending >= maxPending {
		return false
	}
	d.pending++
	return true
}

func (d *DeadLetters) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending--
}

// store writes a record to a file of its own: a line for each of its parts, an empty line
// and the value.
func (d *DeadLetters) store(l letter, why error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "topic %s\npartition %d\noffset %d\ntime %s\nreason %q\nkey %q\n",
		l.topic, l.partition, l.offset, l.time.UTC().Format(time.RFC3339Nano), why.Error(), l.key)
	for _, h := range l.headers {
		fmt.Fprintf(&b, "header %q %q\n", h.Key, h.Value)
	}
	b.WriteByte('\n')
	b.Write(l.value)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number++
	name := fmt.Sprintf("%020d-%06d%s", time.Now().UnixNano(), d.number%1_000_000, extAside)
	if err := d.write(name, b.Bytes()); err != nil {
		d.failLocked(err)
		return
	}
	d.failing = false
	d.kept = append(d.kept, kept{name, int64(b.Len())})
	d.bytes += int64(b.Len())
	d.shrink()
}

// shrink removes the oldest files until the others are few enough. mu is held. The newest
// one stays whatever its size.
func (d *DeadLetters) shrink() {
	for len(d.kept) > 1 && (len(d.kept) > maxAside || d.bytes > maxAsideBytes) {
		if err := d.dir.Remove(d.kept[0].name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.failLocked(err)
		}
		d.bytes -= d.kept[0].size
		d.kept = d.kept[1:]
	}
}

func (d *DeadLetters) write(name string, data []byte) error {
	f, err := d.dir.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, d.dir.Remove(name))
	}
	return nil
}

func (d *DeadLetters) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failLocked(err)
}

// failLocked logs the first of several failures.
func (d *DeadLetters) failLocked(err error) {
	if !d.failing {
		d.log.Error("records that are put aside can't be stored", "error", err)
	}
	d.failing = true
}
