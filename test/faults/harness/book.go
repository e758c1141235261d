package harness

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
)

// Book notes what arrived of a [Source]: the value of each path and time, and
// how often. Its memory is bounded by the number of snapshots.
type Book struct {
	src     *Source
	foreign func(path string, value float64) bool

	mu      sync.Mutex
	pages   map[int64]*page
	lines   int64
	wrong   int // lines that should not be
	shown   []string
	changed chan struct{}
}

// page is what arrived of one time.
type page struct {
	counts []uint16
	values []float64
	seen   int // paths
	most   uint16
}

// maxShown bounds how many complaints are kept.
const maxShown = 20

// NewBook returns an empty book. A source of nil says nothing.
func NewBook(src *Source) *Book {
	if src == nil {
		src = new(Source)
	}
	return &Book{src: src, pages: make(map[int64]*page), changed: make(chan struct{})}
}

// Allow says what may arrive besides what the source says.
func (b *Book) Allow(foreign func(path string, value float64) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.foreign = foreign
}

// Add notes whole lines, and returns how many bytes behind the last newline are
// left.
func (b *Book) Add(text []byte) (left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			break
		}
		b.line(line)
		text = rest
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return len(text)
}

func (b *Book) line(line []byte) {
	b.lines++
	p, err := ParseLine(line)
	if err != nil {
		b.complain("%v: %.200q", err, line)
		return
	}
	if bytes.HasPrefix(p.Path, []byte(self)) {
		return
	}
	at, known := b.src.place[string(p.Path)]
	if !known && b.foreign != nil && b.foreign(string(p.Path), p.Value) {
		return
	}
	if !known {
		b.complain("invented path: %.200q", line)
		return
	}
	of := b.pages[p.Time]
	if of == nil {
		of = &page{counts: make([]uint16, len(b.src.paths)), values: make([]float64, len(b.src.paths))}
		b.pages[p.Time] = of
	}
	switch {
	case of.counts[at] == 0:
		of.values[at] = p.Value
		of.seen++
	case of.values[at] != p.Value:
		b.complain("second value, the first was %v: %.200q", of.values[at], line)
	}
	if of.counts[at] < math.MaxUint16 {
		of.counts[at]++
		of.most = max(of.most, of.counts[at])
	}
}

func (b *Book) complain(format string, args ...any) {
	b.wrong++
	if len(b.shown) < maxShown {
		b.shown = append(b.shown, fmt.Sprintf(format, args...))
	}
}

// Problems returns the first lines that should not be, and why.
func (b *Book) Problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.shown)
}

// Lines returns how many lines have arrived.
func (b *Book) Lines() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines
}

// Whole reports whether all paths of all these times have arrived.
func (b *Book) Whole(times ...int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !slices.ContainsFunc(times, func(t int64) bool { return !b.whole(t) })
}

func (b *Book) whole(time int64) bool {
	p := b.pages[time]
	return p != nil && p.seen == len(b.src.paths)
}

// WaitWhole waits until all of these times have arrived in whole.
func (b *Book) WaitWhole(ctx context.Context, times ...int64) error {
	for {
		b.mu.Lock()
		missing := 0
		for _, t := range times {
			if !b.whole(t) {
				missing++
			}
		}
		changed := b.changed
		b.mu.Unlock()
		if missing == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d snapshots, %d of which are missing or not whole: %w", len(times), missing, context.Cause(ctx))
		}
	}
}

// WaitLines waits until more than n lines have arrived.
func (b *Book) WaitLines(ctx context.Context, n int64) error {
	for {
		b.mu.Lock()
		lines, changed := b.lines, b.changed
		b.mu.Unlock()
		if lines > n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for more than %d lines: %w", n, context.Cause(ctx))
		}
	}
}

// Finding is what a comparison of a book with a ledger comes to.
type Finding struct {
	Snapshots  int // accepted
	Lost       int // of them, those of which nothing arrived
	Incomplete int // those of which not everything arrived
	Invented   int // lines or values that nothing accepted explains
	Repeats    int // deliveries beyond the first, of all snapshots
	Details    []string
}

func (f Finding) String() string {
	return fmt.Sprintf("%d snapshots: %d lost, %d incomplete, %d invented, %d repeated",
		f.Snapshots, f.Lost, f.Incomplete, f.Invented, f.Repeats)
}

// Bad reports whether anything is wrong but repeats.
func (f Finding) Bad() bool { return f.Lost+f.Incomplete+f.Invented > 0 }

// Compare compares what arrived with the times that were accepted. Rounds says
// in which round a snapshot was made, where that is known; nil otherwise.
func (b *Book) Compare(accepted []int64, rounds map[int64]int64) Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := Finding{Snapshots: len(accepted), Invented: b.wrong, Details: slices.Clone(b.shown)}
	say := func(format string, args ...any) {
		if len(f.Details) < 2*maxShown {
			f.Details = append(f.Details, fmt.Sprintf(format, args...))
		}
	}
	known := make(map[int64]bool)
	for _, t := range accepted {
		if known[t] {
			f.Invented++
			say("%d was accepted twice", t)
		}
		known[t] = true
		switch p := b.pages[t]; {
		case p == nil:
			f.Lost++
			say("nothing arrived of %d", t)
		case p.seen < len(b.src.paths):
			f.Incomplete++
			say("%d of %d paths arrived of %d", p.seen, len(b.src.paths), t)
		}
	}
	used := make(map[[2]int64]int64) // times, by socket and round
	for _, t := range slices.Sorted(maps.Keys(b.pages)) {
		p := b.pages[t]
		if p.most > 1 {
			f.Repeats += int(p.most) - 1
		}
		if !known[t] {
			f.Invented++
			say("%d arrived, which was not accepted", t)
		}
		if p.seen < len(b.src.paths) {
			continue
		}
		for _, wrong := range b.src.check(p, t, rounds, used) {
			f.Invented++
			say("%d: %s", t, wrong)
		}
	}
	return f
}

// check compares the values of a whole page with each other.
func (src *Source) check(p *page, time int64, known map[int64]int64, used map[[2]int64]int64) (wrong []string) {
	rounds := make([]int64, src.Shape.Sockets)
	for at, e := range src.paths {
		if e.kind == round {
			rounds[e.socket] = int64(p.values[at])
		}
	}
	want, fed := known[time]
	for n, r := range rounds {
		switch {
		case fed:
			if r != want {
				wrong = append(wrong, fmt.Sprintf("socket %d in round %d, want %d", n, r, want))
			}
			continue
		case r < 1 || r > src.sockets[n].Rounds():
			wrong = append(wrong, fmt.Sprintf("socket %d in round %d, of which there were %d", n, r, src.sockets[n].Rounds()))
			continue
		}
		key := [2]int64{int64(n), r}
		if other, again := used[key]; again {
			wrong = append(wrong, fmt.Sprintf("socket %d in round %d, which arrived as %d, too", n, r, other))
		}
		used[key] = time
	}
	for at := range src.paths {
		if v := src.expected(at, rounds); p.values[at] != v {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", src.paths[at].path, p.values[at], v))
		}
	}
	return wrong
}
