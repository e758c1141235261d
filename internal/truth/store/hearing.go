package store

import (
	"sync"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/truth"
)

// Hearing follows the rows of an instance while they arrive, so that a round need not read
// them back. It has the instance's tally meanwhile. If the reply does not arrive whole, or
// no round takes it, that tally is lost, and the next round compares all rows.
type Hearing struct {
	socket *Socket
	info   *truth.Info
	// member is the instance, and before the reply with its last rows.
	member  *member
	before  *truth.Info
	watches []*truth.Watch
	elapsed int64

	scanner *haproxy.StatScanner
	begun   bool // the header has been read
	failed  bool
	whole   bool
	tally   truth.Tally
	found   truth.Findings
}

// fed are scanners that are fed: their buffers are small.
var fed = sync.Pool{New: func() any { return new(haproxy.StatScanner) }}

// Hear begins to follow the rows of the instance that has said info. [Hearing.End] must
// follow. It returns nil for an instance that is new, or whose tally is lost: a round reads
// the rows of one after the other, which takes less memory than to learn all at the same
// time. watches begins to watch the rows, and may be nil.
func (k *Socket) Hear(info *truth.Info, watches func() []*truth.Watch) *Hearing {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.load() != nil {
		k.state = state{} // the round reports it
		return nil
	}
	m := k.memberOf(info)
	if m == nil || m.tally.Len() == 0 {
		return nil
	}
	h := &Hearing{socket: k, info: info, member: m, before: m.statInfo, elapsed: elapsed(info, m)}
	h.tally, m.tally = m.tally, truth.Tally{}
	if watches != nil {
		h.watches = watches()
	}
	h.scanner = fed.Get().(*haproxy.StatScanner)
	h.scanner.Begin()
	return h
}

// elapsed returns the time since the last rows of a member, which may be nil.
func elapsed(info *truth.Info, m *member) int64 {
	if m == nil {
		return 0
	}
	return info.At - m.statInfo.At
}

// Take takes the next bytes of the reply.
func (h *Hearing) Take(p []byte) {
	for len(p) > 0 && !h.failed {
		p = h.scanner.Feed(p)
		h.read()
	}
}

// read reads the rows of what was fed.
func (h *Hearing) read() {
	if !h.begun {
		var err error
		if h.begun, err = h.scanner.Header(); !h.begun {
			h.failed = err != nil
			return
		}
		h.tally.Begin(h.scanner, h.elapsed, h.watches)
	}
	h.tally.Rows(h.scanner)
	h.failed = h.scanner.Err() != nil
}

// End says that no byte follows, and whether the reply is whole.
func (h *Hearing) End(whole bool) {
	if whole && !h.failed {
		h.scanner.Finish()
		h.read()
		h.whole = h.begun && !h.failed && h.scanner.Complete()
	}
	if h.begun {
		h.found = h.tally.End()
	}
	fed.Put(h.scanner)
	h.scanner, h.watches = nil, nil
}

// fits reports whether what was heard is the reply of a member, and no other rows of it
// have been taken since.
func (h *Hearing) fits(k *Socket, info *truth.Info, m *member) bool {
	return h.whole && h.socket == k && h.info == info && h.member == m && h.before == m.statInfo
}
