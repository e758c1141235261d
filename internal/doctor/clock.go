package doctor

import (
	"fmt"
	"time"

	"haproxystats/internal/snapshot"
)

// Clock answers questions about the host's clock.
type Clock interface {
	// Synchronised reports whether the kernel considers its clock synchronised.
	Synchronised() (bool, error)
}

// KernelClock judges the clock by which snapshots are named.
func KernelClock(c Clock) Finding {
	a := about{check: "clock"}
	synchronised, err := c.Synchronised()
	switch {
	case err != nil:
		return a.skipped("the state of the kernel's clock can't be read: %v", err)
	case !synchronised:
		return a.warning("the kernel's clock is not synchronised, and it gives snapshots their names",
			"Run chrony, or: timedatectl set-ntp true. Ignore this if a daemon such as openntpd runs, which keeps the time without telling the kernel")
	}
	return a.ok("the kernel's clock is synchronised")
}

// Waiting is a snapshot in the spool.
type Waiting struct {
	Epoch   int64
	Changed time.Time // the last change of its directory
}

// The bounds within which times are taken for normal.
const (
	futureSlack = 2 * time.Second
	stepSlack   = time.Minute
)

// SpoolTimes judges the names of the waiting snapshots, the oldest first, by their
// times and by now. Interval and timeout are those of rounds.
func SpoolTimes(dir string, waiting []Waiting, now time.Time, interval, timeout time.Duration) []Finding {
	a := about{"spool-times", dir}
	if len(waiting) == 0 {
		return []Finding{a.ok("no snapshot waits")}
	}
	var found []Finding
	future, stepped := 0, 0
	for _, w := range waiting {
		at := time.Unix(w.Epoch, 0)
		switch late := w.Changed.Sub(at); {
		case at.After(now.Add(futureSlack)):
			future++
		case late > timeout+stepSlack, late < -futureSlack:
			stepped++
		}
	}
	if future > 0 {
		newest := time.Unix(waiting[len(waiting)-1].Epoch, 0).Sub(now)
		found = append(found, a.error(fmt.Sprintf("%s named by a time in the future, by up to %s: the clock was set back", count(future, "snapshot"), lasting(newest)),
			"Synchronise the clock, then move these snapshots away: Graphite would show them at the wrong time"))
	}
	if stepped > 0 {
		found = append(found, a.warning(fmt.Sprintf("%s not written at the time in the name: the clock has stepped, or the spool was copied", count(stepped, "snapshot")),
			"Synchronise the clock with a daemon that slews it, such as chrony"))
	}
	var oldest time.Duration
	for _, w := range waiting {
		oldest = max(oldest, snapshot.Age(w.Epoch, now))
	}
	text := fmt.Sprintf("%s, the oldest for %s", waits(len(waiting)), lasting(oldest))
	switch {
	case oldest > 10*interval:
		found = append(found, a.warning(text, "See in the log of haproxystats-process whether it runs and makes progress"))
	case len(found) == 0:
		found = append(found, a.ok("%s", text))
	}
	return found
}

func waits(n int) string {
	if n == 1 {
		return "1 snapshot waits"
	}
	return fmt.Sprintf("%d snapshots wait", n)
}

// GivenUp judges the number of snapshots that were given up.
func GivenUp(dir string, n int) Finding {
	a := about{"given-up", dir}
	if n == 0 {
		return a.ok("no snapshot was given up")
	}
	return a.warning(fmt.Sprintf("%s moved away after repeated failures", count(n, "snapshot")),
		"See what is wrong with one of them, then remove them. Run: haproxystats paths "+shellQuote(dir)+"/EPOCH")
}
