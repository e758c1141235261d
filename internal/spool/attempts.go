package spool

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"haproxystats/internal/durable"
)

// Marks are empty hidden files in an entry that outlive the program: one for each
// failed attempt, and one for each claim that has not ended; such a claim without a
// living reader means that the program ended. Marks are not synced: after a power
// cut some may be missing, and the entry gets as many more attempts.
const (
	tryMark   = ".try"
	claimMark = ".claim"
)

// maxUnended is the number of claims that may end with the program before the entry
// counts as the cause. It exceeds maxTries, because a kill or a power cut is no
// entry's fault and may hit one several times.
const maxUnended = 10

var (
	errTried   = errors.New("it could not be processed before the program started either")
	errUnended = fmt.Errorf("%w to its end: the program ended each time while it was processed", errUnread)
)

func markName(kind string, n int) string { return fmt.Sprint(kind, n) }

// countMarks returns the number of marks of that kind in the entry, at most limit.
func countMarks(dir *durable.Dir, kind string, limit int) (n int) {
	for n < limit {
		if _, err := dir.Stat(markName(kind, n+1)); err != nil {
			break
		}
		n++
	}
	return n
}

// remember reads the marks of an entry that this program claims for the first time.
// It reports false if the entry must wait: it was claimed when an earlier process
// died, so entries without that history go first.
func (r *Reader) remember(a *attempt, dir *durable.Dir) bool {
	if a.known {
		return true
	}
	tries, unended := countMarks(dir, tryMark, maxTries), countMarks(dir, claimMark, r.maxUnended)
	_, err := dir.Stat(markName(claimMark, 0))
	r.mu.Lock()
	defer r.mu.Unlock()
	a.known, a.tries, a.unended, a.uncounted = true, tries, unended, err == nil
	a.suspect = a.unended > 0 || a.uncounted
	if !a.suspect || r.spent(a) != nil {
		return true
	}
	a.claimed = false
	a.due = time.Now().Add(min(maxRetry, firstRetry<<max(0, unended-1)))
	r.wakeAll()
	return false
}

// spent returns why the entry must be given up, or nil.
func (r *Reader) spent(a *attempt) error {
	switch {
	case a.tries >= maxTries:
		return cmp.Or(a.cause, errTried)
	case a.unended >= r.maxUnended:
		return errUnended
	}
	return nil
}

// mark records the claim in the entry. It counts only if an end of the program must
// be the entry's fault: while nothing else has been read since the start, a hanging
// disk is as likely. If the mark can't be written, as on a full disk, the claim is
// known in memory only.
func (e *Entry) mark() {
	e.r.mu.Lock()
	counted := e.r.othersRead()
	e.r.mu.Unlock()
	e.claimMark = markName(claimMark, 0)
	if counted {
		e.claimMark = markName(claimMark, e.a.unended+1)
	}
	if f, err := e.dir.Create(e.claimMark); err == nil {
		f.Close()
	}
}

// unmark records how the claim ended. The mark of an earlier claim, which did not end, stays.
func (e *Entry) unmark(blame bool) {
	shared := e.a.uncounted && e.claimMark == markName(claimMark, 0)
	try := markName(tryMark, e.a.tries+1)
	switch {
	case blame && shared:
		if f, err := e.dir.Create(try); err == nil {
			f.Close()
		}
	case blame:
		_ = e.dir.Rename(e.claimMark, try)
	case !shared:
		_ = e.dir.Remove(e.claimMark)
	}
}

// clearMarks removes the marks of an entry that is given up, so that it begins
// afresh if the operator puts it back.
func clearMarks(path string) {
	dir, err := durable.OpenDir(path)
	if err != nil {
		return
	}
	defer dir.Close()
	for kind, limit := range map[string]int{tryMark: maxTries, claimMark: maxUnended} {
		for n := range limit + 1 {
			_ = dir.Remove(markName(kind, n))
		}
	}
}
