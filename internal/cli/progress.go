package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// A terminal shows one line that changes; elsewhere a line appears now and then.
const (
	redrawInterval = 200 * time.Millisecond
	lineInterval   = 10 * time.Second
)

// progress shows how far a replay has come. It is also the writer for other messages
// during the replay. It is not safe for concurrent use.
type progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time
	start    time.Time
	told     time.Time // when the last line was written
	shown    bool      // the cursor stands behind a line that will change

	total, done int
	metrics     int64
	bytes       int64
}

func newProgress(w io.Writer, total int) *progress {
	p := &progress{w: w, terminal: isTerminal(w), now: time.Now, total: total}
	p.start = p.now()
	p.told = p.start
	return p
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Write writes whole lines of other messages.
func (p *progress) Write(b []byte) (int, error) {
	p.clear()
	return p.w.Write(b)
}

func (p *progress) elapsed() time.Duration { return p.now().Sub(p.start) }

// add counts a snapshot, and shows the progress when it is time to.
func (p *progress) add(metrics int, bytes int64) {
	p.done++
	p.metrics += int64(metrics)
	p.bytes += bytes
	interval := lineInterval
	if p.terminal {
		interval = redrawInterval
	}
	now := p.now()
	if now.Sub(p.told) < interval {
		return
	}
	p.told = now
	p.clear()
	fmt.Fprint(p.w, p)
	if p.terminal {
		p.shown = true
	} else {
		fmt.Fprintln(p.w)
	}
}

// clear removes the line that would have changed.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// end writes the totals.
func (p *progress) end() {
	p.clear()
	fmt.Fprintf(p.w, "%d of %d snapshots, %d metrics, %d bytes in %v\n", p.done, p.total, p.metrics, p.bytes, short(p.elapsed()))
}

// String returns the line for now.
func (p *progress) String() string {
	elapsed := p.elapsed()
	left := time.Duration(float64(elapsed) / float64(p.done) * float64(p.total-p.done))
	return fmt.Sprintf("%d of %d snapshots (%d%%), %d metrics, %.0f metrics/s, %v left",
		p.done, p.total, 100*p.done/p.total, p.metrics, float64(p.metrics)/max(elapsed.Seconds(), 0.001), short(left))
}

// short rounds a duration for people.
func short(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
