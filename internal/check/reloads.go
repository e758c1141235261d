package check

import (
	"context"
	"fmt"

	"haproxystats/internal/nagios"
)

// The times in seconds since a worker was replaced from which it counts as one that does
// not end.
const (
	oldWorker     = 3600
	veryOldWorker = 24 * 3600
)

// checkReloads checks what became of HAProxy's workers: a configuration that was refused,
// old workers that do not end, those that crashed, and counters that could not be totals.
func checkReloads(ctx context.Context, i Installation, r Request) finding {
	p := i.pull()
	a := i.ask(ctx, p)
	if !a.answered || a.Pull == nil {
		return i.unanswered(p, a)
	}
	w := a.Pull.Workers
	if w == nil {
		return finding{status: nagios.Unknown, text: "haproxystats-pull keeps no totals: set state-dir in [pull], or see its log for why it can't be used"}
	}
	t := r.or(above(oldWorker), above(veryOldWorker))
	f := finding{status: t.judge(float64(w.OldestAge))}
	switch {
	case w.Old == 0:
		f.text = "no old worker"
	case w.Old == 1:
		f.text = fmt.Sprintf("1 old worker with %d connections, replaced %s ago", w.OldConns, ago(w.OldestAge))
	default:
		f.text = fmt.Sprintf("%d old workers with %d connections, the oldest of them replaced %s ago", w.Old, w.OldConns, ago(w.OldestAge))
	}
	if w.FailedReload != 0 {
		f.status = nagios.Worst(f.status, nagios.Warning)
		f.text += fmt.Sprintf("; the last reload has failed %s ago: HAProxy has its old configuration", ago(a.Since(w.FailedReload)))
	}
	if w.Crash != 0 && a.Since(w.Crash) < recent {
		f.status = nagios.Worst(f.status, nagios.Warning)
		f.text += fmt.Sprintf("; a worker has crashed %s ago: see HAProxy's log", ago(a.Since(w.Crash)))
	}
	if w.AccountFailed != 0 && a.Since(w.AccountFailed) < recent {
		f.status = nagios.Worst(f.status, nagios.Warning)
		f.text += fmt.Sprintf("; counters were raw %s ago: see its log", ago(a.Since(w.AccountFailed)))
	}
	f.metrics = []nagios.Metric{
		t.metric("oldest_worker", float64(w.OldestAge), "s"), gauge("old_workers", w.Old, ""), gauge("old_connections", w.OldConns, ""), gauge("held", w.Held, ""),
		counter("reloads", w.Reloads), counter("restarts", w.Restarts), counter("crashes", w.Crashes), counter("failed_reloads", w.FailedReloads),
		counter("seconds_unaccounted", w.SecondsUnaccounted), counter("requests_unaccounted", w.RequestsUnaccounted), counter("accounts_failed", w.AccountsFailed),
	}
	return f
}
