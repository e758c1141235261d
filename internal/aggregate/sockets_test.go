package aggregate

import (
	"testing"

	"haproxystats/internal/metric"
)

// TestSockets: sockets that have answered are up, and those that have failed are not; without
// outputs other than Graphite there is nothing.
func TestSockets(t *testing.T) {
	a := New(Options{Series: true})
	a.Reset()
	readInto(t, a, learnable(false))
	a.Down([]string{"c", "b"}) // b has two names, perhaps
	check(t, a.Batch(1), []wanted{
		{metric.Socket, "", "a", "up", 1},
		{metric.Socket, "", "b", "up", 0},
		{metric.Socket, "", "c", "up", 0},
	})
	a.Reset()
	readInto(t, a, learnable(false))
	check(t, a.Batch(1), []wanted{{metric.Socket, "", "b", "up", 1}, {metric.Socket, "", "c", "up", -1}})
	plain := New(Options{})
	readInto(t, plain, learnable(false))
	plain.Down([]string{"c"})
	check(t, plain.Batch(1), []wanted{{metric.Socket, "", "a", "up", -1}, {metric.Socket, "", "c", "up", -1}})
}
