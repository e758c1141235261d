package reply

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/haproxy"
)

// grouper writes down which replies it is given together.
type grouper struct {
	groups [][]string
	most   int // files open at once
	open   *opener
}

func (g *grouper) Info(string, *haproxy.InfoScanner) {}

func (g *grouper) Stat(sockets []string, replies []*haproxy.StatScanner) {
	g.groups = append(g.groups, slices.Clone(sockets))
	g.most = max(g.most, g.open.open)
	for _, s := range replies[1:] {
		if !slices.Equal(s.Columns(), replies[0].Columns()) {
			g.groups = append(g.groups, []string{"different headers"})
		}
	}
}

// groupsOf returns the groups of replies of the sockets 000, 001 and so on.
func groupsOf(t *testing.T, r *Reader, replies ...string) *grouper {
	t.Helper()
	fsys := fstest.MapFS{}
	for i, text := range replies {
		fsys[fmt.Sprintf("%03d_stat", i)] = file(text)
	}
	g := &grouper{open: &opener{FS: fsys, t: t}}
	if _, err := r.Read(g.open, g); err != nil {
		t.Fatal(err)
	}
	if g.open.open != 0 {
		t.Errorf("%d files are left open", g.open.open)
	}
	return g
}

func TestRepliesOfOneHeaderAreReadTogether(t *testing.T) {
	other := strings.Replace(stat, "type", "type,scur", 1)
	var r Reader
	for _, test := range []struct {
		replies []string
		want    [][]string
	}{
		{[]string{stat, stat, stat}, [][]string{{"000", "001", "002"}}},
		{[]string{stat, other, other, stat, stat}, [][]string{{"000"}, {"001", "002"}, {"003", "004"}}},
		{[]string{stat, stat, "", stat}, [][]string{{"000", "001"}, {"003"}}},
		{[]string{"x\n", stat, "x\n"}, [][]string{{"001"}}},
	} {
		if d := cmp.Diff(test.want, groupsOf(t, &r, test.replies...).groups); d != "" {
			t.Errorf("%q: want -, got +\n%s", test.replies, d)
		}
	}
}

func TestOpenRepliesAreBounded(t *testing.T) {
	var r Reader
	g := groupsOf(t, &r, slices.Repeat([]string{stat}, 2*MaxTogether+1)...)
	if g.most != MaxTogether {
		t.Errorf("%d files are open at once, want %d", g.most, MaxTogether)
	}
	var sizes []int
	for _, group := range g.groups {
		sizes = append(sizes, len(group))
	}
	if d := cmp.Diff([]int{MaxTogether, MaxTogether, 1}, sizes); d != "" {
		t.Errorf("groups: want -, got +\n%s", d)
	}
	if len(r.stat) != MaxTogether {
		t.Errorf("got %d scanners, want %d", len(r.stat), MaxTogether)
	}
	groupsOf(t, &r, stat)
	if len(r.stat) != 1 {
		t.Errorf("after a snapshot of one reply, %d scanners are kept, want 1", len(r.stat))
	}
}
