package haproxy

import (
	"bytes"
	"io"
	"runtime"
	"strconv"
	"testing"
)

// Sockets that are named after processes come and go; what is remembered of them
// must not grow with them.
func TestClientForgetsSockets(t *testing.T) {
	var c Client
	for i := range 3 * maxRemembered {
		key := strconv.Itoa(i)
		c.rememberOne(key)
		if !c.answersOne(key) {
			t.Fatalf("socket %d is forgotten at once", i)
		}
	}
	if len(c.one) > maxRemembered {
		t.Errorf("%d sockets are remembered", len(c.one))
	}
}

func TestClientBuffer(t *testing.T) {
	for limit, want := range map[int]int{0: maxBuffer, 1: 1, 1000: 1000, maxBuffer: maxBuffer, 6 << 20: maxBuffer} {
		if got := len(*(&Client{BufferLimit: limit}).buffer()); got != want {
			t.Errorf("limit %d: a buffer of %d bytes, want %d", limit, got, want)
		}
	}
}

// TestRepliesCopyLittle: with thousands of sockets a copy of what one read has
// brought would double the memory of the program.
func TestRepliesCopyLittle(t *testing.T) {
	piece := append([]byte("Name: HAProxy\nPid: 1\n\n# pxname,"), bytes.Repeat([]byte("x,"), maxBuffer/2)...)
	const times, most = 100, 8 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		x := &exchange{session: &session{client: new(Client)}, info: newInfoReply(io.Discard), stat: newStatReply(io.Discard)}
		if err := x.take(piece); err != nil || !x.info.whole {
			t.Fatalf("got %v, %v, want show info whole", x.info.whole, err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / times; got > most {
		t.Errorf("got %d bytes allocated for a piece of %d, want at most %d", got, len(piece), most)
	}
}
