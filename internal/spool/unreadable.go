package spool

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/snapshot"
)

const (
	// maxUnreadableRetry is the longest delay of an entry that could not be read.
	maxUnreadableRetry = time.Minute
	// unreadableLimit is how long an entry may be unreadable while others are
	// readable, before it is set aside.
	unreadableLimit = time.Hour
	// unreadableReminder is the time between two messages about unreadable entries.
	unreadableReminder = 10 * time.Minute
	// unreadableRow is the number of unreadable entries in a row after which all wait
	// for outagePause each time: then the disk is at fault, not one bad sector. After an
	// entry that was not tried before they wait for untriedPause only, so that many
	// unreadable entries do not hold up those behind them for long.
	unreadableRow = 3
	untriedPause  = outagePause / 64
)

// unreadable is what is known of the entries that the machine could not read.
type unreadable struct {
	count int       // of entries
	row   int       // how many since one could be read
	told  time.Time // of the last message about them
	read  time.Time // when an entry could be read
	reads int       // how many could be read since the reader opened
}

// isMachines reports whether err is an error of the machine, and not of the entry's
// content. Errors about a name in the entry are the entry's.
func isMachines(err error) bool {
	if errors.Is(err, snapshot.ErrDamaged) {
		return false
	}
	ofNames := []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.EISDIR, unix.ELOOP, unix.ENXIO, unix.ENAMETOOLONG}
	errno, ok := errors.AsType[unix.Errno](err)
	return ok && !slices.Contains(ofNames, errno)
}

// postponeUnreadable takes back an entry that could not be read. That is not a
// failed attempt: unread content can't be wrong. An entry that stays unreadable
// while others are readable is set aside.
func (r *Reader) postponeUnreadable(a *attempt, path string, cause error) {
	now := time.Now()
	r.mu.Lock()
	u := &r.unreadable
	pause := outagePause
	if a.unreadable.IsZero() {
		a.unreadable = now
		u.count++
		pause = untriedPause
	}
	if u.row++; u.row >= unreadableRow {
		r.pause = now.Add(pause)
	}
	tell := u.told.IsZero() || now.Sub(u.told) >= unreadableReminder
	if tell {
		u.told = now
	}
	count, since := u.count, now.Sub(a.unreadable)
	aside := since >= unreadableLimit && u.read.After(a.tried) && !r.closed
	a.tried = now
	r.mu.Unlock()
	if tell {
		r.log.Warn("snapshots can't be read now, will try again", "snapshot", a.name, "count", count, "error", cause)
	}
	if aside {
		cause = fmt.Errorf("%w for %v, and others could: %w", errUnread, since.Round(time.Minute), cause)
		if r.giveUp(a, path, cause) {
			return
		}
	}
	r.requeue(a, maxUnreadableRetry)
}

// noteRead records that the content of an entry could be read.
func (r *Reader) noteRead(a *attempt) {
	r.mu.Lock()
	u := &r.unreadable
	u.row = 0
	u.read = time.Now()
	u.reads++
	again := r.endUnreadable(a)
	r.mu.Unlock()
	if again {
		r.log.Info("all snapshots can be read again")
	}
}

// endUnreadable counts an entry as readable or gone, and reports whether it was the
// last unreadable one. mu is held.
func (r *Reader) endUnreadable(a *attempt) bool {
	if a.unreadable.IsZero() {
		return false
	}
	a.unreadable = time.Time{}
	r.unreadable.count--
	if r.unreadable.count > 0 {
		return false
	}
	r.unreadable.told = time.Time{}
	return true
}

// othersRead reports whether an entry in hand must be the cause if the program ends
// now: others have been read since the start, or there are none. mu is held.
func (r *Reader) othersRead() bool {
	return r.unreadable.reads > 0 || len(r.ready) == 0 && !r.more && len(r.taken) <= 1
}
