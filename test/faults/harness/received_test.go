package harness

import (
	"fmt"
	"strings"
	"testing"
)

// arrival is what arrives of a snapshot in which all sockets are in that round.
func arrival(src *Source, time, round int64) (lines []string) {
	rounds := make([]int64, src.Shape.Sockets)
	for n := range rounds {
		rounds[n] = round
	}
	for at, e := range src.paths {
		lines = append(lines, fmt.Sprintf("%s %.1f %d\n", e.path, src.expected(at, rounds), time))
	}
	return append(lines, fmt.Sprintf("%sTotalWallClockTime 0.001 %d\n", self, time))
}

// TestCompare has Compare find everything that can be wrong.
func TestCompare(t *testing.T) {
	src := NewSource(Shape{})
	for range 5 {
		for _, socket := range src.sockets {
			socket.Tell()
		}
	}
	first, second := arrival(src, 100, 1), arrival(src, 101, 2)
	all := strings.Join(first, "") + strings.Join(second, "")
	for name, test := range map[string]struct {
		text     string
		accepted []int64
		rounds   map[int64]int64
		want     Finding
	}{
		"all":                          {text: all, accepted: []int64{100, 101}},
		"all, of known rounds":         {text: all, accepted: []int64{100, 101}, rounds: map[int64]int64{100: 1, 101: 2}},
		"of another round":             {text: all, accepted: []int64{100, 101}, rounds: map[int64]int64{100: 1, 101: 3}, want: Finding{Invented: 2}},
		"one snapshot again":           {text: all + strings.Join(first, ""), accepted: []int64{100, 101}, want: Finding{Repeats: 1}},
		"some lines twice again":       {text: all + first[0] + first[0] + second[3], accepted: []int64{100, 101}, want: Finding{Repeats: 3}},
		"a snapshot is lost":           {text: all, accepted: []int64{99, 100, 101}, want: Finding{Lost: 1}},
		"a line is lost":               {text: strings.Join(first[1:], ""), accepted: []int64{100}, want: Finding{Incomplete: 1}},
		"nobody accepted it":           {text: all, accepted: []int64{100}, want: Finding{Invented: 1}},
		"accepted twice":               {text: all, accepted: []int64{100, 100, 101}, want: Finding{Invented: 1}},
		"an unknown path":              {text: all + Root + "daemon.Invented 1 100\n", accepted: []int64{100, 101}, want: Finding{Invented: 1}},
		"half a line":                  {text: all + first[0][:9] + "\n", accepted: []int64{100, 101}, want: Finding{Invented: 1}},
		"two values":                   {text: all + strings.Replace(first[1], " ", " 9", 1), accepted: []int64{100, 101}, want: Finding{Invented: 1, Repeats: 1}},
		"a wrong value":                {text: strings.Replace(all, first[1], strings.Replace(first[1], " ", " 9", 1), 1), accepted: []int64{100, 101}, want: Finding{Invented: 1}},
		"a round under two times":      {text: strings.Join(arrival(src, 100, 1), "") + strings.Join(arrival(src, 101, 1), ""), accepted: []int64{100, 101}, want: Finding{Invented: 2}},
		"a round that has not been":    {text: strings.Join(arrival(src, 100, 6), ""), accepted: []int64{100}, want: Finding{Invented: 2}},
		"a round before the first":     {text: strings.Join(arrival(src, 100, 0), ""), accepted: []int64{100}, want: Finding{Invented: 2}},
		"lines of different snapshots": {text: strings.Join(first[:30], "") + strings.Join(arrival(src, 100, 3)[30:], ""), accepted: []int64{100}, want: Finding{Invented: len(first) - 1 - 30 - src.Shape.Backends}},
	} {
		b := NewReceived(src)
		if left := b.Add([]byte(test.text)); left != 0 {
			t.Errorf("%s: %d bytes are left", name, left)
		}
		test.want.Snapshots = len(test.accepted)
		got := b.Compare(test.accepted, test.rounds)
		if details := got.Details; fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v, want %v: %q", name, got, test.want, details)
		}
		if got.Bad() != (test.want.Lost+test.want.Incomplete+test.want.Invented > 0) {
			t.Errorf("%s: bad %v", name, got.Bad())
		}
	}
}

// TestWhole: a snapshot is whole with its last line, not before.
func TestWhole(t *testing.T) {
	src := NewSource(Shape{})
	b := NewReceived(src)
	lines := arrival(src, 100, 1)[:src.Paths()]
	for i, line := range lines {
		if b.Whole(100) {
			t.Fatalf("whole with %d of %d lines", i, len(lines))
		}
		b.Add([]byte(line))
	}
	if !b.Whole(100) || b.Whole(100, 101) {
		t.Errorf("whole: %v, with another: %v", b.Whole(100), b.Whole(100, 101))
	}
}

func TestLinesThatAreAllowed(t *testing.T) {
	b := NewReceived(nil)
	b.Allow(func(path string, value float64) bool { return path == "a" && value == 1 })
	if left := b.Add([]byte("a 1 5\na 2 5\nb 1 5\na 1")); left != 3 || len(b.Problems()) != 2 || b.Lines() != 3 {
		t.Errorf("%d bytes left, %d lines, %q", left, b.Lines(), b.Problems())
	}
}
