package spool

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"haproxystats/internal/durable"
)

// Marks are empty hidden files in an entry that outlive the program: one for each
// try that the entry has cost, and one for each claim that has not ended, which
// is the program's end if nobody holds it. They are not synced: a power cut takes
// some back, and the entry gets as many tries more.
const (
	tryMark   = ".try"
	claimMark = ".claim"
)

// maxUnended is how many claims may end with the program before the entry is
// taken for the cause. It is more than maxTries, because a kill or a power cut
// is nobody's fault and may hit one entry several times.
const maxUnended = 10

var (
	errTried   = errors.New("it could not be processed before the program started either")
	errUnended = fmt.Errorf("%w to its end: the program ended each time while it was processed", errUnread)
)

func markName(kind string, n int) string { return fmt.Sprint(kind, n) }

// marks returns how many marks of that kind the entry has.
func marks(dir *durable.Dir, kind string, limit int) (n int) {
	for n < limit {
		if _, err := dir.Stat(markName(kind, n+1)); err != nil {
			break
		}
		n++
	}
	return n
}

// remember reads the marks of an entry that this program claims for the first
// time. It returns false if the entry is to be claimed later: it is a suspect
// then, and others that are none may be done with until it ends the program again.
func (r *Reader) remember(a *attempt, dir *durable.Dir) bool {
	if a.known {
		return true
	}
	tries, unended := marks(dir, tryMark, maxTries), marks(dir, claimMark, r.maxUnended)
	_, uncounted := dir.Stat(markName(claimMark, 0))
	r.mu.Lock()
	defer r.mu.Unlock()
	a.known, a.tries, a.unended, a.suspect = true, tries, unended, unended > 0 || uncounted == nil
	if !a.suspect || r.spent(a) != nil {
		return true
	}
	a.claimed = false
	a.due = time.Now().Add(min(maxRetry, firstRetry<<max(0, unended-1)))
	r.wakeAll()
	return false
}

// spent returns why the entry is to be given up, or nil.
func (r *Reader) spent(a *attempt) error {
	switch {
	case a.tries >= maxTries:
		return cmp.Or(a.cause, errTried)
	case a.unended >= r.maxUnended:
		return errUnended
	}
	return nil
}

// mark notes the claim in the entry. The claim counts only if it must be the entry's
// fault should the program end: while nothing else has been read since the start, a
// disk that hangs is as likely. Where that can't be done, as on a full disk,
// only the memory knows of it.
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

// unmark notes how the claim ended.
func (e *Entry) unmark(blame bool) {
	if blame {
		_ = e.dir.Rename(e.claimMark, markName(tryMark, e.a.tries+1))
		return
	}
	_ = e.dir.Remove(e.claimMark)
}

// clearMarks makes an entry that is given up a new one, should it be put back.
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
