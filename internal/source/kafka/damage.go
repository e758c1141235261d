package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"haproxystats/internal/kafka"
)

const (
	// fetchTries is the number of times in a row that a batch which can't be read is
	// fetched before it is examined, and skipped: it may have been damaged on its way.
	fetchTries = 5
	// examineTimeout bounds the look.
	examineTimeout = 10 * time.Second
)

// damage is what is known of a partition whose next batch can't be read.
type damage struct {
	at        int64 // the offset from which on nothing can be read; -1 if it is not known
	tries     int
	examining bool
	found     *gap // what is to be skipped
}

// gap is a part of a partition that can't be read.
type gap struct {
	from, next int64
	why        error
}

// isUnreadable reports whether a fetch failed because of what the broker has sent: the
// checksum of a batch differs, or its parts do not fit together. The library has no type
// for these errors, and fetches the batch again for ever. An examination decides.
func isUnreadable(err error) bool {
	var answer *kerr.Error
	var loss *kgo.ErrDataLoss
	return err != nil && !errors.As(err, &answer) && !errors.As(err, &loss) && !errors.Is(err, kgo.ErrMaxDecompress) &&
		!errors.Is(err, kgo.ErrClientClosed) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// unreadable takes a fetch that failed for what is in the partition. It is called while no
// partition can be taken away.
func (g *group) unreadable(ctx context.Context, client *kgo.Client, f *kgo.FetchPartition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.partitions[f.Partition]
	if p == nil {
		return
	}
	at := p.fetchedUpTo()
	d := p.damage
	if d == nil || d.at != at {
		d = &damage{at: at}
		p.damage = d
	}
	d.tries++
	switch {
	case d.found != nil:
		g.skipGap(client, p, *d.found)
		p.damage = nil
	case d.tries < fetchTries || d.examining:
	case at < 0 && g.o.FromEnd: // the end is where reading was to begin
		g.skipGap(client, p, gap{f.LogStartOffset, f.HighWatermark, f.Err})
		p.damage = nil
	default:
		d.examining = true
		from := at
		if from < 0 {
			from = f.LogStartOffset
		}
		g.examinations.Go(func() {
			limited, cancel := context.WithTimeout(ctx, examineTimeout)
			defer cancel()
			found, err := g.examine(limited, client, p.number, from)
			if err != nil && ctx.Err() == nil {
				p.log.Debug("batch that can't be read could not be examined", "offset", from, "error", err)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			d.examining, d.found, d.tries = false, found, 0
		})
	}
}

// skipGap goes on behind a gap. mu is held.
func (g *group) skipGap(client *kgo.Client, p *partition, found gap) {
	g.counts.Damaged += found.next - found.from
	p.log.Error("records can't be read and are skipped", "offset", found.from, "next", found.next, "error", found.why)
	p.skipTo(found.next)
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{g.o.Topic: {p.number: {Epoch: -1, Offset: found.next}}})
}

// examine fetches a partition from an offset on and returns the batch that can't be read,
// or nil if there is none.
func (g *group) examine(ctx context.Context, client *kgo.Client, number int32, from int64) (*gap, error) {
	decompressor, err := kafka.Decompressor()
	if err != nil {
		return nil, err
	}
	topics, err := kadm.NewClient(client).ListTopics(ctx, g.o.Topic)
	if err != nil {
		return nil, err
	}
	topic := topics[g.o.Topic]
	of, ok := topic.Partitions[number]
	if err := errors.Join(topic.Err, of.Err); err != nil || !ok {
		return nil, fmt.Errorf("find the leader of partition %d: %w", number, err)
	}
	r := kmsg.NewPtrFetchRequest()
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 100, 1, int32(g.o.FetchMaxBytes)
	r.SessionEpoch = -1
	ask, one := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	one.Partition, one.FetchOffset, one.PartitionMaxBytes = number, from, int32(min(maxPartition, g.o.FetchMaxBytes))
	ask.Topic, ask.TopicID, ask.Partitions = g.o.Topic, topic.ID, append(ask.Partitions, one)
	r.Topics = append(r.Topics, ask)
	answer, err := client.Broker(int(of.Leader)).Request(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, t := range answer.(*kmsg.FetchResponse).Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if p.Partition != number {
				continue
			}
			f, at := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, Topic: g.o.Topic, Partition: number}, p, decompressor, nil)
			if !isUnreadable(f.Err) {
				return nil, nil
			}
			first, next := batchAt(p.RecordBatches, at, p.HighWatermark)
			return &gap{first, next, f.Err}, nil
		}
	}
	return nil, errors.New("the broker has not answered for the partition")
}

// batchAt returns the first offset and the offset after the last of the batch that has
// the offset at. Where its head can't be true, the record at that offset is all.
func batchAt(batches []byte, at, end int64) (first, next int64) {
	const head = 61 // of a batch without records
	for len(batches) >= head {
		base := int64(binary.BigEndian.Uint64(batches))
		length := int64(int32(binary.BigEndian.Uint32(batches[8:]))) + 12
		last := base + int64(int32(binary.BigEndian.Uint32(batches[23:])))
		if length < head || length > int64(len(batches)) || base > end || last < base {
			break
		}
		batches = batches[length:]
		if last < at {
			continue
		}
		next = last + 1
		if len(batches) >= head {
			// The next one may show that the head is wrong.
			if after := int64(binary.BigEndian.Uint64(batches)); after > max(at, base) {
				next = min(next, after)
			}
		}
		if next > end {
			break
		}
		return max(base, at), next
	}
	return at, at + 1
}
