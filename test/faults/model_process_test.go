package faults

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/process"
	haproxyreply "haproxystats/internal/reply"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/sink/localstore"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

const modelWorkers = 2

// process runs process for a while, in which Graphite and local-store may fail,
// and it dies or is ended.
func (m *model) process(*rapid.T) {
	duration := draw(m, rapid.SampledFrom([]time.Duration{
		10 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 20 * time.Second,
	}), "time")
	peers := make([]string, draw(m, rapid.IntRange(0, 12), "connections"))
	for i := range peers {
		peers[i] = draw(m, rapid.SampledFrom([]string{"ok", "refuses", "cut", "cut late", "dies", "forgets", "silent", "dead"}), "connection")
	}
	stores := make([]string, draw(m, rapid.IntRange(0, 4), "stores"))
	for i := range stores {
		fates := []string{"ok", "fails", "panics"}
		if m.panics == maxPanics {
			fates = fates[:2]
		}
		if stores[i] = draw(m, rapid.SampledFrom(fates), "local-store"); stores[i] == "panics" {
			m.panics++
		}
	}
	// What one sink has accepted and another has not comes again to both when the
	// program ends in between.
	m.bad += len(peers) + len(stores)
	m.runProcess(duration, m.crashPoint(30), peers, stores)
}

// runProcess runs process for a time with those fates; what follows them is well.
func (m *model) runProcess(duration time.Duration, crash int, peers, stores []string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	life := &mortal{left: crash, died: cancel}
	quiet := slog.New(slog.DiscardHandler)
	reader, err := spool.OpenReader(spool.ReaderOptions{Dir: m.incoming()})
	m.must(err)
	defer reader.Close()
	queue, err := sink.OpenQueue(sink.QueueOptions{Dir: m.queue(), Log: quiet})
	m.must(err)
	defer queue.Close()
	paths := plaintext.Paths{Namespace: "ft"}
	network := &modelNetwork{m: m, fate: &fate{left: peers}}
	remote := graphite.New(graphite.Options{
		Servers: []graphite.Server{{Host: "graphite", Port: 1}}, Paths: paths,
		ConnectTimeout: time.Second, WriteTimeout: time.Second,
		Pace:  outbox.Pace{Retries: 1, Interval: 100 * time.Millisecond, Backoff: 1, Delay: 200 * time.Millisecond},
		Queue: queue, Log: quiet, Dial: network.dial,
	})
	defer remote.Close()
	p := process.New(process.Options{
		Source: modelSource{reader, life},
		Sinks: []process.Sink{
			modelSink{remote, life, new(fate)},
			modelSink{localstore.New(m.stored(), paths), life, &fate{left: stores}},
		},
		NewAggregator: func() process.Aggregator { return newModelAggregator() },
		Workers:       modelWorkers,
		Log:           quiet,
	})
	background, stop := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := remote.Run(background); err != nil {
			m.t.Error(err)
		}
	})
	end := time.AfterFunc(duration, cancel)
	defer end.Stop()
	m.must(p.Run(ctx))
	if crash >= 0 {
		life.kill()
	}
	stop()
	sending.Wait()
	network.serving.Wait()
}

// modelSource is the queue of a program that may die.
type modelSource struct {
	*spool.Reader
	life *mortal
}

func (s modelSource) Claim(ctx context.Context) (process.Claim, error) {
	e, err := s.Reader.Claim(ctx)
	if err != nil {
		return nil, err
	}
	return &modelClaim{e, s.life}, nil
}

type modelClaim struct {
	*spool.Entry
	life *mortal
}

func (c *modelClaim) Lane() string { return "" }

func (c *modelClaim) Commit() error {
	if !c.life.act() {
		return fs.ErrClosed
	}
	return c.Entry.Commit()
}

func (c *modelClaim) Release(cause error) {
	if c.life.act() {
		c.Entry.Release(cause)
	}
}

func (c *modelClaim) Postpone() {
	if c.life.act() {
		c.Entry.Postpone()
	}
}

// modelSink is a sink of a program that may die, and may fail itself.
type modelSink struct {
	sink.Sink
	life *mortal
	fate *fate
}

func (s modelSink) Deliver(ctx context.Context, b *metric.Batch) error {
	switch s.fate.next() {
	case "fails":
		return errors.New("disk full")
	case "panics":
		panic("a defect")
	}
	if !s.life.act() {
		return errDead
	}
	if err := s.Sink.Deliver(ctx, b); err != nil {
		return err
	}
	if !s.life.act() {
		return errDead
	}
	return nil
}

// fate is what happens one after another, and then nothing more.
type fate struct {
	mu   sync.Mutex
	left []string
}

func (f *fate) next() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.left) == 0 {
		return "ok"
	}
	next := f.left[0]
	f.left = f.left[1:]
	return next
}

// modelAggregator is what the program does with a snapshot, less its self
// metrics.
type modelAggregator struct {
	reader     haproxyreply.Reader
	aggregator *aggregate.Aggregator
}

func newModelAggregator() *modelAggregator {
	fields := catalogue.ParseList("bin bout stot hrsp_5xx")
	return &modelAggregator{aggregator: aggregate.New(aggregate.Options{
		PerProcess: true, Frontend: fields, Backend: fields, Server: fields,
	})}
}

func (a *modelAggregator) Aggregate(s snapshot.Snapshot) (*metric.Batch, error) {
	a.aggregator.Reset()
	if _, err := a.reader.Read(s.Files, a.aggregator); err != nil {
		return nil, err
	}
	return a.aggregator.Batch(s.Epoch), nil
}
