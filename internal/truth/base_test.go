package truth

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxy"
)

// signed ends a base as its writer does.
func signed(lines ...string) []byte {
	b := []byte(strings.Join(lines, "\n") + "\n")
	return fmt.Appendf(b, "end %08x\n", crc32.Checksum(b, castagnoli))
}

func someBase() *Base {
	b := &Base{
		Node: "lb1", Socket: "/run/a \"b\".sock", Generation: 7, At: 1000,
		Folded: []Instance{{1, 100}, {2, 200}}, Ends: []End{{Instance: Instance{1, 100}, Final: true}, {Instance: Instance{2, 200}, Loss: Loss{3, 120}}}, Live: []Instance{{3, 300}, {4, 400}}, Preloaded: []Instance{{4, 400}},
		Info: map[string]int64{"CumReq": 1 << 33, "CumConns": 0},
	}
	b.widen([]string{"stot", "bin", "bout"})
	copy(b.at(b.entry(Key{haproxy.FrontendRow, "web", "FRONTEND"})), []int64{57, 2399, 53210})
	copy(b.at(b.entry(Key{haproxy.ServerRow, "app \"x\"\n\xff", "a1,2"})), []int64{0, 0, -7})
	b.setMarks(1, marks{[]Instance{{3, 300}}, []Instance{{4, 400}}})
	b.entry(Key{haproxy.BackendRow, "app \"x\"\n\xff", "BACKEND"})
	return b
}

// TestBegan: the first instance stays known, however many end.
func TestBegan(t *testing.T) {
	b := new(Base)
	if got := b.Began(); got != 0 {
		t.Errorf("an empty base: got %d, want 0", got)
	}
	starts := []int64{300, 100, 200} // the first one that ends is not the first that started
	for i := range int64(2 * maxFolded) {
		starts = append(starts, 400+i)
	}
	for n, start := range starts {
		b.fold(Instance{n + 1, start})
		if want := slices.Min(starts[:n+1]); b.Began() != want || len(b.Folded) != min(n+1, maxFolded) {
			t.Fatalf("after %d ends: got %d and %d instances, want %d and %d", n+1, b.Began(), len(b.Folded), want, min(n+1, maxFolded))
		}
	}
	if last := (Instance{len(starts), starts[len(starts)-1]}); !b.HasFolded(last) {
		t.Errorf("the base does not know its newest instance %v", last)
	}
}

func TestBaseText(t *testing.T) {
	b := someBase()
	want := signed(
		"haproxystats base 1", `node "lb1"`, `socket "/run/a \"b\".sock"`, "generation 7", "at 1000",
		"folded 1-100", "folded 2-200", "ended 1-100 final 0 0", "ended 2-200 unheard 3 120", "live 3-300", "live 4-400", "preloaded 4-400", `info "CumReq" 8589934592`,
		"columns stot,bin,bout",
		`row 0 1000 - "web" "FRONTEND" 57,2399,53210`,
		`row 2 1000 0/1 "app \"x\"\n\xff" "a1,2" ,,-7`,
		`row 1 1000 - "app \"x\"\n\xff" "BACKEND" `,
	)
	got := b.Append([]byte("kept"))
	if string(got) != "kept"+string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	back, err := ParseBase(want)
	if err != nil {
		t.Fatal(err)
	}
	delete(b.Info, "CumConns")
	if !reflect.DeepEqual(back, b) {
		t.Errorf("got back %+v, want %+v", back, b)
	}
	if !reflect.DeepEqual(b.Clone(), b) {
		t.Errorf("got the clone %+v, want %+v", b.Clone(), b)
	}
}

// TestUnknownItemOfBase skips what a later version adds.
func TestUnknownItemOfBase(t *testing.T) {
	b, err := ParseBase(signed("haproxystats base 1", "colour blue", "generation 3"))
	if err != nil || b.Generation != 3 {
		t.Errorf("got %+v, %v, want generation 3", b, err)
	}
}

func TestBadBases(t *testing.T) {
	good := someBase().Append(nil)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, text := range map[string][]byte{
		"nothing":            nil,
		"cut":                good[:len(good)-20],
		"a line is missing":  bytes.Replace(good, []byte("generation 7\n"), nil, 1),
		"a flipped bit":      flipped,
		"more behind it":     append(bytes.Clone(good), 'x'),
		"another title":      signed("haproxystats manifest 1"),
		"version 0":          signed("haproxystats base 0"),
		"instances":          signed("haproxystats base 1", "folded 1-2", "folded 1-2"),
		"instance":           signed("haproxystats base 1", "folded 01-2"),
		"an end":             signed("haproxystats base 1", "ended 1-2 final 0"),
		"an end of nobody":   signed("haproxystats base 1", "ended 1 final 0 0"),
		"a negative loss":    signed("haproxystats base 1", "ended 1-2 unheard -1 0"),
		"too many ends":      signed(append([]string{"haproxystats base 1"}, slices.Repeat([]string{"ended 1-2 final 0 0"}, maxEnds+1)...)...),
		"a future time":      signed("haproxystats base 1", "at 99999999999999"),
		"columns twice":      signed("haproxystats base 1", "columns a,a"),
		"two lists":          signed("haproxystats base 1", "columns a", "columns b"),
		"rows before":        signed("haproxystats base 1", `row 0 1 - "a" "b" 1`),
		"a type":             signed("haproxystats base 1", "columns a", `row 4 1 - "a" "b" 1`),
		"too many values":    signed("haproxystats base 1", "columns a", `row 0 1 - "a" "b" 1,2`),
		"a row twice":        signed("haproxystats base 1", "columns a", `row 0 1 - "a" "b" 1`, `row 0 1 - "a" "b" 1`),
		"a text":             signed("haproxystats base 1", "columns a", `row 0 1 - "a" "b" x`),
		"marks":              signed("haproxystats base 1", "columns a", `row 0 1 0/ "a" "b" 1`),
		"names":              signed("haproxystats base 1", "columns a", `row 0 1 - "a" b 1`),
		"info twice":         signed("haproxystats base 1", `info "a" 1`, `info "a" 1`),
		"a number too large": signed("haproxystats base 1", `info "a" 9223372036854775808`),
	} {
		if b, err := ParseBase(text); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %+v, %v, want an error that is ErrDamaged", name, b, err)
		}
	}
	if _, err := ParseBase(signed("haproxystats base 2", "end")); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}

func FuzzParseBase(f *testing.F) {
	f.Add(someBase().Append(nil))
	f.Add(signed("haproxystats base 1", "columns a", `row 0 1 - "a" "b" 1`))
	f.Fuzz(func(t *testing.T, text []byte) {
		// The fuzzer can't make checksums.
		if at := bytes.LastIndex(text, []byte("end ")); at >= 0 {
			text = fmt.Appendf(text[:at:at], "end %08x\n", crc32.Checksum(text[:at], castagnoli))
		}
		b, err := ParseBase(text)
		if err != nil {
			return
		}
		again, err := ParseBase(b.Append(nil))
		if err != nil {
			t.Fatalf("got %v for the text of a parsed base", err)
		}
		if got, want := string(again.Append(nil)), string(b.Append(nil)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func FuzzReadStat(f *testing.F) {
	f.Add([]byte(script{rows: sessions(3)}.stat()), []byte("Name: HAProxy\nPid: 1\nStart_time_sec: 2\n\n"))
	f.Fuzz(func(t *testing.T, stat, info []byte) {
		s, err := ReadStat(bytes.NewReader(stat), 0)
		i, err2 := ReadInfo(bytes.NewReader(info), 1_700_000_000)
		if err != nil || err2 != nil {
			return
		}
		a := &Account{}
		a.Step([]Word{{Info: i, Stat: s, Current: true}}, nil, 1_700_000_000)
		a.Step([]Word{{Info: i, Stat: &Stat{}, Current: true, Final: true}}, nil, 1_700_000_010)
		if _, err := ParseBase(a.Base.Append(nil)); err != nil {
			t.Errorf("got %v for the base of an account", err)
		}
	})
}

func FuzzParseInstance(f *testing.F) {
	f.Add("12-1700000000")
	f.Fuzz(func(t *testing.T, text string) {
		if i, err := ParseInstance(text); err == nil && i.String() != text {
			t.Errorf("got %v for %q", i, text)
		}
	})
}

func TestForgottenRows(t *testing.T) {
	a := &Account{}
	all := map[string][4]int64{web: {5, 1, 1}, "app/gone": {3, 1, 1}}
	a.Step([]Word{script{pid: 1, start: 100, rows: all}.word(t, 110)}, nil, 110)
	a.Step([]Word{script{pid: 2, start: 111, rows: sessions(1)}.word(t, 120)}, []Instance{{1, 100}}, 120)
	limits := Limits{Keep: time.Hour, Times: 5}
	if n := a.Prune(limits); n != 0 {
		t.Errorf("got %d forgotten rows, want 0: nothing is old", n)
	}
	a.Step(nil, nil, 120+2*3600)
	if n := a.Prune(limits); n != 1 || a.Base.Rows() != 1 {
		t.Errorf("got %d forgotten rows and %d left, want 1 and 1", n, a.Base.Rows())
	}
	wantTotal(t, a, web, "stot", 6)
	// Of too many names, the oldest go.
	many := make(map[string][4]int64)
	for i := range 3000 {
		many[fmt.Sprintf("app/s%04d", i)] = [4]int64{1, 1, 1}
	}
	many[web] = [4]int64{2, 1, 1}
	a.Step([]Word{script{pid: 3, start: 8000, rows: many}.word(t, 8001)}, []Instance{{2, 111}}, 8001)
	a.Step([]Word{script{pid: 4, start: 8002, rows: sessions(1)}.word(t, 8003)}, []Instance{{3, 8000}}, 8003)
	if n := a.Prune(limits); n != 3000-minGone || a.Base.Rows() != minGone+1 {
		t.Errorf("got %d forgotten rows and %d left, want %d and %d", n, a.Base.Rows(), 3000-minGone, minGone+1)
	}
}

// TestSharedRows counts the traffic of two workers with the same counters once,
// although their replies are a moment apart.
func TestSharedRows(t *testing.T) {
	old := func(n, at int64) Word {
		w := script{pid: 1, start: 100, version: "3.4.0", rows: sessions(n), info: map[string]int64{"CumReq": n, "CumConns": n}}.word(t, at)
		w.Current = false
		return w
	}
	current := func(n, at int64) Word {
		return script{pid: 2, start: 111, version: "3.4.0", rows: sessions(n), info: map[string]int64{"CumReq": 2, "CumConns": 2}}.word(t, at)
	}
	a := &Account{}
	first := old(1000, 110)
	first.Current = true
	a.Step([]Word{first}, nil, 110)
	for i, c := range []struct{ old, current, want int64 }{
		{1100, 1110, 1110}, // equal but for what came in between
		{1100, 1110, 1110},
		{1200, 1203, 1203},
		{1300, 1299, 1299},
		{1301, 1400, 1400},
	} {
		at := int64(120 + 10*i)
		a.Step([]Word{old(c.old, at), current(c.current, at)}, nil, at)
		got, _ := a.Total(keyed(web), "stot")
		if off := got - c.want; off < -10 || off > 10 {
			t.Errorf("round %d: got %d, want %d or nearly so", i, got, c.want)
		}
		base, err := ParseBase(a.Base.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		a.Base = base
	}
	a.Step([]Word{current(1500, 200)}, []Instance{{1, 100}}, 200)
	got, _ := a.Total(keyed(web), "stot")
	if off := got - 1500; off < -10 || off > 10 {
		t.Errorf("got %d, want 1500 or nearly so", got)
	}
}

// TestSeparateRows does not take two workers' counters for shared because the second
// one began with those of the first.
func TestSeparateRows(t *testing.T) {
	old := func(n, at int64, current bool) Word {
		w := script{pid: 1, start: 100, version: "3.0.0", rows: sessions(n), info: map[string]int64{"CumReq": n, "CumConns": n}}.word(t, at)
		w.Current = current
		return w
	}
	a := &Account{}
	a.Step([]Word{old(1000, 110, true)}, nil, 110)
	for i, c := range []struct{ old, current, want int64 }{{1000, 1000, 1000}, {1040, 1000, 1040}, {1050, 1100, 1150}} {
		at := int64(120 + 10*i)
		w := script{pid: 2, start: 111, version: "3.0.0", rows: sessions(c.current), info: map[string]int64{"CumReq": 2, "CumConns": 2}}.word(t, at)
		a.Step([]Word{old(c.old, at, false), w}, nil, at)
		wantTotal(t, a, web, "stot", c.want)
	}
}
