package aggregate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/reply"
)

// oneByOne gives an aggregator one reply after another.
type oneByOne struct{ *Aggregator }

func (o oneByOne) Stat(sockets []string, replies []*haproxy.StatScanner) {
	for i := range replies {
		o.Aggregator.Stat(sockets[i:i+1], replies[i:i+1])
	}
}

// result is all that an aggregator says of a snapshot.
func result(t *rapid.T, a *Aggregator, c reply.Consumer, fsys fstest.MapFS) []string {
	a.Reset()
	var r reply.Reader
	report, err := r.Read(fsys, c)
	if err != nil {
		t.Fatal(err)
	}
	var repeated []string
	for _, r := range a.Repeated() {
		repeated = append(repeated, fmt.Sprint(r))
	}
	slices.Sort(repeated)
	out := strings.Split(dump(a.Batch(1)), "\n")
	for _, scope := range a.Batch(1).Tables {
		for _, row := range scope.Rows() {
			out = append(out, fmt.Sprintln(scope.Entity(row), scope.Seen(row), scope.Active(row)))
		}
	}
	return append(out, fmt.Sprint(report, repeated, a.Duplicates(), a.proxies.rows))
}

// Replies that are read in step give what they give one after another, whatever
// their rows, orders and headers are.
func TestInStepIsOneAfterAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := anyOptions(t)
		inStep, alone := New(opt), New(opt)
		for range 2 {
			fsys := similarReplies(t)
			got := result(t, inStep, inStep, fsys)
			want := result(t, alone, oneByOne{alone}, fsys)
			if d := gocmp.Diff(want, got); d != "" {
				t.Fatalf("one after another -, in step +\n%s", d)
			}
		}
	})
}

// similarReplies draws replies that mostly have the same header and the same rows in
// the same order.
func similarReplies(t *rapid.T) fstest.MapFS {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	differ := rapid.IntRange(0, 100).Draw(t, "percent that differ")
	odd := rapid.IntRange(0, 20).Draw(t, "percent of odd values")
	differs := func() bool { return r.IntN(100) < differ }
	type row struct {
		typ            int
		proxy, service string
	}
	var rows []row
	for i := range rapid.IntRange(0, 3*patience).Draw(t, "rows") {
		switch proxy := fmt.Sprint("be", i/50); r.IntN(10) {
		case 0:
			rows = append(rows, row{0, fmt.Sprint("fe", i), "FRONTEND"})
		case 1:
			rows = append(rows, row{1, proxy, "BACKEND"})
		case 2:
			rows = append(rows, row{3, proxy, "l"})
		default:
			rows = append(rows, row{2, proxy, fmt.Sprint("web", r.IntN(max(1, 100-differ)), "-", i)})
		}
	}
	columns := []string{"scur", "weight", "lbtot", "rtime", "eint", "qtime_max", "lastsess", "status", "brand_new"}
	rare := []string{"", "-1", "-2", "x", "0.5", "9223372036854775807", "18446744073709551615", "9999999999999999", "\"1\"", "-9223372036854775808"}
	fsys := fstest.MapFS{}
	for socket := range rapid.IntRange(1, 5).Draw(t, "processes") {
		own, mine := slices.Clone(rows), slices.Clone(columns)
		if len(own) > 0 && differs() { // a block that only this one has, or has not
			from := r.IntN(len(own))
			to := min(len(own), from+r.IntN(2*patience))
			if r.IntN(2) == 0 {
				own = slices.Delete(own, from, to)
			} else {
				var block []row
				for i := range to - from {
					block = append(block, row{2, "own", fmt.Sprint(socket, i)})
				}
				own = slices.Insert(own, from, block...)
			}
		}
		if len(own) > 1 && differs() {
			for range r.IntN(10) {
				i, j := r.IntN(len(own)), r.IntN(len(own))
				own[i], own[j] = own[j], own[i]
			}
		}
		if len(own) > 0 && differs() { // a name twice
			own = append(own, own[r.IntN(len(own))])
		}
		if r.IntN(400) < differ {
			slices.SortFunc(own, func(a, b row) int { return cmp.Compare(a.service, b.service) })
		}
		if r.IntN(400) < differ {
			mine = mine[:r.IntN(len(mine))]
		}
		var stat strings.Builder
		stat.WriteString("# pxname,svname,type," + strings.Join(mine, ",") + "\n")
		for _, w := range own {
			fmt.Fprintf(&stat, "%s,%s,%d", w.proxy, w.service, w.typ)
			for range mine {
				if r.IntN(100) < odd {
					stat.WriteString("," + rare[r.IntN(len(rare))])
				} else {
					fmt.Fprintf(&stat, ",%d", r.IntN(3)*r.IntN(1e6))
				}
			}
			stat.WriteString("\n")
		}
		if r.IntN(100) >= differ {
			stat.WriteString("\n")
		}
		// The same life twice makes it a suspect.
		pid := r.IntN(3 + 100 - differ)
		fsys[fmt.Sprintf("%d_stat", socket)] = &fstest.MapFile{Data: []byte(stat.String())}
		fsys[fmt.Sprintf("%d_info", socket)] = &fstest.MapFile{Data: fmt.Appendf(nil, "Name: HAProxy\nPid: %d\nStart_time_sec: 5\nIdle_pct: 4\n\n", pid)}
	}
	return fsys
}
