package transitions

import (
	"fmt"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

// TestSame has rows without news, which a tracker leaves out, and a change in a reply that
// was not taken over: the next reply has no news against that one, but tells of it.
func TestSame(t *testing.T) {
	x := newLab(t)
	var tally truth.Tally
	left := 0
	reply := func(status string, age int) {
		x.now += 10
		x.tr.Begin(x.facts().Info, x.now)
		var s haproxy.StatScanner
		if err := s.Reset(strings.NewReader(fmt.Sprintf(
			"# pxname,svname,status,chkdown,lastchg,type,check_status\napp,a0,UP,0,%d,2,L4OK\napp,a1,%s,0,%d,2,L4OK\n\n", age, status, age))); err != nil {
			t.Fatal(err)
		}
		tally.Read(&s, 10, &truth.Watch{Columns: Columns, See: func(row *truth.Seen) {
			if row.Same && x.tr.isSame(row) {
				left++
			}
			x.tr.See(row)
		}})
	}
	reply("UP", 1000)
	wantLines(t, x.tr.End(x.facts()))
	reply("UP", 1010)
	wantLines(t, x.tr.End(x.facts()))
	if left != 2 {
		t.Errorf("got %d rows left out, want both", left)
	}
	reply("DRAIN", 1020)
	x.tr.Abort()
	left = 0
	reply("DRAIN", 1030)
	wantLines(t, x.tr.End(x.facts()), "?: server app/a1 is DRAIN, was UP (forced)")
	if left != 0 {
		t.Errorf("got %d rows left out against a reply that was not taken over, want none", left)
	}
	reply("DRAIN", 1040)
	wantLines(t, x.tr.End(x.facts()))
	if left != 1 { // the time of a1 is that of the change, which HAProxy does not tell
		t.Errorf("got %d rows left out, want that of a0", left)
	}
}
