package check

import (
	"context"
	"fmt"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// checkProcess checks whether haproxystats-process runs.
func checkProcess(ctx context.Context, i Installation, r Request) finding {
	p := i.process()
	a := i.ask(ctx, p)
	if !a.answered {
		return i.processByLock(p, a, r)
	}
	t := r.or(nil, nil)
	up := a.Since(a.Started)
	f := running(p, a, t, up)
	if d := a.Process; d != nil {
		if d.Last != "" {
			f.text += ", last snapshot done " + d.Last
		} else {
			f.text += ", no snapshot done yet"
		}
		f.metrics = append(f.metrics, counter("done", d.Done), counter("retries", d.Retries), counter("corrupt", d.Corrupt))
	}
	return i.stale(a, i.ProcessSHA256, r, i.clouded(a, f))
}

// running returns the finding of a program that answers.
func running(p program, a answer, t thresholds, up status.Seconds) finding {
	f := finding{
		status: t.judge(float64(up)),
		text:   fmt.Sprintf("%s is %s%s, up %s", p.name, a.State, byPID(a.PID), ago(up)),
		metrics: []nagios.Metric{
			t.metric("uptime", float64(up), "s"),
		},
		details: []string{"version " + a.Version},
	}
	if a.State == status.Ending {
		f.status = nagios.Worst(f.status, nagios.Warning)
	}
	return f
}

// processByLock judges by the lock, which shows that the program runs and nothing
// more.
func (i Installation) processByLock(p program, a answer, r Request) finding {
	h, f := i.lockHolder(p, a)
	if f != nil {
		return *f
	}
	found := finding{text: byLock(p, a, h)}
	if r.Warn != nil || r.Crit != nil {
		found.status = nagios.Unknown
		found.text += "; the thresholds have no value to be compared with"
	}
	return found
}

// checkWorkers checks whether all workers are alive.
func checkWorkers(ctx context.Context, i Installation, r Request) finding {
	p := i.process()
	a := i.ask(ctx, p)
	if !a.answered || a.Process == nil {
		return i.unanswered(p, a)
	}
	return i.clouded(a, aliveWorkers(a, r))
}

// aliveWorkers judges the number of workers of a program that has answered.
func aliveWorkers(a answer, r Request) finding {
	w := a.Process.Workers
	t := r.or(nil, atLeast(float64(w.Configured)))
	value := t.metric("alive", float64(w.Alive), "")
	value.Max = float64(w.Configured)
	f := finding{
		status:  t.judge(float64(w.Alive)),
		text:    fmt.Sprintf("%d of %d workers are alive, %d busy", w.Alive, w.Configured, w.Busy),
		metrics: []nagios.Metric{value, gauge("busy", w.Busy, "")},
	}
	if a.Process.Progress != 0 {
		idle := a.Since(a.Process.Progress)
		f.text += ", last progress " + ago(idle) + " ago"
		f.metrics = append(f.metrics, gauge("idle", idle, "s"))
	}
	return f
}
