package spool

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"time"

	"haproxystats/internal/snapshot"
)

// scan lists the directory and records the oldest entries. One listing is made at a
// time; once it is this one's turn, wanted reports whether it is still needed.
func (r *Reader) scan(wanted func() bool) {
	r.listing.Lock()
	defer r.listing.Unlock()

	r.mu.Lock()
	if !wanted() {
		r.mu.Unlock()
		return
	}
	// The listing may miss entries that arrive from here on.
	r.dirty = false
	gone := maps.Clone(r.taken) // claimed entries that the listing has not found
	r.mu.Unlock()

	found := oldest{limit: r.window}
	r.foreign.begin()
	err := list(r.dir, func(e fs.DirEntry) {
		epoch, ok := parseEpoch(e.Name())
		if !ok || !e.IsDir() {
			r.foreign.add(e.Name())
			return
		}
		if _, ok := gone[e.Name()]; ok {
			delete(gone, e.Name())
			return
		}
		found.add(item{epoch, e.Name()})
	})
	r.foreign.report(r.log, r.dir)
	if err != nil {
		r.mu.Lock()
		r.dirty = true
		if errors.Is(err, fs.ErrNotExist) {
			r.ready, r.unclaimed, r.more = nil, 0, false
		}
		r.mu.Unlock()
		r.beginOutage(err)
		return
	}
	r.endOutage()
	found.cut()

	r.mu.Lock()
	defer r.mu.Unlock()
	r.more = found.total > len(found.items)
	r.unclaimed = found.total
	r.ready = found.items[:0]
	for _, i := range found.items {
		if _, ok := r.taken[i.name]; ok { // claimed during the listing
			r.unclaimed--
			continue
		}
		r.ready = append(r.ready, i)
	}
	for name, was := range gone {
		if a := r.taken[name]; a == was && (!a.claimed || a.immovable) {
			delete(r.taken, name)
			r.endUnreadable(a)
		}
	}
	if len(r.ready) > 0 {
		r.wakeAll()
	}
}

// beginOutage records that the queue can't be read now. No entry is to blame: all
// wait a little, and one line is logged.
func (r *Reader) beginOutage(err error) {
	r.mu.Lock()
	known := r.outage != nil
	r.outage = err
	r.pause = time.Now().Add(outagePause)
	r.mu.Unlock()
	if !known {
		r.log.Warn("spool can't be read, will try again", "dir", r.dir, "error", err)
	}
}

// endOutage records that the queue could be listed.
func (r *Reader) endOutage() {
	r.mu.Lock()
	known := r.outage != nil
	r.outage = nil
	r.mu.Unlock()
	if known {
		r.log.Info("spool can be read again", "dir", r.dir)
	}
}

// timeReminder is the time between two messages about implausible times.
const timeReminder = 10 * time.Minute

// checkTime warns of an entry whose time is in the future or long past.
func (r *Reader) checkTime(a *attempt) {
	now := time.Now()
	if snapshot.IsPlausible(a.epoch, now) {
		return
	}
	r.mu.Lock()
	tell := r.timeTold.IsZero() || now.Sub(r.timeTold) >= timeReminder
	if tell {
		r.timeTold = now
	}
	r.mu.Unlock()
	if tell {
		r.log.Warn("snapshot has a time in the future, or one long past", "snapshot", a.name,
			"time", time.Unix(a.epoch, 0).UTC().Format(time.RFC3339), "hint", "Check the clock of the host that made it")
	}
}

// maxForeign bounds the remembered names.
const maxForeign = 1024

// foreignNames are names in a queue that are not entries. Each is logged once.
type foreignNames struct {
	warned map[string]bool
	fresh  []string
	total  int
}

func (f *foreignNames) begin() {
	f.fresh, f.total = f.fresh[:0], 0
}

func (f *foreignNames) add(name string) {
	f.total++
	if !f.warned[name] && len(f.warned) < maxForeign {
		if f.warned == nil {
			f.warned = make(map[string]bool)
		}
		f.warned[name] = true
		f.fresh = append(f.fresh, name)
	}
}

// report logs the names that are new.
func (f *foreignNames) report(log *slog.Logger, dir string) {
	if len(f.fresh) == 0 {
		return
	}
	log.Warn("the spool contains a file or directory that is not a snapshot, ignoring it",
		"dir", dir, "names", f.fresh[:min(len(f.fresh), 10)], "count", f.total)
}
