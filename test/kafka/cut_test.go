package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// cutter stands before a broker. It strikes once, when so many bytes of large records have
// come through it to the broker, and cuts the connection there.
type cutter struct {
	addr string

	mu     sync.Mutex
	target string // the broker; empty until it is known
	left   int64
	strike func() // nil if it does not strike
	struck chan struct{}
}

func newCutter(t *testing.T) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { c.serve(ctx, from) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		all.Wait()
	})
	return c
}

func (c *cutter) broker() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target
}

// leadTo says where the broker is.
func (c *cutter) leadTo(broker string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = broker
}

// arm has it strike after that many bytes. The channel is closed when it has struck.
func (c *cutter) arm(after int64, strike func()) (struck <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.strike, c.struck = after, strike, make(chan struct{})
	return c.struck
}

// due returns how many bytes of a request pass, and what is to be done then.
func (c *cutter) due(request []byte) (pass int, strike func()) {
	const large = 32 << 10
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strike == nil || len(request) < large || kmsg.Key(binary.BigEndian.Uint16(request[4:])) != kmsg.Produce {
		return len(request), nil
	}
	if c.left -= int64(len(request)); c.left > 0 {
		return len(request), nil
	}
	hit, struck := c.strike, c.struck
	c.strike = nil
	return len(request) + int(c.left), func() {
		hit()
		close(struck)
	}
}

func (c *cutter) serve(ctx context.Context, from net.Conn) {
	defer from.Close()
	to, err := new(net.Dialer).DialContext(ctx, "tcp", c.broker())
	if err != nil {
		return // the broker is away
	}
	defer to.Close()
	stop := context.AfterFunc(ctx, func() { from.Close(); to.Close() })
	defer stop()
	var answers sync.WaitGroup
	defer answers.Wait()
	answers.Go(func() {
		_, _ = io.Copy(from, to)
		from.Close()
	})
	defer to.Close()
	for {
		request, err := readRequest(from)
		if err != nil {
			return
		}
		pass, strike := c.due(request)
		_, err = to.Write(request[:pass])
		if strike != nil {
			strike()
			return
		}
		if err != nil {
			return
		}
	}
}

// readRequest reads a request of Kafka's, with its length.
func readRequest(r io.Reader) ([]byte, error) {
	const most = 16 << 20
	request := make([]byte, 4)
	if _, err := io.ReadFull(r, request); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(request)
	if n < 2 || n > most {
		return nil, errors.New("not a request")
	}
	request = append(request, make([]byte, n)...)
	_, err := io.ReadFull(r, request[4:])
	return request, err
}

// TestKillLargeTables kills a node and the broker at any byte of tables that take several
// records: the reader gets no half of them, and every window is right.
func TestKillLargeTables(t *testing.T) {
	t.Parallel()
	// Three records, which are more than one batch: a batch is written as a whole or not.
	const rows, attempt, second = 11_000, 1_400_000, 900_000
	row := harness.Begin(t, "kill -9 of a node, and of Kafka, at any byte of tables of several records", "no part of an attempt is used; "+lastValues)
	random := harness.Random(t)
	c := newCutter(t)
	k := start(t, real.KafkaConfig{Jars: real.Need(t, "kafka"), Properties: []string{"advertised.listeners=PLAINTEXT://" + c.addr}})
	c.leadTo(k.Addr)
	f := newFleetAt(t, k, c.addr, 1, 1)
	f.late = "600" // the queue of a node that was killed waits
	n := f.node("c0", "n0", "tables", f.tables, nil)
	f.feed = func(epoch int64) {
		n.hand(epoch, value(0, epoch), rows)
		f.expect("c0", epoch, value(0, epoch))
	}
	central := f.Start(harness.Central, f.configure("a", "a"))
	p := f.Start(harness.Process, n.conf)
	f.begin()
	// read reads what the topic has.
	read := func() (all *forwarded, most int) {
		all = newForwarded(t)
		all.differ = true
		for _, r := range consume(t, k, f.tables) {
			if bytes.Equal(headerOf(r, "t"), []byte("tables")) {
				most = max(most, len(r.Value))
				f.Must(all.add(r))
			}
		}
		return all, most
	}
	// An attempt that was on its way when the cutter was armed moves the cut to another
	// place of the next one, which may be between two attempts.
	none := func() bool { all, _ := read(); return all.cut() == 0 }
	kills := harness.Count(2, 100)
	for i := 0; i < kills || i < 10*kills && none(); i++ {
		broker := i%4 == 1
		after := random.Int64N(attempt)
		if i < 2 {
			after = second // a batch of the attempt is in the topic then
		}
		struck := c.arm(after, func() {
			if broker {
				k.Kill()
			} else {
				p.Kill()
			}
		})
		f.Until("the strike", time.Minute, func() bool {
			f.send()
			select {
			case <-struck:
				return true
			default:
				return false
			}
		})
		row.Inject(1)
		if broker {
			f.Must(k.Start(f.Ctx))
		} else {
			p = f.Start(harness.Process, n.conf)
		}
		f.windows(1)
	}
	f.windows(1)
	f.settle(row, p, central)
	f.mu.Lock()
	defer f.mu.Unlock()
	for epoch := range f.want["c0"] {
		for i := range rows + 1 {
			path := "ft.clusters.c0.haproxy.frontend.www.stot"
			if i > 0 {
				path = fmt.Sprintf("ft.clusters.c0.haproxy.frontend.other%d.stot", i)
			}
			if got, want := f.got[path][epoch], float64(value(0, epoch)+int64(i)); got != want {
				t.Fatalf("%s at %d: got %v, want %v", path, epoch, got, want)
			}
		}
	}
	all, most := read()
	t.Logf("%d attempts, %d of them cut off; the largest record has %d bytes", len(all.parts), all.cut(), most)
	row.Result("%d attempts, %d of them cut off", len(all.parts), all.cut())
	if all.cut() == 0 {
		t.Errorf("got %d attempts, all complete; want some that are cut off", len(all.parts))
	}
}

// headerOf returns the value of a header.
func headerOf(r *kgo.Record, key string) []byte {
	for _, h := range r.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return nil
}
