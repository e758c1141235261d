package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// Central describes haproxystats-central for its checks.
type Central struct {
	// Socket is its status socket; empty if turned off.
	Socket string
	// SHA256 is the hash that its configuration would have if it started now.
	SHA256 string
	// JournalMaxBytes is the limit of its journal; 0 if not known.
	JournalMaxBytes int64
	// Clusters are the names of the clusters of the configured nodes.
	Clusters []string
	// Window returns the length of a cluster's windows and the time that they wait for
	// nodes.
	Window func(cluster string) (interval, grace time.Duration)
}

func (i Installation) central() program {
	return program{name: "haproxystats-central", section: "central", socket: i.Central.Socket}
}

// askCentral returns the answer of haproxystats-central. The finding is not nil if
// there is nothing to judge.
func (i Installation) askCentral(ctx context.Context) (answer, *finding) {
	p := i.central()
	a := i.ask(ctx, p)
	switch {
	case a.hangs:
		return a, &finding{status: nagios.Critical, text: a.why}
	case a.gone:
		return a, &finding{status: nagios.Critical, text: p.name + " is not running: " + a.why}
	case !a.answered:
		return a, &finding{status: nagios.Unknown, text: "the status of " + p.name + " can't be read: " + a.why}
	}
	return a, nil
}

// checkCentral checks whether haproxystats-central runs with all its workers, delivers,
// and has room in its journal.
func checkCentral(ctx context.Context, i Installation, r Request) finding {
	a, unasked := i.askCentral(ctx)
	if unasked != nil {
		return *unasked
	}
	f := running(i.central(), a, r.or(nil, nil), a.Since(a.Started))
	if d := a.Process; d != nil {
		w := d.Workers
		workers := thresholds{crit: atLeast(float64(w.Configured))}
		f.status = nagios.Worst(f.status, workers.judge(float64(w.Alive)))
		f.text += fmt.Sprintf(", %d of %d workers are alive", w.Alive, w.Configured)
		f.metrics = append(f.metrics, workers.metric("alive", float64(w.Alive), ""),
			counter("done", d.Done), counter("retries", d.Retries), counter("corrupt", d.Corrupt))
		for _, s := range d.Sinks {
			of := lagging(a.Document, s, thresholds{above(60), above(600)})
			f.status = nagios.Worst(f.status, of.status)
			f.text += "; " + of.text
			f.metrics = append(f.metrics, of.metrics...)
			f.details = append(f.details, of.details...)
		}
		if d.SpoolCause != "" {
			f.status = nagios.Worst(f.status, nagios.Unknown)
			f.text += "; the snapshots of a node can't be read: " + d.SpoolCause
		}
	}
	if d := a.Central; d != nil {
		var t thresholds
		if limit := float64(i.Central.JournalMaxBytes); limit > 0 {
			t = thresholds{above(0.8 * limit), above(0.95 * limit)}
		}
		full := t.judge(float64(d.JournalBytes))
		f.status = nagios.Worst(f.status, full)
		if full != nagios.OK {
			f.text += fmt.Sprintf("; the journal has %d bytes of %d: raise journal-max-bytes in [central], or shorten late in [cluster]",
				d.JournalBytes, i.Central.JournalMaxBytes)
		}
		f.metrics = append(f.metrics, t.metric("journal", float64(d.JournalBytes), "B"), gauge("open_windows", d.OpenWindows, ""))
	}
	return i.stale(a, i.Central.SHA256, r, f)
}

// checkCentralWorkers checks whether all workers of haproxystats-central are alive. A
// sink that is down or a full journal is no reason to restart a container.
func checkCentralWorkers(ctx context.Context, i Installation, r Request) finding {
	a, unasked := i.askCentral(ctx)
	if unasked != nil {
		return *unasked
	}
	if a.Process == nil {
		return finding{status: nagios.Unknown, text: "haproxystats-central is " + string(a.State) + " and has no status yet"}
	}
	f := aliveWorkers(a, r)
	if d := a.Central; d != nil {
		f.text += fmt.Sprintf(", %d windows are open", d.OpenWindows)
		f.metrics = append(f.metrics, gauge("open_windows", d.OpenWindows, ""))
	}
	return i.stale(a, i.Central.SHA256, r, f)
}

// checkCluster checks whether the nodes of clusters report, and whether windows are
// sent.
func checkCluster(ctx context.Context, i Installation, r Request) finding {
	a, unasked := i.askCentral(ctx)
	if unasked != nil {
		return *unasked
	}
	if a.Central == nil {
		return finding{status: nagios.Unknown, text: "haproxystats-central is " + string(a.State) + " and has no status yet"}
	}
	known := slices.Collect(maps.Keys(a.Central.Clusters))
	known = append(known, i.Central.Clusters...)
	slices.Sort(known)
	known = slices.Compact(known)
	var found finding
	var texts []string
	for _, name := range known {
		if r.Cluster != "" && r.Cluster != name {
			continue
		}
		f := i.judgeCluster(a, name, a.Central.Clusters[name], r.or(above(0), nil))
		found.status = nagios.Worst(found.status, f.status)
		found.metrics = append(found.metrics, f.metrics...)
		found.details = append(found.details, f.details...)
		texts = append(texts, f.text)
	}
	switch {
	case len(known) == 0:
		return finding{status: nagios.Unknown, text: "no cluster is known yet"}
	case len(texts) == 0:
		return finding{status: nagios.Unknown, text: fmt.Sprintf("there is no cluster %q: expected %s", r.Cluster, strings.Join(known, ", "))}
	}
	found.text = strings.Join(texts, "; ")
	return found
}

// judgeCluster is the finding of one cluster. Missing nodes are compared with t. A
// window that is late has thresholds of its own: the newest one is at most two
// intervals and grace old while all is well. The age counts from the start of the
// program, if that was later.
func (i Installation) judgeCluster(a answer, name string, c status.Cluster, t thresholds) finding {
	interval, grace := i.Central.Window(name)
	late := thresholds{
		above((3*interval + grace).Seconds()),
		above((10*interval + grace).Seconds()),
	}
	// A program that was started lately reads what has waited for it.
	age := a.Since(max(c.Window, a.Started))
	var text string
	switch {
	case c.Window == 0:
		text = fmt.Sprintf("%s has sent no window for %s", name, ago(age))
	case len(c.Missing) > 0:
		text = fmt.Sprintf("%s has %d of %d nodes, missing %s", name, c.Reporting, c.Expected, few(c.Missing))
	default:
		text = fmt.Sprintf("%s has %d of %d nodes", name, c.Reporting, c.Expected)
	}
	if c.Window != 0 {
		text += ", newest window of " + ago(a.Since(c.Window)) + " ago"
	}
	state := late.judge(float64(age))
	switch {
	case state == nagios.OK:
	case a.Process != nil && a.Process.Waiting > 0:
		text += fmt.Sprintf(", which is late: haproxystats-central is behind, %s of nodes wait, the oldest is %s old",
			snapshots(a.Process.Waiting), ago(a.Process.Oldest))
	default:
		text += ", which is late: see the log of haproxystats-central"
	}
	if len(c.Missing) > 0 && c.Reporting == 0 {
		state = nagios.Critical
	}
	label := func(metric string) string { return name + "_" + metric }
	f := finding{
		status: nagios.Worst(state, t.judge(float64(len(c.Missing)))),
		metrics: []nagios.Metric{
			t.metric(label("missing"), float64(len(c.Missing)), ""),
			gauge(label("reporting"), c.Reporting, ""),
			late.metric(label("age"), float64(age), "s"),
		},
	}
	for _, n := range []struct {
		label, text string
		count       int64
	}{
		{"skipped", "windows skipped", c.Skipped},
		{"late_dropped", "late snapshots dropped", c.LateDropped},
		{"future_dropped", "snapshots of the future dropped", c.FutureDropped},
		{"interval_dropped", "snapshots of another interval dropped", c.IntervalDropped},
		{"conflicts", "conflicting nodes", c.Conflicts},
	} {
		f.metrics = append(f.metrics, counter(label(n.label), n.count))
		if n.count > 0 {
			text += fmt.Sprintf(", %d %s since the start", n.count, n.text)
		}
	}
	for _, node := range c.Missing {
		f.details = append(f.details, name+": "+node+" is missing")
	}
	f.text = text
	return f
}

// few names some of the nodes, and the number of the others.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
