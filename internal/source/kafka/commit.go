package kafka

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commit commits the offsets of partitions, nil for all, within a limit. One commit is
// made at a time.
func (g *group) commit(ctx context.Context, limit time.Duration, numbers []int32) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case g.committing <- struct{}{}:
		defer func() { <-g.committing }()
	case <-ctx.Done():
		return
	}
	g.mu.Lock()
	client := g.client
	points := make(map[int32]point)
	for n, p := range g.partitions {
		if numbers != nil && !slices.Contains(numbers, n) {
			continue
		}
		if at, changed := p.committable(); changed {
			points[n] = at
		}
	}
	g.mu.Unlock()
	if client == nil || len(points) == 0 {
		return
	}
	offsets := make(map[int32]kgo.EpochOffset, len(points))
	for n, at := range points {
		offsets[n] = kgo.EpochOffset{Epoch: -1, Offset: at.offset}
	}
	with := kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				text := markText(points[p.Partition].mark)
				p.Metadata = &text
			}
		}
		return nil
	})
	client.CommitOffsetsSync(with, map[string]map[int32]kgo.EpochOffset{g.o.Topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse, err error) {
			g.committed(ctx, points, r, err)
		})
}

// committed takes the result of a commit.
func (g *group) committed(ctx context.Context, points map[int32]point, r *kmsg.OffsetCommitResponse, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				if e := kerr.ErrorForCode(p.ErrorCode); e != nil {
					err = e
				} else if own := g.partitions[p.Partition]; own != nil {
					own.committedAt(points[p.Partition])
				}
			}
		}
	}
	switch {
	case err == nil && g.commitFails:
		g.commitFails = false
		g.log.Info("offsets can be committed again")
	case err == nil:
	case errors.Is(err, context.Canceled):
	default:
		g.commitErrors.Add(1)
		if !g.commitFails && !errors.Is(err, kerr.RebalanceInProgress) && !errors.Is(err, kerr.IllegalGeneration) {
			g.commitFails = true
			g.log.Warn("offsets can't be committed, will try again", "error", g.explain("commit to group "+g.o.Group, err))
		}
	}
}
