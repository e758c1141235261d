package real

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Record keeps points in the order of their arrival. The zero value is ready;
// its Add is a handler for [StartReceiver].
type Record struct {
	mu      sync.Mutex
	points  []Point
	changed chan struct{} // closed at the next Add
}

// Add keeps a point and wakes who waits.
func (r *Record) Add(p Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, p)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Points returns all points so far.
func (r *Record) Points() []Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.points)
}

// Wait returns all points once ok is content with them. When ctx ends first it
// returns those there are, with an error.
func (r *Record) Wait(ctx context.Context, ok func([]Point) bool) ([]Point, error) {
	for {
		r.mu.Lock()
		points := slices.Clip(r.points)
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		if ok(points) {
			return slices.Clone(points), nil
		}
		select {
		case <-ctx.Done():
			return slices.Clone(points), fmt.Errorf("wait for points, %d so far: %w", len(points), context.Cause(ctx))
		case <-changed:
		}
	}
}
