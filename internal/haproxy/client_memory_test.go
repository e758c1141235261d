package haproxy

import (
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
