package doctor

import (
	"fmt"
	"time"
)

// Clock answers questions about the host's clock.
type Clock interface {
	// Synchronised reports whether the kernel takes its clock for right.
	Synchronised() (bool, error)
}

// KernelClock judges the clock by which snapshots are named.
func KernelClock(c Clock) Finding {
	a := about{check: "clock"}
	synchronised, err := c.Synchronised()
	switch {
	case err != nil:
		return a.skipped("the kernel does not tell whether its clock is right: %v", err)
	case !synchronised:
		return a.warning("the kernel does not know whether its clock is right, and snapshots are named by it",
			"run chrony, or timedatectl set-ntp true; daemons that do not tell the kernel, as openntpd, are all right")
	}
	return a.ok("the kernel's clock is synchronised")
}

// Waiting is a snapshot in the spool.
type Waiting struct {
	Epoch   int64
	Changed time.Time // the last change of its directory
}

// The bounds of what is taken for a clock in order.
const (
	futureSlack = 2 * time.Second
	stepSlack   = time.Minute
)

// SpoolTimes judges the names of the snapshots that wait, the oldest first, by
// the time of now. Interval and timeout are those of rounds.
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
		found = append(found, a.error(fmt.Sprintf("%s from the future, by up to %s: the clock was set back", count(future, "snapshot"), lasting(newest)),
			"synchronise the clock, then move them away: Graphite would show them at the wrong time"))
	}
	if stepped > 0 {
		found = append(found, a.warning(fmt.Sprintf("%s not written at the time of the name: the clock has stepped, or the spool was copied", count(stepped, "snapshot")),
			"synchronise the clock by slewing it"))
	}
	oldest := now.Sub(time.Unix(waiting[0].Epoch, 0))
	text := fmt.Sprintf("%s, the oldest for %s", waits(len(waiting)), lasting(oldest))
	switch {
	case oldest > 10*interval:
		found = append(found, a.warning(text, "see whether haproxystats-process runs, and whether it gets on: its log"))
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

// GivenUp judges how many snapshots could not be processed.
func GivenUp(dir string, n int) Finding {
	a := about{"given-up", dir}
	if n == 0 {
		return a.ok("no snapshot was given up")
	}
	return a.warning(fmt.Sprintf("%s given up", count(n, "snapshot")),
		"see what is wrong with one: haproxystats paths "+shellQuote(dir)+"/EPOCH; then remove them")
}
