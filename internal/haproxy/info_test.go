package haproxy

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// infoScan is all that a reply to `show info` gave.
type infoScan struct {
	Pairs    []string // "key=value"
	Skipped  int
	Complete bool
}

func scanInfo(t testing.TB, s *InfoScanner, r io.Reader) (infoScan, error) {
	t.Helper()
	s.Reset(r)
	var got infoScan
	for s.Next() {
		got.Pairs = append(got.Pairs, string(s.Key())+"="+string(s.Value()))
	}
	if s.Pairs() != len(got.Pairs) {
		t.Errorf("Pairs() = %d, %d were read", s.Pairs(), len(got.Pairs))
	}
	got.Skipped, got.Complete = s.Skipped(), s.Complete()
	if s.Next() || s.Skipped() != got.Skipped || s.Complete() != got.Complete {
		t.Error("a scanner at its end does not stay there")
	}
	return got, s.Err()
}

// referInfo reads a reply as plainly as it can be done.
func referInfo(reply string) (want infoScan) {
	lines := strings.Split(reply, "\n")
	last := len(lines) - 1
	if lines[last] != "" {
		want.Skipped++
	}
	want.Complete = last > 0 && lines[last] == "" && lines[last-1] == ""
	for _, line := range lines[:last] {
		colon := strings.Index(line, ": ")
		switch {
		case colon > 0 && len(want.Pairs) == maxPairs:
			want.Skipped++
		case colon > 0:
			want.Pairs = append(want.Pairs, line[:colon]+"="+strings.TrimSpace(line[colon+2:]))
		case line != "" && !strings.HasSuffix(strings.TrimSpace(line), ":"):
			want.Skipped++
		}
	}
	return want
}

func TestInfoRecordings(t *testing.T) {
	var s InfoScanner
	for path, reply := range repliesNamed(t, "_info") {
		want := referInfo(reply)
		for name, r := range map[string]*pieces{
			"whole":         {},
			"one byte":      {sizes: []int{1}},
			"odd sizes":     {sizes: []int{5, 0, 1, 33}},
			"data with EOF": {withEOF: true},
		} {
			r.text = reply
			got, err := scanInfo(t, &s, r)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s, %s: %v %s", path, name, err, diff)
			}
			if got.Skipped != 0 || !got.Complete || len(got.Pairs) < 40 {
				t.Errorf("%s, %s: %d pairs, skipped %d, complete %t", path, name, len(got.Pairs), got.Skipped, got.Complete)
			}
		}
		numbers := 0
		s.Reset(strings.NewReader(reply))
		for s.Next() {
			value := string(s.Value())
			want, err := strconv.ParseInt(value, 10, 64)
			got, ok := Number(s.Value())
			if ok != (err == nil) || ok && got != want {
				t.Errorf("%s: %s: %q is %d, %t", path, s.Key(), value, got, ok)
			}
			if ok {
				numbers++
			}
		}
		if numbers < 35 {
			t.Errorf("%s: only %d numbers", path, numbers)
		}
	}
}

var awkwardInfos = []struct {
	name, reply string
	want        string
}{
	{"empty", "", `[] 0 false`},
	{"only the end mark", "\n", `[] 0 true`},
	{"one pair", "Name: HAProxy\n\n", `["Name=HAProxy"] 0 true`},
	{"no end mark", "Name: HAProxy\n", `["Name=HAProxy"] 0 false`},
	{"cut in a value", "Pid: 1\nMaxconn: 20", `["Pid=1"] 1 false`},
	{"cut behind the end mark", "Pid: 1\n\nrest", `["Pid=1"] 1 false`},
	{"keys with spaces", "Unstoppable Jobs: 0\nBuild info: 2.6.12-1: x\n\n", `["Unstoppable Jobs=0" "Build info=2.6.12-1: x"] 0 true`},
	{"no value", "node: \ndescription:\nPid: 1\n\n", `["node=" "Pid=1"] 0 true`},
	{"no pair", "Unknown command\n: 5\nPid: 1\n\n", `["Pid=1"] 2 true`},
	{"carriage returns", "Pid: 1\r\nMaxconn: 20\r\n\n", `["Pid=1" "Maxconn=20"] 0 true`},
	{"any bytes", "node: \xff\x00\xfe\nPid: 1\n\n", `["node=\xff\x00\xfe" "Pid=1"] 0 true`},
	{"a key twice", "Pid: 1\nPid: 2\n\n", `["Pid=1" "Pid=2"] 0 true`},
	{"blank lines between", "Pid: 1\n\nMaxconn: 20\n\n", `["Pid=1" "Maxconn=20"] 0 true`},
	{"more behind the end mark", "Pid: 1\n\nMaxconn: 20\n", `["Pid=1" "Maxconn=20"] 0 false`},
	{"a negative number", "Idle_pct: -1\n\n", `["Idle_pct=-1"] 0 true`},
}

func TestInfoAwkward(t *testing.T) {
	for _, test := range awkwardInfos {
		t.Run(test.name, func(t *testing.T) {
			for _, sizes := range [][]int{nil, {1}, {2, 3}} {
				got, err := scanInfo(t, new(InfoScanner), &pieces{text: test.reply, sizes: sizes})
				if text := fmt.Sprintf("%q %d %t", got.Pairs, got.Skipped, got.Complete); text != test.want || err != nil {
					t.Errorf("pieces of %v: %s, %v; want %s", sizes, text, err, test.want)
				}
			}
		})
	}
}

// TestInfoEndless: keys are bounded in number, and what is beyond is counted.
func TestInfoEndless(t *testing.T) {
	var reply strings.Builder
	for i := range 2*maxPairs + 5 {
		fmt.Fprintf(&reply, "key%d: 1\n", i)
	}
	reply.WriteString("\n")
	got, err := scanInfo(t, new(InfoScanner), strings.NewReader(reply.String()))
	if len(got.Pairs) != maxPairs || got.Skipped != maxPairs+5 || !got.Complete || err != nil {
		t.Errorf("%d pairs, skipped %d, complete %t, error %v", len(got.Pairs), got.Skipped, got.Complete, err)
	}
	if diff := cmp.Diff(referInfo(reply.String()), got); diff != "" {
		t.Error(diff)
	}
}

// TestInfoCut: whatever byte a reply is cut at, the cut line gives no pair.
func TestInfoCut(t *testing.T) {
	for path, reply := range repliesNamed(t, "_info") {
		whole := referInfo(reply)
		var s InfoScanner
		for n := range len(reply) {
			got, err := scanInfo(t, &s, strings.NewReader(reply[:n]))
			lines := strings.Count(reply[:n], "\n")
			want := infoScan{Pairs: whole.Pairs[:min(lines, len(whole.Pairs))]}
			if n > 0 && reply[n-1] != '\n' {
				want.Skipped = 1
			}
			if got.Complete || got.Skipped != want.Skipped || len(got.Pairs) != len(want.Pairs) || err != nil {
				t.Fatalf("%s cut at %d: %+v, %v; want %+v", path, n, got, err, want)
			}
		}
	}
}

func TestInfoReadError(t *testing.T) {
	broken := errors.New("broken disk")
	got, err := scanInfo(t, new(InfoScanner), failing{&pieces{text: "Pid: 1\nMax"}, broken})
	want := infoScan{Pairs: []string{"Pid=1"}, Skipped: 1}
	if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, broken) {
		t.Error(err, diff)
	}
}

func TestInfoScannerAllocates(t *testing.T) {
	reply := oneReply(t, repliesNamed(t, "_info"), "3.4.0")
	var s InfoScanner
	var sum int64
	r := strings.NewReader(reply)
	allocs := testing.AllocsPerRun(5, func() {
		r.Reset(reply)
		s.Reset(r)
		for s.Next() {
			if v, ok := Number(s.Value()); ok {
				sum = (sum + v) & math.MaxInt32
			}
		}
	})
	if allocs > 0 || sum == 0 {
		t.Errorf("%v allocations, sum %d", allocs, sum)
	}
}

// FuzzInfo compares with the reference, in pieces of two sizes.
func FuzzInfo(f *testing.F) {
	for _, reply := range repliesNamed(f, "_info") {
		f.Add(reply, uint8(7), uint8(0))
	}
	for _, test := range awkwardInfos {
		f.Add(test.reply, uint8(1), uint8(3))
	}
	f.Fuzz(func(t *testing.T, reply string, size, other uint8) {
		want := referInfo(reply)
		for _, r := range []*pieces{{text: reply, withEOF: true}, {text: reply, sizes: []int{int(size) + 1, int(other)}}} {
			got, err := scanInfo(t, new(InfoScanner), r)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Fatal(err, diff)
			}
		}
	})
}
