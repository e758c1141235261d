package process

import (
	"context"
	"slices"
	"sync"
)

// lanes keep the snapshots in hand in order: each sink gets the snapshots of a lane
// one at a time, in the order of their claims. A lane has the snapshots of one node.
// Neither lanes nor sinks wait for each other.
type lanes struct {
	sinks int

	mu   sync.Mutex
	line map[string][]*ticket // by lane, in the order of claims
}

// ticket is the position of a snapshot in its lane.
type ticket struct {
	lanes *lanes
	lane  string
	turn  []chan struct{} // by sink, closed when no earlier snapshot is ahead
	ahead []bool          // by sink, whether later snapshots wait for this one
}

// enter appends a snapshot to its lane.
func (l *lanes) enter(lane string) *ticket {
	t := &ticket{lanes: l, lane: lane, turn: make([]chan struct{}, l.sinks), ahead: make([]bool, l.sinks)}
	for i := range t.turn {
		t.turn[i], t.ahead[i] = make(chan struct{}), true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line == nil {
		l.line = make(map[string][]*ticket)
	}
	l.line[lane] = append(l.line[lane], t)
	for i := range t.turn {
		l.call(lane, i)
	}
	return t
}

// call lets the first snapshot that has not passed the sink have its turn.
func (l *lanes) call(lane string, sink int) {
	for _, t := range l.line[lane] {
		if !t.ahead[sink] {
			continue
		}
		select {
		case <-t.turn[sink]:
		default:
			close(t.turn[sink])
		}
		return
	}
}

// wait waits until every earlier snapshot of the lane has passed the sink.
func (t *ticket) wait(ctx context.Context, sink int) error {
	select {
	case <-t.turn[sink]:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass gives the sink to the next snapshot of the lane.
func (t *ticket) pass(sink int) {
	t.lanes.mu.Lock()
	defer t.lanes.mu.Unlock()
	t.ahead[sink] = false
	t.lanes.call(t.lane, sink)
}

// leave removes the snapshot from its lane.
func (t *ticket) leave() {
	l := t.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.line[t.lane]
	if i := slices.Index(line, t); i >= 0 {
		line = slices.Delete(line, i, i+1)
	}
	if len(line) == 0 {
		delete(l.line, t.lane)
		return
	}
	l.line[t.lane] = line
	for i := range l.sinks {
		l.call(t.lane, i)
	}
}
