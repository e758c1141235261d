package doctor

import (
	"fmt"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/plaintext"
)

// Volume is what a snapshot of now would come to.
type Volume struct {
	Metrics, MetricBytes int64 // for Graphite
	Interval             time.Duration
	// QueueMetrics and QueueBytes are the bounds of the queue for Graphite, 0 for
	// none; QueueSnapshots is that of the spool.
	QueueMetrics, QueueBytes int64
	QueueSnapshots           int
}

// shortest is how long an outage should be bridged: a restart of a server.
const shortest = 10 * time.Minute

// Amount judges how much is sent, and for how long it can wait.
func Amount(v Volume) []Finding {
	a := about{check: "volume"}
	if v.Metrics == 0 {
		return []Finding{a.error("a snapshot of now has no metric", "see what is said of the sockets; frontend-metrics, exclude-frontends and the like may leave everything out")}
	}
	found := []Finding{a.ok("a snapshot of now has %s and %s for Graphite, besides those of haproxystats itself, every %s", count(v.Metrics, "metric"), size(uint64(v.MetricBytes)), lasting(v.Interval))}
	batches, bound := int64(-1), ""
	if v.QueueMetrics > 0 {
		batches, bound = v.QueueMetrics/v.Metrics, fmt.Sprintf("queue-size = %d", v.QueueMetrics)
	}
	if n := v.QueueBytes / v.MetricBytes; v.QueueBytes > 0 && (batches < 0 || n < batches) {
		batches, bound = n, fmt.Sprintf("queue-max-bytes = %d", v.QueueBytes)
	}
	outage := about{"outage", "graphite"}
	switch bridged := time.Duration(max(batches, 0)) * v.Interval; {
	case batches < 0:
		found = append(found, outage.ok("the queue has no bound but the disk"))
	case batches < 1:
		found = append(found, outage.error(fmt.Sprintf("the queue has no room for one snapshot: %s", bound), "raise it: what Graphite does not take at once is lost"))
	case bridged < shortest:
		found = append(found, outage.warning(fmt.Sprintf("the queue bridges an outage of %s only (%s)", lasting(bridged), bound), "raise it"))
	default:
		found = append(found, outage.ok("the queue bridges an outage of %s (%s)", lasting(bridged), bound))
	}
	process := about{"outage", "haproxystats-process"}
	if bridged := time.Duration(v.QueueSnapshots) * v.Interval; bridged < shortest {
		found = append(found, process.warning(fmt.Sprintf("the spool bridges %s only while it does not run (queue-size = %d in [pull])", lasting(bridged), v.QueueSnapshots), "raise it"))
	} else {
		found = append(found, process.ok("the spool bridges %s while it does not run (queue-size = %d in [pull])", lasting(bridged), v.QueueSnapshots))
	}
	return found
}

// Names judges whether Graphite can tell and store the names of HAProxy's.
func Names(r plaintext.Result) (found []Finding) {
	a := about{check: "names"}
	for _, m := range r.Met {
		found = append(found, a.warning(fmt.Sprintf("the %ss %s and %s map to one path, and their values are combined", m.Scope, m.First, m.Next), "rename one of them in HAProxy"))
	}
	if r.Skipped > 0 {
		text := fmt.Sprintf("%d metrics have a path that Graphite can't store and are left out", r.Skipped)
		if r.Longest != "" {
			text += fmt.Sprintf(": the longest name has %d bytes, %d is the most, and is %.60q...", len(r.Longest), plaintext.MaxComponent, r.Longest)
		}
		found = append(found, a.warning(text, "shorten the names in HAProxy"))
	}
	if len(found) == 0 {
		found = append(found, a.ok("no two names map to one path"))
	}
	return found
}

// Repeated judges names that one reply has twice.
func Repeated(names []aggregate.Repeated) (found []Finding) {
	for _, n := range names {
		found = append(found, about{check: "names"}.warning(fmt.Sprintf("two %ss are named %s, and their values are combined", n.Scope, n.Name), "rename one of them in HAProxy"))
	}
	return found
}

// BadReplies judges the replies and rows that can't be used.
func BadReplies(badRows int, badFiles []string) []Finding {
	a := about{check: "replies"}
	var found []Finding
	for _, f := range badFiles {
		found = append(found, a.warning("a reply can't be used in whole: "+f, "see what the socket answers: echo 'show stat' | socat - PATH"))
	}
	if badRows > 0 {
		found = append(found, a.warning(fmt.Sprintf("%d rows can't be used and are left out", badRows), "report it, with what the socket answers"))
	}
	return found
}
