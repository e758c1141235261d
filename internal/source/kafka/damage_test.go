package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
)

// marker is what a damaging connection changes.
const marker = "this is damaged on the disk of a broker"

// damaging is a connection that changes the last byte of each marker that it reads.
type damaging struct {
	net.Conn
	matched int // bytes of the marker so far
}

func (c *damaging) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for i, b := range p[:n] {
		switch {
		case b == marker[c.matched]:
			c.matched++
		case b == marker[0]:
			c.matched = 1
		default:
			c.matched = 0
		}
		if c.matched == len(marker) {
			c.matched = 0
			p[i] = 'X'
		}
	}
	return n, err
}

// TestWrongChecksum: a batch whose checksum is wrong, however often it is fetched, is
// skipped and counted, and nothing that is before or behind it is lost.
func TestWrongChecksum(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.options.Connection.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &damaging{Conn: c}, nil
	}
	tick := func() *kgo.Record {
		return &kgo.Record{Headers: kafka.Headers(wire.Envelope{Kind: wire.Tick}.Headers())}
	}
	bad := func() *kgo.Record { return &kgo.Record{Value: []byte(marker)} }
	now := time.Now().Unix()
	w.produce(0, bad()) // at the very beginning
	w.tables(0, "eu", "a", now+2, 1)
	first := bad()
	w.produce(0, first, bad(), bad())
	w.tables(0, "eu", "a", now+3, 2)
	sink := newBook()
	tables := w.newTables(sink)
	c := run(t, tables.Run)
	sink.until(t, "eu", now+2, "www=1 ")
	sink.until(t, "eu", now+3, "www=2 ")
	last := bad() // at the end
	w.produce(0, last, tick())
	w.out.until(t, fmt.Sprintf("offset=%d next=%d", last.Offset, last.Offset+2))
	if got := tables.Status().Damaged; got != 6 {
		t.Errorf("got %d damaged records, want 6:\n%s", got, w.out)
	}
	for _, says := range []string{"offset=0 next=1", fmt.Sprintf("offset=%d next=%d", first.Offset, first.Offset+3)} {
		if got := w.out.String(); !strings.Contains(got, "records can't be read and are skipped") || !strings.Contains(got, says) {
			t.Errorf("the log does not say %q:\n%s", says, got)
		}
	}
	end := tick()
	w.produce(0, end)
	w.untilCommitted(0, end.Offset)
	c.end()
}

// TestBatchAt: the batch at an offset is found by the heads of batches as far as they can
// be true.
func TestBatchAt(t *testing.T) {
	batch := func(base int64, delta int32) []byte {
		b := make([]byte, 70)
		binary.BigEndian.PutUint64(b, uint64(base))
		binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
		binary.BigEndian.PutUint32(b[23:], uint32(delta))
		return b
	}
	long := batch(10, 4)
	binary.BigEndian.PutUint32(long[8:], 1<<31)
	for name, c := range map[string]struct {
		batches     []byte
		at          int64
		first, next int64
	}{
		"the first":              {batch(10, 4), 10, 10, 15},
		"in the middle of it":    {batch(10, 4), 12, 12, 15},
		"the second":             {append(batch(10, 4), batch(15, 0)...), 15, 15, 16},
		"after a gap":            {append(batch(10, 4), batch(20, 1)...), 15, 20, 22},
		"ahead of the next":      {append(batch(10, 400), batch(15, 0)...), 10, 10, 15},
		"ahead of all":           {batch(10, 4000), 10, 10, 11},
		"less than nothing":      {batch(10, -3), 10, 10, 11},
		"longer than there is":   {long, 10, 10, 11},
		"a head that is cut off": {batch(10, 4)[:40], 10, 10, 11},
		"nothing":                {nil, 10, 10, 11},
	} {
		if first, next := batchAt(bytes.Clone(c.batches), c.at, 1000); first != c.first || next != c.next {
			t.Errorf("%s: got %d and %d, want %d and %d", name, first, next, c.first, c.next)
		}
	}
}
