package phases

import (
	"testing"

	"haproxystats/bench/workload"
	"haproxystats/internal/haproxy"
)

func TestCentralDoesTheWholeWork(t *testing.T) {
	c, err := OpenCentral(workload.S, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		for _, p := range c.Phases() {
			if err := p.Run(t.Context()); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
	if got, want := c.cluster.Rows(haproxy.ServerRow), workload.S.Servers; got != want {
		t.Errorf("the window has %d servers, want %d", got, want)
	}
	if c.TableBytes() == 0 || c.RecordBytes() < c.TableBytes() {
		t.Errorf("got tables of %d bytes and records of %d, want more for the records", c.TableBytes(), c.RecordBytes())
	}
}
