package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"haproxystats/internal/kafka"
)

const (
	// revokeTimeout bounds what happens when a partition is given to another member:
	// half of it is for its sinks, half for the commit.
	revokeTimeout = 2 * time.Second
	// sinksGrace bounds the wait for sinks when the program ends, lastCommit the commit
	// after that, and leaveTimeout the way out of the group.
	sinksGrace   = 2 * time.Second
	lastCommit   = time.Second
	leaveTimeout = time.Second
	// commitTimeout bounds a commit, which waits while the group rebalances.
	commitTimeout = 5 * time.Second
	// errorPause is the pause after a poll that returned errors only: the client does
	// not pause after some of them.
	errorPause = 250 * time.Millisecond
	// renewAfter is the time for which a topic may be another one than the client knows;
	// after that, a new client is made.
	renewAfter = 5 * time.Second
	// renewPause is the pause before a new client.
	renewPause = time.Second
	// tickInterval is the time from one tick of a partition to the next.
	tickInterval = time.Second
	// lookInterval is the time from one question about group and topic to the next.
	lookInterval = 10 * time.Second
	// rebalanceTimeout is the time that members have to give partitions away.
	rebalanceTimeout = 60 * time.Second
	// heartbeats is the number of heartbeats in a session.
	heartbeats = 10
	// maxFailures is the number of messages in a minute about snapshots that fail.
	maxFailures = 60
	// maxPartition is the largest number of bytes that are fetched of a partition at once.
	maxPartition = 1 << 20
)

// Options are those of a consumer of one topic.
type Options struct {
	// Connection is how to reach the brokers.
	Connection kafka.Options
	Topic      string
	// Group is the consumer group.
	Group string
	// Instance is the name of this program in the group, which no other has at a time;
	// empty for a member without a name.
	Instance string
	// SessionTimeout is the time after which the group gives the partitions of a member
	// that is silent to others.
	SessionTimeout time.Duration
	// FromEnd starts at the end of a partition of which nothing was committed.
	FromEnd bool
	// FetchMaxBytes bounds what is fetched from a broker at once.
	FetchMaxBytes int64
	// CommitInterval is the time between two commits.
	CommitInterval time.Duration
	// Store keeps records of snapshots that are not complete.
	Store *Store
	// DeadLetters takes records that can't be used.
	DeadLetters *DeadLetters
	// Log gets messages for the operator; nil for none.
	Log *slog.Logger
}

// reader makes something of the records of one partition. Its methods are called from one
// goroutine.
type reader interface {
	// add takes a record, whose offset is in hand.
	add(ctx context.Context, r *kgo.Record)
	// tick tells that the log has reached a time.
	tick(at time.Time)
	// advance delivers what is due. Its error is that of ctx.
	advance(ctx context.Context) error
	// mark returns what the next reader needs beside the offset, after advance.
	mark() time.Time
	// stop ends the work for the partition. It may be called while another method runs.
	stop()
	// close frees memory. No method is called after it.
	close()
}

// group is a member of a consumer group for one topic.
type group struct {
	o         Options
	log       *slog.Logger
	newReader func(p *partition, l *ledger, mark time.Time) reader

	committing chan struct{} // held by the goroutine that commits

	mu         sync.Mutex
	client     *kgo.Client // nil between two clients
	partitions map[int32]*partition
	state      string // of the group
	members    int
	cause      error // why the topic can't be read
	counts     Counts
	// commitFails and tickFails report whether errors of commits and ticks have been logged.
	commitFails, tickFails bool
	dropped                bursts // of snapshots that are not complete
	failures               pace   // of messages about snapshots that fail

	examinations sync.WaitGroup // of batches that can't be read

	rebalances, commitErrors atomic.Int64
	beat                     atomic.Int64 // when the coordinator last answered, in ns since born
	born                     time.Time
}

func newGroup(o Options, newReader func(p *partition, l *ledger, mark time.Time) reader) *group {
	o.Connection.Advise = advise
	return &group{
		o: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("topic", o.Topic), newReader: newReader,
		committing: make(chan struct{}, 1), partitions: make(map[int32]*partition), born: time.Now(),
		failures: pace{records: maxFailures},
	}
}

// errRenew asks for a new client.
var errRenew = errors.New("the topic was removed and made again")

// run consumes until ctx ends, and then ends in an orderly way. It returns an error if
// this program must not go on.
func (g *group) run(ctx context.Context) error {
	for {
		err := g.session(ctx)
		if !errors.Is(err, errRenew) {
			return err
		}
		g.log.Warn("topic was removed and made again, will read the new one")
		t := time.NewTimer(renewPause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// session consumes with one client.
func (g *group) session(ctx context.Context) error {
	skipping, err := kafka.SkipDamaged()
	if err != nil {
		return fmt.Errorf("topic %s: %w", g.o.Topic, err)
	}
	client, err := g.o.Connection.Client(append(g.options(), skipping)...)
	if err != nil {
		return fmt.Errorf("topic %s: %w", g.o.Topic, err)
	}
	g.setClient(client)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { every(background, g.o.CommitInterval, func() { g.commit(background, commitTimeout, nil) }) })
	wg.Go(func() { every(background, tickInterval, func() { g.tick(background, client) }) })
	wg.Go(func() {
		g.look(background, client)
		every(background, lookInterval, func() { g.look(background, client) })
	})
	err = g.poll(ctx, client)
	g.settle()
	g.examinations.Wait()
	stop()
	wg.Wait()
	fenced := errors.Is(err, kerr.FencedInstanceID)
	if !fenced {
		g.commit(context.WithoutCancel(ctx), lastCommit, nil)
	}
	g.forget(g.numbers())
	g.setClient(nil)
	// The library would wait for a coordinator that hangs.
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	client.AllowRebalance()
	if err := client.LeaveGroupContext(leaving); err != nil {
		g.log.Debug("group was not told that this member leaves", "error", err)
	}
	cancel()
	client.CloseAllowingRebalance()
	if fenced {
		return fmt.Errorf("topic %s: two programs have the instance name %q in the consumer group %s: stop one of them, or set instance in [central] to a name of its own: %w",
			g.o.Topic, g.o.Instance, g.o.Group, err)
	}
	return err
}

func (g *group) setClient(c *kgo.Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.client = c
}

// current returns the client, or nil between two of them.
func (g *group) current() *kgo.Client {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.client
}

// every calls f after each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f()
		}
	}
}

func (g *group) options() []kgo.Opt {
	start := kgo.NewOffset().AtStart()
	if g.o.FromEnd {
		start = kgo.NewOffset().AtEnd()
	}
	all := []kgo.Opt{
		kgo.ConsumerGroup(g.o.Group),
		kgo.ConsumeTopics(g.o.Topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(g.o.SessionTimeout),
		kgo.HeartbeatInterval(g.o.SessionTimeout / heartbeats),
		kgo.RebalanceTimeout(max(rebalanceTimeout, g.o.SessionTimeout)),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeStartOffset(start),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(int32(g.o.FetchMaxBytes)),
		kgo.FetchMaxPartitionBytes(int32(min(maxPartition, g.o.FetchMaxBytes))),
		kgo.MaxConcurrentFetches(1),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, m map[string][]int32) { g.assigned(c, m[g.o.Topic]) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, m map[string][]int32) { g.revoked(ctx, m[g.o.Topic]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { g.lost(m[g.o.Topic]) }),
		kgo.OnOffsetsFetched(func(_ context.Context, _ *kgo.Client, r *kmsg.OffsetFetchResponse) error { g.fetched(r); return nil }),
		kgo.WithHooks(beats{g}),
		// For ticks, which need no order, and what is put aside.
		kgo.DisableIdempotentWrite(),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(g.partitioner)),
	}
	if g.o.Instance != "" {
		all = append(all, kgo.InstanceID(g.o.Instance))
	}
	return all
}

// partitioner keeps the partitions of ticks, and spreads what is put aside.
func (g *group) partitioner(topic string) func(r *kgo.Record, n int) int {
	if topic == g.o.Topic {
		return func(r *kgo.Record, _ int) int { return int(r.Partition) }
	}
	return func(r *kgo.Record, n int) int { return len(r.Key) % n }
}

// beats notes when the coordinator of the group answers a member. It answers commits of
// those, too, that are members no longer.
type beats struct{ g *group }

// OnBrokerE2E implements [kgo.HookBrokerE2E].
func (b beats) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	switch kmsg.Key(key) {
	case kmsg.Heartbeat, kmsg.SyncGroup:
		if e.Err() == nil {
			b.g.beat.Store(int64(time.Since(b.g.born)))
		}
	}
}

// owns reports whether this member still has its session, as far as it can know: after a
// pause of the whole program, its partitions may have another owner, which is ahead.
func (g *group) owns() bool {
	return time.Since(g.born)-time.Duration(g.beat.Load()) < g.o.SessionTimeout
}

// poll takes records to their partitions until ctx ends, or a new client is needed.
func (g *group) poll(ctx context.Context, client *kgo.Client) error {
	var renew time.Time // since when the topic is another one
	failing := false
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			client.AllowRebalance()
			return nil
		}
		records := false
		var failure error
		fetches.EachPartition(func(t kgo.FetchTopicPartition) {
			if len(t.Records) > 0 {
				records = true
			}
			g.take(client, &t.FetchPartition)
			if t.Topic == g.o.Topic && isUnreadable(t.Err) {
				g.unreadable(ctx, client, &t.FetchPartition)
			}
		})
		fetches.EachError(func(_ string, n int32, err error) {
			var tooLarge *kgo.ErrDecompressTooLarge
			if errors.As(err, &tooLarge) {
				g.skip(ctx, client, tooLarge)
				return
			}
			failure = err
		})
		client.AllowRebalance()
		switch {
		case errors.Is(failure, kgo.ErrClientClosed):
			return failure
		case errors.Is(failure, kerr.FencedInstanceID):
			return failure
		case !errors.Is(failure, kerr.UnknownTopicID):
			renew = time.Time{}
		case renew.IsZero():
			renew = time.Now()
		case time.Since(renew) >= renewAfter:
			return errRenew
		}
		if failure != nil && !failing {
			g.log.Error("records can't be fetched, will try again", "error", g.explain("read topic "+g.o.Topic, failure))
		}
		if failing = failure != nil; failing && !records {
			t := time.NewTimer(errorPause)
			select {
			case <-ctx.Done():
			case <-t.C:
			}
			t.Stop()
		}
	}
}

// take gives records to their partition.
func (g *group) take(client *kgo.Client, f *kgo.FetchPartition) {
	g.mu.Lock()
	p := g.partitions[f.Partition]
	g.mu.Unlock()
	// Before what can't be read there may be records, which do not come again.
	if p == nil || f.Err != nil && len(f.Records) == 0 {
		return
	}
	if p.put(f) {
		client.PauseFetchPartitions(map[string][]int32{g.o.Topic: {f.Partition}})
	}
}

// resume fetches a partition again.
func (g *group) resume(number int32) {
	if c := g.current(); c != nil {
		c.ResumeFetchPartitions(map[string][]int32{g.o.Topic: {number}})
	}
}

// errBatch is why a batch is skipped.
var errBatch = errors.New("the batch can't be decompressed, or takes too much memory then")

// skip passes over a batch that would take too much memory, or that is damaged.
func (g *group) skip(ctx context.Context, client *kgo.Client, e *kgo.ErrDecompressTooLarge) {
	g.count(Counts{Foreign: 1})
	g.o.DeadLetters.tell(letter{topic: e.Topic, partition: e.Partition, offset: e.Offset}, "", Foreign, errBatch, "next", e.NextOffset)
	g.mu.Lock()
	if p := g.partitions[e.Partition]; p != nil {
		p.skipTo(e.NextOffset)
	}
	g.mu.Unlock()
	client.SetOffsets(map[string]map[int32]kgo.EpochOffset{e.Topic: {e.Partition: {Epoch: e.Epoch, Offset: e.NextOffset}}})
}

func (g *group) count(c Counts) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts = g.counts.plus(c)
}
