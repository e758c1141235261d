package kafka

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

var shared struct {
	sync.Mutex
	broker *real.Kafka
	dir    string
}

func TestMain(m *testing.M) {
	harness.Main(mainFunc(func() int {
		// A broker needs a processor while it starts.
		if err := flag.Set("test.parallel", "2"); err != nil {
			panic(err)
		}
		code := m.Run()
		if shared.broker != nil {
			shared.broker.Kill()
		}
		if shared.dir != "" {
			if err := os.RemoveAll(shared.dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
		return code
	}))
}

// mainFunc is a [testing.M] that cleans up.
type mainFunc func() int

func (f mainFunc) Run() int { return f() }

// broker returns the broker of all tests, with every listener. A test makes topics of
// its own.
func broker(t *testing.T) *real.Kafka {
	t.Helper()
	jars := real.Need(t, "kafka")
	shared.Lock()
	defer shared.Unlock()
	if shared.broker != nil {
		return shared.broker
	}
	dir, err := os.MkdirTemp("", "kafka-")
	if err != nil {
		t.Fatal(err)
	}
	shared.dir = dir
	if shared.broker, err = real.StartKafka(t.Context(), real.KafkaConfig{Jars: jars, Dir: dir, Secure: true}); err != nil {
		t.Fatal(err)
	}
	return shared.broker
}

func options(brokers ...string) kafka.Options {
	return kafka.Options{
		Section: "kafka", Brokers: brokers, ClientID: "test",
		ConnectTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second,
	}
}

func client(t *testing.T, o kafka.Options, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := o.Client(more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// start starts a broker that a test may break.
func start(t *testing.T, c real.KafkaConfig) *real.Kafka {
	t.Helper()
	c.Dir = t.TempDir()
	k, err := real.StartKafka(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Kill)
	return k
}

// createTopic makes a topic with a name of the test's.
func createTopic(t *testing.T, k *real.Kafka, partitions, replicas int, settings map[string]string) string {
	t.Helper()
	topic := "t." + filepath.Base(t.TempDir()) + "." + fmt.Sprint(time.Now().UnixNano())
	c := client(t, options(k.Addr))
	if settings["retention.ms"] == "" {
		// The batches of tests are from long ago.
		settings = maps.Clone(settings)
		if settings == nil {
			settings = make(map[string]string)
		}
		settings["retention.ms"] = "-1"
	}
	if err := kafka.Create(t.Context(), c, topic, partitions, replicas, settings); err != nil {
		t.Fatal(err)
	}
	awaitTopic(t, c, topic, func(found kafka.Topic) bool {
		return found.Err == nil && found.InSync == found.Replicas && found.Leaderless == 0
	})
	return topic
}

// awaitTopic waits until the broker tells of the topic what a test wants: it answers
// before all of it knows of a change.
func awaitTopic(t *testing.T, c *kgo.Client, topic string, want func(kafka.Topic) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := kafka.Describe(ctx, c, topic)
		if err == nil && want(found[0]) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("topic %s: got %+v, %v", topic, found, err)
		case <-tick.C:
		}
	}
}

// listen accepts connections and has serve answer each.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}
