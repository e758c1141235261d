package haproxy

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func readLines(r io.Reader) (got []string, l lines) {
	l.reset(r, readSize)
	for {
		from, to, ok := l.next()
		if !ok {
			return got, l
		}
		if l.buf[to] != '\n' {
			got = append(got, "no newline behind")
		}
		got = append(got, string(l.buf[from:to]))
	}
}

// TestLinesAtBoundaries puts the end of a line at and around the places where
// the buffer is full.
func TestLinesAtBoundaries(t *testing.T) {
	for _, full := range []int{readSize, 2 * readSize} {
		for d := -10; d <= 10; d++ {
			for _, before := range []string{"", "x\n", strings.Repeat("y", 1000) + "\n"} {
				text := before + strings.Repeat("a", full+d) + "\nb\n\nc\n" + strings.Repeat("d", full-d) + "\n"
				want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				for _, r := range []*pieces{{text: text}, {text: text, sizes: []int{readSize/2 + 1, 0, 5}}, {text: text, withEOF: true}} {
					got, l := readLines(r)
					if !slices.Equal(got, want) || l.err != nil || l.cut || l.long != 0 {
						t.Fatalf("a line of %d bytes behind %d: %d lines, want %d, %v", full+d, len(before), len(got), len(want), l.err)
					}
				}
			}
		}
	}
}

// TestLinesProperty: any lines in any pieces.
func TestLinesProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lengths := rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 20),
			rapid.IntRange(readSize-20, readSize+20),
			rapid.IntRange(0, 3*readSize),
		), 0, 12).Draw(r, "lengths")
		sizes := rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 64),
			rapid.IntRange(readSize-3, readSize+3),
			rapid.IntRange(1000, readSize),
		), 1, 5).Draw(r, "sizes")
		sizes = append(sizes, 4096) // so that it ends before long
		var want []string
		for i, n := range lengths {
			want = append(want, strings.Repeat(string(rune('a'+i)), n))
		}
		text := strings.Join(append(want, ""), "\n")
		tail := rapid.SampledFrom([]string{"", "x", strings.Repeat("z", readSize)}).Draw(r, "tail")
		got, l := readLines(&pieces{text: text + tail, sizes: sizes, withEOF: rapid.Bool().Draw(r, "EOF")})
		if !slices.Equal(got, want) || l.cut != (tail != "") || l.err != nil {
			r.Fatalf("%d lines, want %d, cut %t, %v", len(got), len(want), l.cut, l.err)
		}
	})
}

// repeated is a stream of parts, each given n times, that is never in memory.
type repeated struct {
	parts []part
	rest  string
}

type part struct {
	text string
	n    int
}

func (r *repeated) Read(b []byte) (int, error) {
	for r.rest == "" {
		if len(r.parts) == 0 {
			return 0, io.EOF
		}
		if r.parts[0].n == 0 {
			r.parts = r.parts[1:]
			continue
		}
		r.parts[0].n--
		r.rest = r.parts[0].text
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const (
	longHeader = "# pxname,svname,qcur,type,scur,last_chk,\n"
	longBegin  = "a,long,1,2,7,"
	goodRow    = "a,good,1,2,7,,\n"
)

// TestLongLines: a line of 10 MB is a line, one beyond the bound is skipped and
// counted, and what follows is right. Either way memory is bounded.
func TestLongLines(t *testing.T) {
	block := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name     string
		megs     int
		end      string
		rows     int
		skipped  int
		complete bool
	}{
		{"10 MB", 10, ",\n" + goodRow + "\n", 3, 0, true},
		{"17 MB", 17, ",\n" + goodRow + "\n", 2, 1, true},
		{"300 MB", 300, ",\n" + goodRow + "\n", 2, 1, true},
		{"300 MB, nothing behind", 300, ",\n", 1, 1, false},
		{"300 MB, cut", 300, "", 1, 1, false},
		{"300 MB, end mark behind", 300, "\n\n", 1, 1, true},
		{"a quote in 17 MB", 17, "\",\n" + goodRow + "\n", 2, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := &repeated{parts: []part{{longHeader, 1}, {goodRow, 1}, {longBegin, 1}, {block, test.megs}, {test.end, 1}}}
			got := scanStat(t, new(StatScanner), r, selectNoColumns)
			runtime.ReadMemStats(&after)
			if len(got.Rows) != test.rows || got.Skipped != test.skipped || got.Complete != test.complete || got.Err != nil {
				t.Errorf("%d rows, skipped %d, complete %t, error %v", len(got.Rows), got.Skipped, got.Complete, got.Err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 3*maxLine {
				t.Errorf("%d MB were allocated", grown>>20)
			}
		})
	}
}

// TestLongLineBounds looks at the very bound: all of the largest buffer.
func TestLongLineBounds(t *testing.T) {
	for _, d := range []int{-2, -1, 0, 1, 2} {
		line := strings.Repeat("x", maxLine+d)
		got, l := readLines(strings.NewReader("a\n" + line + "\nb\n"))
		want := []string{"a", line, "b"}
		if d >= 0 {
			want = []string{"a", "b"}
		}
		if !slices.Equal(got, want) || l.long != 3-len(want) {
			t.Errorf("a line of %d%+d bytes: %d lines, %d long", maxLine, d, len(got), l.long)
		}
	}
}

// TestLongLineBehindEndMark: a reply does not end in a line that does not fit.
func TestLongLineBehindEndMark(t *testing.T) {
	if _, l := readLines(strings.NewReader("a\n\n" + strings.Repeat("x", maxLine) + "\n")); l.long != 1 || l.blank {
		t.Errorf("%d long lines, blank %t", l.long, l.blank)
	}
}

// TestLongLineBehindStrayQuote: a row that seems to go on is not looked for in
// a line that does not fit.
func TestLongLineBehindStrayQuote(t *testing.T) {
	block := strings.Repeat("x", 1<<20)
	for _, behind := range []string{"", "\n", "\n\n", "\n" + goodRow, "\nx\n" + strings.Repeat(goodRow, 100) + "\n"} {
		for _, before := range []int{0, 10, readSize / len(goodRow)} {
			r := &repeated{parts: []part{
				{longHeader, 1}, {goodRow, before}, {"a,stray,1,2,7,\"" + strings.Repeat("y", 1000) + ",\n", 1}, {block, 17}, {behind, 1},
			}}
			got := scanStat(t, new(StatScanner), r, selectNoColumns)
			if want := before + strings.Count(behind, goodRow); len(got.Rows) != want || got.Err != nil {
				t.Errorf("%d rows, want %d, error %v", len(got.Rows), want, got.Err)
			}
			if want := 2 + strings.Count(behind, "x\n"); got.Skipped != want {
				t.Errorf("skipped %d, want %d", got.Skipped, want)
			}
		}
	}
}

// TestLinesReleaseMemory: one huge line does not keep its memory for ever.
func TestLinesReleaseMemory(t *testing.T) {
	var l lines
	l.reset(strings.NewReader(strings.Repeat("x", 10<<20)+"\n"), readSize)
	if _, _, ok := l.next(); !ok || len(l.buf) < 10<<20 {
		t.Fatalf("a line of 10 MB is not read: buffer of %d", len(l.buf))
	}
	if l.reset(strings.NewReader(""), readSize); len(l.buf) > 4*readSize+padding {
		t.Errorf("a buffer of %d bytes is kept", len(l.buf))
	}
}

// stuck never gives anything.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestLinesWithoutProgress(t *testing.T) {
	if err := new(StatScanner).Reset(stuck{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
	var s InfoScanner
	s.Reset(io.MultiReader(strings.NewReader("Pid: 1\nx"), stuck{}))
	if !s.Next() || s.Next() || !errors.Is(s.Err(), io.ErrNoProgress) || s.Complete() {
		t.Errorf("error %v, complete %t", s.Err(), s.Complete())
	}
}
