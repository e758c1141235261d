package faults

import (
	"testing"

	"haproxystats/test/faults/harness"
)

// TestNoFault holds the instruments to each other.
func TestNoFault(t *testing.T) {
	row := harness.Begin(t, "none", "0 lost, 0 invented, 0 repeated")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	oracle := s.Oracle(src)
	proxy := s.Proxy(oracle.Addr())
	conf := s.Configure(harness.Config{Source: src, Port: proxy.Port(), LocalStore: true})
	ledger := s.Ledger(s.Incoming())
	process := s.Start(harness.Process, conf)
	pull := s.Start(harness.Pull, conf)
	ledger.WaitCame(2)
	f := s.Settle(harness.Settlement{
		Oracle: oracle, Ledger: ledger, Programs: []*harness.Program{pull, process}, LocalStore: true,
	})
	row.Result("%v", f)
}
