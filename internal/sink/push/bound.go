package push

import "time"

// minBody is the length of a body that is not cut because it is too large: whoever refuses
// it takes nothing.
const minBody = 4 << 10

const (
	// growAfter is the number of bodies near the bound that the destination takes in a row
	// before the bound grows by a quarter. Each time that the destination refuses a body that
	// growth allowed, the next growth needs twice as many, up to maxGrowAfter.
	growAfter    = 32
	maxGrowAfter = 4096
)

// bound is the length of a body that a destination takes, as far as it has refused longer
// ones. It falls at once and grows slowly: a limit of a proxy may be raised while the program
// runs, and each try beyond a limit costs one request.
type bound struct {
	most  int // bytes; 0 for no bound
	grown bool
	after int // bodies in a row that the next growth needs
	taken int // of these, already

	last time.Time // when the operator was told that it fell
}

// isOver reports whether a body is longer than what the destination takes.
func (t *transport) isOver(size int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bound.most > 0 && size > t.bound.most
}

// smaller makes the next bodies shorter than one that was too long. A half of it may be a
// little longer than the other, and is short enough.
func (t *transport) smaller(size int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &t.bound
	most := max(minBody, size/4*3)
	if b.most > 0 && b.most <= most {
		return
	}
	switch {
	case b.after == 0:
		b.after = growAfter
	case b.grown:
		b.after = min(2*b.after, maxGrowAfter)
	}
	grown := b.grown
	b.most, b.grown, b.taken = most, false, 0
	if now := time.Now(); !grown || now.Sub(b.last) >= quiet {
		b.last = now
		t.log.Info("destination finds requests too large, they are made smaller", "bytes", size, "now", most, "error", err)
	}
}

// fits records that the destination took a body. Only those near the bound say something
// about it.
func (t *transport) fits(size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := &t.bound
	if b.most == 0 || size <= b.most/3 {
		return
	}
	if b.taken++; b.taken < b.after {
		return
	}
	b.most, b.grown, b.taken = b.most+b.most/4, true, 0
	if b.most >= MaxBody {
		b.most = 0
	}
}
