package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// checkPull checks whether haproxystats-pull runs and stores snapshots.
func checkPull(ctx context.Context, i Installation, r Request) finding {
	p := i.pull()
	a := i.ask(ctx, p)
	if !a.answered {
		return i.pullByLock(p, a, r)
	}
	d := a.Pull
	if d == nil {
		return running(p, a, thresholds{}, a.Since(a.Started))
	}
	t := r.or(silence(d.Interval.Duration()))
	since := a.Since(a.Started)
	if d.Stored != 0 {
		since = a.Since(d.Stored)
	}
	f := running(p, a, thresholds{}, a.Since(a.Started))
	f.status = nagios.Worst(f.status, t.judge(float64(since)))
	if d.Stored == 0 {
		f.text += ", no snapshot stored yet"
	} else {
		f.text += fmt.Sprintf(", last snapshot stored %s ago", ago(since))
	}
	if l := d.Last; l != nil && l.Cause != "" {
		f.text += fmt.Sprintf("; the last round was %s: %s", l.Outcome, l.Cause)
	}
	if own := r.Warn == nil && r.Crit == nil && !r.Plain; own && d.Missed != 0 && a.Since(d.Missed) < recent {
		f.status = nagios.Worst(f.status, nagios.Warning)
		f.text += fmt.Sprintf("; rounds were missed %s ago, %d since the start: see its log", ago(a.Since(d.Missed)), d.Rounds.Missed)
	}
	f.metrics = append([]nagios.Metric{t.metric("silence", float64(since), "s")}, append(f.metrics,
		counter("stored", d.Rounds.Stored), counter("partial", d.Rounds.Partial),
		counter("dropped", d.Rounds.Dropped), counter("skipped", d.Rounds.Skipped),
		counter("missed", d.Rounds.Missed), gauge("waiting", d.Waiting, ""))...)
	if l := d.Last; l != nil {
		f.metrics = append(f.metrics, gauge("duration", l.Duration, "s"), gauge("skew", l.Skew, "s"), gauge("hand_over", l.HandOver, "s"))
	}
	return i.stale(a, i.PullSHA256, r, f)
}

// recent is the time in seconds for which missed rounds are a warning.
const recent = 600

// silence returns the thresholds for the time without a snapshot. A few rounds
// may fail while HAProxy is reloaded.
func silence(interval time.Duration) (warn, crit *nagios.Range) {
	s := max(interval, 10*time.Second).Seconds()
	return above(3 * s), above(10 * s)
}

// pullByLock judges by the lock and by the last snapshot that was handed over.
func (i Installation) pullByLock(p program, a answer, r Request) finding {
	h, f := i.lockHolder(p, a)
	if f != nil {
		return *f
	}
	found := finding{text: byLock(p, a, h)}
	t := r.or(silence(i.Interval))
	if h.Newest == 0 {
		if t != (thresholds{}) {
			found.status = nagios.Unknown
		}
		found.text += "; whether it has stored a snapshot is not known"
		return found
	}
	since := status.For(max(0, time.Since(time.Unix(h.Newest, 0))))
	found.status = t.judge(float64(since))
	found.text += fmt.Sprintf("; last snapshot stored %s ago", ago(since))
	found.metrics = []nagios.Metric{t.metric("silence", float64(since), "s")}
	return found
}

// namedSockets is the number of sockets that the first line names.
const namedSockets = 3

// checkSockets checks how many sockets have failed.
func checkSockets(ctx context.Context, i Installation, r Request) finding {
	p := i.pull()
	a := i.ask(ctx, p)
	if !a.answered || a.Pull == nil {
		return i.unanswered(p, a)
	}
	l := a.Pull.Last
	if l == nil {
		return finding{status: nagios.Unknown, text: "no round has ended yet"}
	}
	when := ago(a.Since(l.Ended))
	if l.Outcome == "skipped" {
		return finding{status: nagios.Critical, text: fmt.Sprintf("no socket was asked %s ago: %s", when, l.Cause)}
	}
	crit := 0 // any failed socket drops the round
	if i.KeepPartial {
		crit = max(0, l.Sockets-1)
	}
	t := r.or(above(0), above(float64(crit)))
	value := t.metric("failed", float64(l.Failed), "")
	value.Max = float64(l.Sockets)
	f := finding{
		status:  t.judge(float64(l.Failed)),
		text:    fmt.Sprintf("%d of %d sockets answered %s ago", l.Sockets, l.Sockets, when),
		metrics: []nagios.Metric{value, gauge("sockets", l.Sockets, ""), gauge("duration", l.Duration, "s")},
	}
	if l.Failed > 0 {
		var names []string
		for n, failed := range l.Failures {
			f.details = append(f.details, failed.Socket+": "+failed.Cause)
			switch {
			case n == 0: // most often all have the cause of the first
				cause := failed.Cause
				if _, bare, found := strings.Cut(cause, failed.Socket+": "); found {
					cause = bare
				}
				names = append(names, failed.Socket+because(cause))
			case n < namedSockets:
				names = append(names, failed.Socket)
			}
		}
		more := ""
		if n := l.Failed - len(names); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		f.text = fmt.Sprintf("%d of %d sockets failed %s ago: %s%s", l.Failed, l.Sockets, when, strings.Join(names, ", "), more)
	}
	if l.Outcome == "dropped" && r.Warn == nil && r.Crit == nil {
		f.status = nagios.Critical
		if l.Failed == 0 { // otherwise the failed sockets are the cause
			f.text += "; but the round was dropped: " + l.Cause
		}
	}
	// Without pull-timeout, a round may wait for a socket for ever.
	if _, stale := silence(a.Pull.Interval.Duration()); stale.Alerts(float64(a.Since(l.Ended))) {
		f.status = nagios.Worst(f.status, nagios.Unknown)
		f.text += "; no round has ended since: set pull-timeout if it is 0, and look at its log"
	}
	return f
}
