package kafka

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// assigned begins to work on partitions.
func (g *group) assigned(client *kgo.Client, numbers []int32) {
	g.rebalances.Add(1)
	if len(numbers) == 0 {
		return
	}
	g.mu.Lock()
	for _, n := range numbers {
		if g.partitions[n] == nil {
			p := newPartition(g, n)
			g.partitions[n] = p
			go p.run()
		}
	}
	g.mu.Unlock()
	client.ResumeFetchPartitions(map[string][]int32{g.o.Topic: numbers})
	g.log.Info("partitions are assigned", "partitions", numbers)
}

// fetched takes what was committed for partitions, before anything of them is fetched.
func (g *group) fetched(r *kmsg.OffsetFetchResponse) {
	for _, of := range r.Groups {
		for _, t := range of.Topics { // the group has one topic
			for _, p := range t.Partitions {
				g.begin(p.Partition, p.Offset, p.Metadata, p.ErrorCode)
			}
		}
	}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			g.begin(p.Partition, p.Offset, p.Metadata, p.ErrorCode)
		}
	}
}

func (g *group) begin(number int32, offset int64, metadata *string, code int16) {
	g.mu.Lock()
	p := g.partitions[number]
	g.mu.Unlock()
	if p == nil || code != 0 || offset < 0 {
		return
	}
	var mark time.Time
	if metadata != nil {
		var err error
		if mark, err = parseMark(*metadata); err != nil {
			p.log.Warn("commit of the partition has no mark of ours", "error", err)
		}
	}
	p.begin(offset, mark)
}

// revoked gives partitions to other members.
func (g *group) revoked(ctx context.Context, numbers []int32) {
	if len(numbers) == 0 {
		return
	}
	g.rebalances.Add(1)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	g.stopPartitions(numbers, revokeTimeout/2)
	g.commit(limited, revokeTimeout/2, numbers)
	g.forget(numbers)
	g.log.Info("partitions are given to other members of the group", "partitions", numbers)
}

// lost forgets partitions that others have already.
func (g *group) lost(numbers []int32) {
	if len(numbers) == 0 {
		return
	}
	g.rebalances.Add(1)
	g.forget(numbers)
	g.log.Warn("partitions are lost, because the group has not heard of this member", "partitions", numbers)
}

// forget ends the work on partitions without a commit.
func (g *group) forget(numbers []int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range numbers {
		if p := g.partitions[n]; p != nil {
			p.abandon()
			delete(g.partitions, n)
		}
	}
}

// stopPartitions lets the partitions take no more, and waits for their sinks.
func (g *group) stopPartitions(numbers []int32, limit time.Duration) {
	var all []*partition
	g.mu.Lock()
	for _, n := range numbers {
		if p := g.partitions[n]; p != nil {
			all = append(all, p)
		}
	}
	g.mu.Unlock()
	for _, p := range all {
		p.finish()
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	for _, p := range all {
		select {
		case <-p.ended:
		case <-t.C:
			return
		}
	}
}

// settle waits for the sinks of all partitions when the program ends.
func (g *group) settle() { g.stopPartitions(g.numbers(), sinksGrace) }

func (g *group) numbers() []int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.partitions))
}
