package doctor

import (
	"cmp"
	"fmt"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/plaintext"
)

// Volume is the size of a snapshot taken now, and the room for more.
type Volume struct {
	Metrics, MetricBytes int64 // for Graphite
	Interval             time.Duration
	// QueueMetrics and QueueBytes are the bounds of the queue for Graphite,
	// QueueSnapshots that of the spool; 0 for none.
	QueueMetrics, QueueBytes int64
	QueueSnapshots           int
	// WithoutGraphite is true if nothing is sent to Graphite.
	WithoutGraphite bool
	// Section is that of the Graphite; empty for [graphite].
	Section string
	// Counted is the number of metrics as max-metrics counts them, and MaxMetrics is that
	// option; 0 for none.
	Counted, MaxMetrics int64
	// ForwardsTables is true if the centre gets the tables, which max-metrics would shorten.
	ForwardsTables bool
}

// graphite returns the Graphite as a sentence names it.
func (v Volume) graphite() string {
	if v.Section == "" || v.Section == "graphite" {
		return "Graphite"
	}
	return "[" + v.Section + "]"
}

// shortest is the outage that a queue should outlast at least: a restart of a
// server.
const shortest = 10 * time.Minute

const (
	// carbonCreates is carbon's default for MAX_CREATES_PER_MINUTE.
	carbonCreates = 50
	// manyMinutes is the time for new metrics to appear from which on doctor explains the
	// wait.
	manyMinutes = 5
)

// Amount judges how much is sent, and how long the queues can hold it.
func Amount(v Volume) []Finding {
	a := about{check: "volume"}
	if v.Metrics == 0 {
		return []Finding{a.error("a snapshot taken now has no metric", "See the findings about sockets in this report, and whether options such as frontend-metrics and exclude-frontends leave out everything")}
	}
	var found []Finding
	if v.WithoutGraphite {
		found = append(found, a.ok("a snapshot taken now gives %s, besides those of haproxystats itself, every %s; nothing is sent to Graphite", count(v.Metrics, "metric"), lasting(v.Interval)))
	} else {
		found = append(found, graphiteAmount(v)...)
	}
	found = append(found, guard(v)...)
	process := about{"outage", "haproxystats-process"}
	if bridged := time.Duration(v.QueueSnapshots) * v.Interval; bridged < shortest {
		found = append(found, process.warning(fmt.Sprintf("the spool covers only %s while it does not run (queue-size = %d in [pull])", lasting(bridged), v.QueueSnapshots), "Raise it"))
	} else {
		found = append(found, process.ok("the spool covers %s while it does not run (queue-size = %d in [pull])", lasting(bridged), v.QueueSnapshots))
	}
	return found
}

// manyMetrics is the number of metrics from which on doctor recommends max-metrics. About
// 6000 servers have so many.
const manyMetrics = 300_000

// guard judges max-metrics, or recommends it.
func guard(v Volume) []Finding {
	a := about{"volume", "max-metrics"}
	switch {
	case v.MaxMetrics > 0 && v.Counted > v.MaxMetrics:
		return []Finding{a.warning(fmt.Sprintf("a snapshot taken now has %d metrics, and max-metrics = %d: groups of metrics are left out", v.Counted, v.MaxMetrics),
			"Raise max-metrics in [process], or send less: server-metrics, exclude-servers. The log of haproxystats-process names the groups")}
	case v.MaxMetrics > 0:
		return []Finding{a.ok("all %d metrics are sent (max-metrics = %d)", v.Counted, v.MaxMetrics)}
	case v.Counted >= manyMetrics && !v.ForwardsTables:
		return []Finding{a.warning(fmt.Sprintf("a snapshot taken now has %d metrics, and nothing bounds them if HAProxy gets many more servers by mistake", v.Counted),
			fmt.Sprintf("Set max-metrics in [process], for example to %d", 2*v.Counted))}
	}
	return nil
}

// graphiteAmount judges how much Graphite gets, and how long the queue for it can hold it.
func graphiteAmount(v Volume) []Finding {
	a := about{check: "volume"}
	found := []Finding{a.ok("a snapshot taken now gives %s %s and %s, besides those of haproxystats itself, every %s", v.graphite(), count(v.Metrics, "metric"), size(uint64(v.MetricBytes)), lasting(v.Interval))}
	if minutes := (v.Metrics + carbonCreates - 1) / carbonCreates; minutes >= manyMinutes {
		found = append(found, about{"creates", cmp.Or(v.Section, "graphite")}.ok("carbon creates %d metrics a minute by default, so %s take %s to appear on a new host; "+
			"raise MAX_CREATES_PER_MINUTE in carbon.conf", carbonCreates, count(v.Metrics, "metric"), lasting(time.Duration(minutes)*time.Minute)))
	}
	batches, bound := int64(-1), ""
	if v.QueueMetrics > 0 {
		batches, bound = v.QueueMetrics/v.Metrics, fmt.Sprintf("queue-size = %d", v.QueueMetrics)
	}
	if n := v.QueueBytes / v.MetricBytes; v.QueueBytes > 0 && (batches < 0 || n < batches) {
		batches, bound = n, fmt.Sprintf("queue-max-bytes = %d", v.QueueBytes)
	}
	outage := about{"outage", cmp.Or(v.Section, "graphite")}
	switch bridged := time.Duration(max(batches, 0)) * v.Interval; {
	case batches < 0:
		found = append(found, outage.ok("the queue has no bound but the disk"))
	case batches < 1:
		found = append(found, outage.error(fmt.Sprintf("the queue has no room for one snapshot: %s", bound), "Raise it: metrics that Graphite does not accept at once are lost"))
	case bridged < shortest:
		found = append(found, outage.warning(fmt.Sprintf("the queue covers an outage of only %s (%s)", lasting(bridged), bound), "Raise it"))
	default:
		found = append(found, outage.ok("the queue covers an outage of %s (%s)", lasting(bridged), bound))
	}
	return found
}

// Names judges whether HAProxy's names map to distinct paths that Graphite can
// store.
func Names(r plaintext.Result) (found []Finding) {
	a := about{check: "names"}
	for _, m := range r.Met {
		found = append(found, a.warning(fmt.Sprintf("the %ss %s and %s map to one path, and their values are combined", m.Scope, m.First, m.Next), "Rename one of them in HAProxy"))
	}
	if r.Skipped > 0 {
		text := fmt.Sprintf("%d metrics are left out, because Graphite can't store their paths", r.Skipped)
		if r.Longest != "" {
			text += fmt.Sprintf(": the longest name has %d bytes, the limit is %d, and it begins with %.60q", len(r.Longest), r.Limit, r.Longest)
		}
		found = append(found, a.warning(text, "Shorten the names in HAProxy"))
	}
	if len(found) == 0 {
		found = append(found, a.ok("no two names map to one path"))
	}
	return found
}

// Repeated judges names that occur twice in one reply.
func Repeated(names []aggregate.Repeated) (found []Finding) {
	for _, n := range names {
		found = append(found, about{check: "names"}.warning(fmt.Sprintf("two %ss are named %s, and their values are combined", n.Scope, n.Name), "Rename one of them in HAProxy"))
	}
	return found
}

// BadReplies judges the replies and rows that can't be used.
func BadReplies(badRows int, badFiles []string) []Finding {
	a := about{check: "replies"}
	var found []Finding
	for _, f := range badFiles {
		found = append(found, a.warning("a part of a reply can't be used: "+f, "See the reply of the socket. Run: echo 'show stat' | socat - PATH"))
	}
	if badRows > 0 {
		found = append(found, a.warning(fmt.Sprintf("%d rows can't be used and are left out", badRows), "Report it, with the reply of the socket"))
	}
	return found
}
