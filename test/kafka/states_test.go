package kafka

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// moment is a state of a delivery: a request is about to be sent, or was just sent.
type moment struct {
	request kmsg.Key
	sent    bool
	// proven is for a client that has delivered before.
	proven bool
	// queued is for a batch from the queue.
	queued bool
}

func (m moment) String() string {
	text := map[bool]string{false: "before ", true: "after "}[m.sent] + m.request.Name()
	for name, is := range map[string]bool{" of a proven client": m.proven, " of a batch from the queue": m.queued} {
		if is {
			text += name
		}
	}
	return text
}

// moments are the states in which a delivery can be.
func moments() []moment {
	var all []moment
	for _, sent := range []bool{false, true} {
		for _, key := range []kmsg.Key{kmsg.ApiVersions, kmsg.Metadata, kmsg.DescribeConfigs, kmsg.InitProducerID, kmsg.Produce} {
			all = append(all, moment{request: key, sent: sent})
		}
		all = append(all, moment{request: kmsg.Produce, sent: sent, proven: true}, moment{request: kmsg.Produce, sent: sent, queued: true})
	}
	return all
}

// wire opens connections to brokers, and strikes once at a moment.
type wire struct {
	moment
	strike func()

	mu    sync.Mutex
	armed bool
	hit   bool
}

func (w *wire) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
}

func (w *wire) struck() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hit
}

// due reports whether it is the moment for the strike.
func (w *wire) due(request []byte, sent bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed || sent != w.sent || len(request) < 6 || kmsg.Key(binary.BigEndian.Uint16(request[4:])) != w.request {
		return false
	}
	w.armed = false
	return true
}

// hits strikes the broker. Only after that the test hears of it, and may repair it.
func (w *wire) hits() {
	w.strike()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hit = true
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wired{c, w}, nil
}

// wired is a connection whose writes are a request each.
type wired struct {
	net.Conn
	wire *wire
}

func (c *wired) Write(request []byte) (int, error) {
	if c.wire.due(request, false) {
		c.wire.hits()
	}
	n, err := c.Conn.Write(request)
	if c.wire.due(request, true) {
		c.wire.hits()
	}
	return n, err
}

// TestKafkaIsKilled in every state of a delivery.
func TestKafkaIsKilled(t *testing.T) {
	t.Parallel()
	strikeAt(t, "Kafka killed, in every state of a delivery", harness.Count(4, 140), func(k *real.Kafka) { k.Kill() },
		func(ctx context.Context, k *real.Kafka) error { return k.Start(ctx) })
}

// TestKafkaIsPaused in every state of a delivery.
func TestKafkaIsPaused(t *testing.T) {
	t.Parallel()
	strikeAt(t, "Kafka paused (SIGSTOP), in every state of a delivery", harness.Count(7, 280), func(k *real.Kafka) {
		if err := k.Pause(); err != nil {
			t.Error(err)
		}
	}, func(_ context.Context, k *real.Kafka) error { return k.Resume() })
}

// strikeAt strikes a broker at that many moments, each with a sink of its own.
func strikeAt(t *testing.T, fault string, count int, strike func(*real.Kafka), repair func(context.Context, *real.Kafka) error) {
	row := harness.Begin(t, fault, "0 lost, 0 invented; a delivery takes at most delivery-timeout + 3 s")
	random := harness.Random(t)
	k := start(t, real.KafkaConfig{Jars: real.Need(t, "kafka")})
	topic := createTopic(t, k, 1, 1, nil)
	var epochs []int64
	next := func() int64 {
		epochs = append(epochs, 1000+int64(len(epochs)))
		return epochs[len(epochs)-1]
	}
	slowest := time.Duration(0)
	all := moments()
	for i := range count {
		if i%len(all) == 0 {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		m := all[i%len(all)]
		w := &wire{moment: m, strike: func() { strike(k) }}
		s, stop := runSink(t, k, topic, func(o *sinkkafka.Options) {
			o.Connection.Dial = w.dial
			o.DeliveryTimeout = shortDeadline
		})
		batches := int64(1)
		if m.proven {
			batches++
			deliver(t, s, sinktest.Batch(next()))
			drained(t, s, 1)
		}
		if m.queued {
			// The first one waits for a broker, and the next ones for the first.
			k.Kill()
			for range 3 {
				batches++
				deliver(t, s, sinktest.Batch(next()))
			}
			w.arm()
			if err := k.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else {
			w.arm()
		}
		begun := time.Now()
		deliver(t, s, sinktest.Batch(next()))
		slowest = max(slowest, time.Since(begun))
		await(t, "the broker is struck "+m.String(), w.struck)
		if err := repair(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		drained(t, s, batches)
		stop()
		row.Inject(1)
	}
	checkTopic(t, k, topic, epochs...)
	checkOrder(t, k, topic)
	row.Result("%d batches: 0 lost, 0 invented; the slowest delivery took %.1f s", len(epochs), slowest.Seconds())
}

// shortDeadline is the time limit of deliveries to brokers that do not answer.
const shortDeadline = 2 * time.Second

// checkOrder wants the batches of a partition in the order of time, but for repeats.
func checkOrder(t *testing.T, k *real.Kafka, topic string) {
	t.Helper()
	var order []string
	for _, r := range consume(t, k, topic) {
		line, _, _ := strings.Cut(string(r.Value), "\n")
		at := line[strings.LastIndexByte(line, ' ')+1:]
		if !slices.Contains(order, at) {
			order = append(order, at)
		}
	}
	if !slices.IsSorted(order) {
		t.Errorf("got batches in the order %v, want the oldest first", order)
	}
}
