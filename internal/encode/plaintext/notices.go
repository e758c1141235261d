package plaintext

import (
	"cmp"
	"log/slog"
	"sync"
)

// Notices logs each name that Graphite can't store, and each pair of names that map to
// one path, once. All encoders of a sink share one. A nil *Notices logs nothing.
type Notices struct {
	log *slog.Logger

	mu   sync.Mutex
	long bool
	met  map[Meeting]bool
}

// maxMet bounds the pairs that are remembered: new names may appear for ever.
const maxMet = 1 << 14

// maxShown bounds a name in a message.
const maxShown = 300

// NewNotices returns Notices that write to the log.
func NewNotices(log *slog.Logger) *Notices {
	return &Notices{log: log, met: make(map[Meeting]bool)}
}

// Note logs the names in the result of a batch that are new.
func (n *Notices) Note(r Result) {
	if n == nil || r.Skipped == 0 && len(r.Met) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.Skipped > 0 && !n.long {
		n.long = true
		n.log.Warn("metrics with a path too long for Graphite are left out", "max_path_bytes", MaxPath, "metrics", r.Skipped,
			"max_name_bytes", cmp.Or(r.Limit, MaxComponent), "longest_name", r.Longest[:min(len(r.Longest), maxShown)])
	}
	if len(n.met) > maxMet {
		clear(n.met)
	}
	var first Meeting
	pairs := 0
	for _, m := range r.Met {
		if n.met[m] {
			continue
		}
		if n.met[m] = true; pairs == 0 {
			first = m
		}
		pairs++
	}
	if pairs > 0 { // there may be thousands: one line has the first of them
		n.log.Warn("two names map to one path and are combined", "scope", first.Scope, "first", first.First, "next", first.Next, "pairs", pairs)
	}
}
