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

// Received records what arrived of a [Source]: the value of each path and time, and
// how often. Its memory is bounded by the number of snapshots.
type Received struct {
	src     *Source
	foreign func(path string, value float64) bool

	mu      sync.Mutex
	times   map[int64]*moment
	lines   int64
	wrong   int // lines that should not be
	shown   []string
	changed chan struct{}
}

// moment is what arrived of one time.
type moment struct {
	counts []uint16
	values []float64
	seen   int // paths
	most   uint16
}

// maxShown bounds how many complaints are kept.
const maxShown = 20

// NewReceived returns a record of nothing. With a nil source, no path is expected.
func NewReceived(src *Source) *Received {
	if src == nil {
		src = new(Source)
	}
	return &Received{src: src, times: make(map[int64]*moment), changed: make(chan struct{})}
}

// Allow says what may arrive besides what the source says.
func (r *Received) Allow(foreign func(path string, value float64) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign = foreign
}

// Add notes whole lines, and returns how many bytes behind the last newline are
// left.
func (r *Received) Add(text []byte) (left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			break
		}
		r.line(line)
		text = rest
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return len(text)
}

func (r *Received) line(line []byte) {
	r.lines++
	p, err := ParseLine(line)
	if err != nil {
		r.complain("%v: %.200q", err, line)
		return
	}
	if bytes.HasPrefix(p.Path, []byte(self)) {
		return
	}
	at, known := r.src.place[string(p.Path)]
	if !known && r.foreign != nil && r.foreign(string(p.Path), p.Value) {
		return
	}
	if !known {
		r.complain("invented path: %.200q", line)
		return
	}
	of := r.times[p.Time]
	if of == nil {
		of = &moment{counts: make([]uint16, len(r.src.paths)), values: make([]float64, len(r.src.paths))}
		r.times[p.Time] = of
	}
	switch {
	case of.counts[at] == 0:
		of.values[at] = p.Value
		of.seen++
	case of.values[at] != p.Value:
		r.complain("second value, the first was %v: %.200q", of.values[at], line)
	}
	if of.counts[at] < math.MaxUint16 {
		of.counts[at]++
		of.most = max(of.most, of.counts[at])
	}
}

func (r *Received) complain(format string, args ...any) {
	r.wrong++
	if len(r.shown) < maxShown {
		r.shown = append(r.shown, fmt.Sprintf(format, args...))
	}
}

// Problems returns the first lines that should not be, and why.
func (r *Received) Problems() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.shown)
}

// Lines returns how many lines have arrived.
func (r *Received) Lines() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

// Whole reports whether all paths of all these times have arrived.
func (r *Received) Whole(times ...int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(times, func(t int64) bool { return !r.whole(t) })
}

func (r *Received) whole(time int64) bool {
	p := r.times[time]
	return p != nil && p.seen == len(r.src.paths)
}

// WaitWhole waits until all of these times have arrived in whole.
func (r *Received) WaitWhole(ctx context.Context, times ...int64) error {
	for {
		r.mu.Lock()
		missing := 0
		for _, t := range times {
			if !r.whole(t) {
				missing++
			}
		}
		changed := r.changed
		r.mu.Unlock()
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
func (r *Received) WaitLines(ctx context.Context, n int64) error {
	for {
		r.mu.Lock()
		lines, changed := r.lines, r.changed
		r.mu.Unlock()
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

// Finding is the result of comparing the arrived lines with the accepted snapshots.
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

// Bad reports whether anything is wrong besides repeats.
func (f Finding) Bad() bool { return f.Lost+f.Incomplete+f.Invented > 0 }

// Compare compares what arrived with the times that were accepted. Rounds says
// in which round a snapshot was made, where that is known; nil otherwise.
func (r *Received) Compare(accepted []int64, rounds map[int64]int64) Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := Finding{Snapshots: len(accepted), Invented: r.wrong, Details: slices.Clone(r.shown)}
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
		switch p := r.times[t]; {
		case p == nil:
			f.Lost++
			say("nothing arrived of %d", t)
		case p.seen < len(r.src.paths):
			f.Incomplete++
			say("%d of %d paths arrived of %d", p.seen, len(r.src.paths), t)
		}
	}
	used := make(map[[2]int64]int64) // times, by socket and round
	for _, t := range slices.Sorted(maps.Keys(r.times)) {
		p := r.times[t]
		if p.most > 1 {
			f.Repeats += int(p.most) - 1
		}
		if !known[t] {
			f.Invented++
			say("%d arrived, which was not accepted", t)
		}
		if p.seen < len(r.src.paths) {
			continue
		}
		for _, wrong := range r.src.check(p, t, rounds, used) {
			f.Invented++
			say("%d: %s", t, wrong)
		}
	}
	return f
}

// check compares the values of one time with each other, once all have arrived.
func (src *Source) check(p *moment, time int64, known map[int64]int64, used map[[2]int64]int64) (wrong []string) {
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
