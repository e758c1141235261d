package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/test/faults/harness"
)

// TestClockSkew has nodes whose clocks are an interval ahead and behind, and one whose
// clock is set back and forth: a snapshot is in the window of its node's clock, the first
// one counts, and nothing closes a window before its time.
func TestClockSkew(t *testing.T) {
	row := harness.Begin(t, "clocks of nodes are an interval ahead and behind, and one is set", "a snapshot is in the window of its node's clock; "+lastValues)
	f := newFleet(t, 1, 4)
	set := int64(0)                         // of the clock of the last node
	seen := make([]map[int64]bool, f.nodes) // the windows that a node was in
	f.feed = func(now int64) {
		var records []*kgo.Record
		for n, off := range []int64{0, 1, -1, set} {
			if seen[n] == nil {
				seen[n] = make(map[int64]bool)
			}
			epoch, name := now+off, "n"+string(rune('0'+n))
			v := value(n, now) // of what the node did at that moment
			records = append(records, f.tablesOf("c0", name, name, epoch, v)...)
			if !seen[n][epoch] { // else its clock was set back, and the window has a snapshot
				f.expect("c0", epoch, v)
			}
			seen[n][epoch] = true
		}
		f.produce(records...)
	}
	p := f.Start(harness.Central, f.configure("a", "a"))
	f.begin()
	f.first += 2 // the clocks that are behind and ahead reach over the beginning
	for _, epochs := range []int64{f.first - 2, f.first - 1} {
		f.free[epochs] = true
	}
	for range harness.Count(1, 50) {
		for _, set = range []int64{0, 1, 0, -1} {
			f.windows(2)
			row.Inject(1)
		}
	}
	f.windows(2)
	for epoch := range f.want["c0"] {
		if epoch < f.first {
			delete(f.want["c0"], epoch)
		}
	}
	f.settle(row, p)
	f.mu.Lock()
	defer f.mu.Unlock()
	most := 0.0
	for _, v := range f.got["ft.clusters.c0.haproxy.haproxystats.NodeSkew"] {
		most = max(most, v)
	}
	if most < 0.9 {
		t.Errorf("got a NodeSkew of at most %v s, want about 1 or more", most)
	}
}
