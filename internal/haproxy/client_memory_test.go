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
