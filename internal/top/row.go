package top

import (
	"math"
	"strings"
)

// State is the state of a row.
type State uint8

// The states, the worst last.
const (
	Unknown State = iota
	Up            // also the state of an open frontend and of a process that answers
	Full          // a frontend that has reached its limit of sessions
	NoLB          // a server whose check has answered 404
	Drain
	Maint
	Paused // a frontend
	Old    // a process that was replaced and finishes the work of its last clients
	Down
	Silent // a socket that does not answer
	numStates
)

// String returns the word for the state.
func (s State) String() string {
	return [numStates]string{"-", "UP", "FULL", "NOLB", "DRAIN", "MAINT", "PAUSED", "OLD", "DOWN", "SILENT"}[s]
}

// severity orders the states for sorting: what needs attention is higher.
func (s State) severity() int {
	return [numStates]int{Unknown: 0, Up: 1, Old: 2, Maint: 3, Drain: 4, NoLB: 5, Paused: 6, Full: 7, Down: 8, Silent: 9}[s]
}

// historyLength is the number of rounds that a row remembers.
const historyLength = 120

// Row is a process, a frontend, a backend or a server.
type Row struct {
	Kind Kind
	// Parent is the backend of a server.
	Parent, Name string
	State        State
	// Going is below 0 while checks fail that have not changed the state yet, and above 0
	// while they succeed and have not.
	Going float64
	// Seen is the number of processes that have the row, and Agree how many of them see it in
	// its state.
	Seen, Agree int
	// Servers are the numbers of a backend's servers.
	Servers Servers
	// Check is the result of a server's last health check, such as L7OK; empty if there is
	// none.
	Check string
	// Info is what only a process has.
	Info *ProcessInfo
	// Values are the numbers; [None] where there is none.
	Values [numMetrics]float64

	counts  [numCounters]float64
	history ring
	// text is what a filter searches.
	text string
	// seen is the number of the reading that had the row last.
	seen uint64
	life life // of a process
}

// Servers are the numbers of a backend's servers; [None] if they are not known.
type Servers struct{ Up, Down, Maint, Drain, NoLB float64 }

// All returns the number of all servers.
func (s Servers) All() float64 { return s.Up + s.Down + s.Maint + s.Drain + s.NoLB }

// ProcessInfo is what a process has said of itself, or why it has not.
type ProcessInfo struct {
	Socket, Version, Pid string
	// Problem is why it does not answer, and Hint what to do about it.
	Problem, Hint string
}

// History returns the requests a second of the last rounds, at most n, the newest last.
// [None] stands for rounds without a rate.
func (r *Row) History(n int) []float64 { return r.history.last(n) }

// FullName returns the name with the backend of a server.
func (r *Row) FullName() string {
	if r.Kind == Server {
		return r.Parent + "/" + r.Name
	}
	return r.Name
}

// Value returns a value.
func (r *Row) Value(m Metric) float64 { return r.Values[m] }

// matches reports whether the row has all words, which are in lower case.
func (r *Row) matches(words []string) bool {
	if len(words) == 0 {
		return true
	}
	if r.text == "" {
		r.text = strings.ToLower(r.FullName())
		if r.Info != nil {
			r.text += " " + strings.ToLower(r.Info.Pid+" "+r.Info.Version)
		}
	}
	for _, w := range words {
		if !strings.Contains(r.text, w) && !strings.EqualFold(r.State.String(), w) {
			return false
		}
	}
	return true
}

// ring has the last values, of 32 bits because there are many.
type ring struct {
	values []float32
	next   int
}

// add appends a value.
func (r *ring) add(v float64) {
	if len(r.values) < historyLength {
		r.values = append(r.values, float32(v))
		return
	}
	r.values[r.next] = float32(v)
	r.next = (r.next + 1) % historyLength
}

// last returns at most n values, the newest last.
func (r *ring) last(n int) []float64 {
	n = min(n, len(r.values))
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(r.values[(r.next+len(r.values)-n+i)%len(r.values)])
	}
	return out
}

// idle is a history of nothing but zeros or unknown values, which is not worth a line.
func idle(values []float64) bool {
	for _, v := range values {
		if Known(v) && v > 0 {
			return false
		}
	}
	return true
}

// Sparkline returns the values as blocks, one character for each, scaled by the largest;
// a space where there is none.
func Sparkline(values []float64) string {
	const blocks = "▁▂▃▄▅▆▇█"
	most := 0.0
	for _, v := range values {
		if Known(v) {
			most = max(most, v)
		}
	}
	var b strings.Builder
	for _, v := range values {
		switch {
		case !Known(v):
			b.WriteByte(' ')
		case idle(values):
			b.WriteRune('▁')
		default:
			i := int(math.Round(v / most * 7))
			b.WriteString(blocks[3*i : 3*i+3])
		}
	}
	return b.String()
}
