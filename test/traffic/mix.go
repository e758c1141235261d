package traffic

import (
	"math/rand/v2"

	"haproxystats/test/real"
)

// Mix has the weight of each kind of request.
type Mix []Share

// Share is the weight of a kind of request.
type Share struct {
	Kind   real.Request
	Weight int
}

// Usual has requests of all kinds, including failures.
var Usual = Mix{
	{real.Page, 55},
	{real.APICall, 25},
	{real.TCPStream, 12},
	{real.Slow, 8},
	{real.NotFound, 5},
	{real.Failure, 3},
	{real.Refused, 3},
	{real.Denied, 2},
	{real.Aborted, 1},
}

func (m Mix) pick(random *rand.Rand) real.Request {
	total := 0
	for _, s := range m {
		total += s.Weight
	}
	n := random.IntN(total)
	for _, s := range m {
		if n -= s.Weight; n < 0 {
			return s.Kind
		}
	}
	panic("unreachable: the weights add up to more than n")
}
