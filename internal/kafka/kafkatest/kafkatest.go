// Package kafkatest has brokers of Kafka in the process of a test, behind a network that
// can be cut and stalled. It is for tests only.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
)

// ErrCut is the error of connections while the network is cut.
var ErrCut = errors.New("the network is cut")

// Brokers are brokers and the network to them.
type Brokers struct {
	*kfake.Cluster

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
	gate chan struct{} // while it is open, nothing that a broker answers arrives; nil for none
}

// New starts one broker, unless the options ask for more. It ends with the test.
func New(t testing.TB, opts ...kfake.Opt) *Brokers {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &Brokers{Cluster: c, open: make(map[net.Conn]bool)}
}

// Connection returns how to reach the brokers.
func (b *Brokers) Connection() kafka.Options {
	return kafka.Options{
		Section: "kafka", Brokers: b.ListenAddrs(), ClientID: "test", Dial: b.dial,
		ConnectTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second,
	}
}

// Records returns the records of a topic, as many as there are.
func (b *Brokers) Records(ctx context.Context, topic string) ([]*kgo.Record, error) {
	left := int64(0)
	for _, p := range b.PartitionInfos(topic) {
		left += p.HighWatermark
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.ConsumeTopics(topic))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var all []*kgo.Record
	for int64(len(all)) < left {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return all, err
		}
		all = append(all, fetches.Records()...)
	}
	return all, nil
}

// Await waits until has reports true for the records of a topic.
func (b *Brokers) Await(ctx context.Context, topic string, has func([]*kgo.Record) (bool, error)) error {
	for {
		records, err := b.Records(ctx, topic)
		if err != nil {
			return err
		}
		if ok, err := has(records); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: none of %d records of topic %s is it", ctx.Err(), len(records), topic)
		case <-time.After(10 * time.Millisecond): // kfake tells nobody of records
		}
	}
}

// Cut cuts all connections, and refuses new ones.
func (b *Brokers) Cut(*testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = true
	for c := range b.open {
		_ = c.Close()
	}
	clear(b.open)
}

// Repair lets connections be made again.
func (b *Brokers) Repair(*testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = false
}

// Stall holds back what brokers answer until the returned function is called.
func (b *Brokers) Stall() (resume func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	gate := make(chan struct{})
	b.gate = gate
	return func() { close(gate) }
}

func (b *Brokers) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut {
		_ = c.Close()
		return nil, ErrCut
	}
	h := &conn{Conn: c, brokers: b, closed: make(chan struct{})}
	b.open[h] = true
	return h, nil
}

// conn is a connection that may be stalled.
type conn struct {
	net.Conn
	brokers *Brokers
	once    sync.Once
	closed  chan struct{}
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.brokers.mu.Lock()
	gate := c.brokers.gate
	c.brokers.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-c.closed:
		}
	}
	return n, err
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
