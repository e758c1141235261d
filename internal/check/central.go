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
	// Configured reports whether it has anything to do on this machine, and Kafka whether
	// it reads topics.
	Configured, Kafka bool
	// Refused is why its configuration can't be used; empty if it can. Only the check [All]
	// uses it.
	Refused string
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
	// SessionTimeout is how long Kafka waits for a program before it gives its partitions
	// to another.
	SessionTimeout time.Duration
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
	case a.gone && !i.isLinux():
		return a, elsewhere(p, a)
	case a.gone:
		return a, &finding{status: nagios.Critical, text: p.name + " is not running: " + a.why}
	case !a.answered:
		return a, &finding{status: nagios.Unknown, text: "the status of " + p.name + " can't be read: " + a.why}
	}
	return a, nil
}

// unready is the finding of a check that needs what haproxystats-central tells only when
// it has started.
func (i Installation) unready(a answer) finding {
	text := fmt.Sprintf("haproxystats-central is %s for %s and has no status yet", a.State, ago(a.Since(a.Started)))
	if a.State == status.Starting {
		text += ": it reads its journal and opens its queues, which takes up to a minute. If it lasts longer, see its log"
	}
	return finding{status: nagios.Unknown, text: text}
}

// see returns the advice to make another check.
func see(modes ...string) string {
	return ": run check_haproxystats " + strings.Join(modes, " and ")
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
		f.text += behindTopics(d) + i.troubledClusters(a)
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
		return i.unready(a)
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
		return i.unready(a)
	}
	known := i.clusters(a)
	var found finding
	var texts []string
	missing := false
	for _, name := range known {
		if r.Cluster != "" && r.Cluster != name {
			continue
		}
		f := i.judgeCluster(a, name, a.Central.Clusters[name], r.or(above(0), nil))
		found.status = nagios.Worst(found.status, f.status)
		found.metrics = append(found.metrics, f.metrics...)
		found.details = append(found.details, f.details...)
		texts = append(texts, f.text)
		missing = missing || len(a.Central.Clusters[name].Missing) > 0
	}
	switch {
	case len(known) == 0:
		return i.noCluster(a)
	case len(texts) == 0:
		return finding{status: nagios.Unknown, text: fmt.Sprintf("there is no cluster %q: expected %s", r.Cluster, strings.Join(known, ", "))}
	}
	found.text = strings.Join(texts, "; ")
	if missing && len(a.Central.Topics) > 0 { // the nodes have programs of their own
		found.text += "; on a node that is missing, run check_haproxystats pull and sink"
	}
	return found
}

// clusters returns the names of the clusters that are configured or known.
func (i Installation) clusters(a answer) []string {
	known := slices.Collect(maps.Keys(a.Central.Clusters))
	known = append(known, i.Central.Clusters...)
	slices.Sort(known)
	return slices.Compact(known)
}

// noCluster is the finding of a program that has heard of no node, as after a start.
func (i Installation) noCluster(a answer) finding {
	interval, grace := i.Central.Window("")
	f := finding{status: nagios.Unknown}
	idle := 0
	for _, t := range a.Central.Topics {
		switch {
		case t.Cause != "":
			f.text = "no cluster is known: " + t.Topic + " can't be read" + see("lag")
			return f
		case len(t.Partitions) == 0:
			idle++
		}
	}
	up := ago(a.Since(a.Started))
	if n := len(a.Central.Topics); n > 0 && idle == n {
		t := a.Central.Topics[0]
		if t.GroupState == "Stable" && t.Members > 1 {
			f.status = nagios.OK
			f.text = fmt.Sprintf("no partition of %s is this program's, of %d members of group %s: the others know the clusters", t.Topic, t.Members, t.Group)
			return f
		}
		f.text = fmt.Sprintf("no cluster is known yet, %s after the start: haproxystats-central waits for partitions of %s, for up to session-timeout (%s). "+
			"If it lasts longer", up, t.Topic, i.Central.SessionTimeout) + see("lag")
		return f
	}
	wait := status.For(interval + grace)
	f.text = fmt.Sprintf("no cluster is known yet, %s after the start: haproxystats-central waits for the first snapshot of a node, which takes up to %s. "+
		"If it lasts longer, check that the nodes send to it", up, ago(wait))
	if len(a.Central.Topics) > 0 {
		f.text = fmt.Sprintf("no cluster is known yet, %s after the start: haproxystats-central waits for the first tables of a node in Kafka, which takes up to %s. "+
			"If it lasts longer, set [forward] on the nodes, and run check_haproxystats sink there", up, ago(wait))
	}
	return f
}

// troubledClusters names the clusters that the check cluster alerts about.
func (i Installation) troubledClusters(a answer) string {
	var names []string
	for _, name := range i.clusters(a) {
		if i.judgeCluster(a, name, a.Central.Clusters[name], thresholds{warn: above(0)}).status != nagios.OK {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; nodes or windows of " + few(names) + " are missing or wrong" + see("cluster")
}

// behindTopics names the topics that the check lag alerts about.
func behindTopics(d *status.Central) string {
	var names []string
	for _, t := range d.Topics {
		if judgeTopic(t, Request{}).status != nagios.OK {
			names = append(names, t.Topic)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; " + few(names) + " can't be read, or is read late" + see("lag")
}

// sinksDown names the sinks that accept nothing, which windows wait for.
func sinksDown(d *status.Process) string {
	var names []string
	for _, s := range d.Sinks {
		if !s.Reachable {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return few(names) + " is down" + see("central")
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
		text += ", which is late: " + i.whyLate(a)
	}
	if n := len(c.Conflicting); n > 0 {
		first := c.Conflicting[0]
		text += fmt.Sprintf(", two machines use the name of node %s, and one of them does not count: %s and %s. Give each its own, with node in [forward]",
			first.Node, first.Instance, first.Other)
		if n > 1 {
			text += fmt.Sprintf(", as for %d more names", n-1)
		}
		state = nagios.Worst(state, nagios.Warning)
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
			gauge(label("conflicting"), len(c.Conflicting), ""),
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
	} {
		f.metrics = append(f.metrics, counter(label(n.label), n.count))
		if n.count > 0 {
			text += fmt.Sprintf(", %d %s since the start", n.count, n.text)
		}
	}
	for _, node := range c.Missing {
		f.details = append(f.details, name+": "+node+" is missing")
	}
	for _, k := range c.Conflicting {
		f.details = append(f.details, fmt.Sprintf("%s: %s is the name of two machines, %s and %s", name, k.Node, k.Instance, k.Other))
	}
	f.text = text
	return f
}

// whyLate returns where the reason is to be found that windows are late.
func (i Installation) whyLate(a answer) string {
	var reasons []string
	if a.Process != nil {
		if down := sinksDown(a.Process); down != "" {
			reasons = append(reasons, down)
		}
	}
	if behind := behindTopics(a.Central); behind != "" {
		reasons = append(reasons, strings.TrimPrefix(behind, "; "))
	}
	if len(reasons) == 0 {
		return "see the log of haproxystats-central"
	}
	return strings.Join(reasons, ", and ")
}

// few names some of the nodes, and the number of the others.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
