package check

import (
	"context"
	"fmt"
	"strings"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// checkLag checks how far haproxystats-central is behind in the topics that it reads.
func checkLag(ctx context.Context, i Installation, r Request) finding {
	a, unasked := i.askCentral(ctx)
	if unasked != nil {
		return *unasked
	}
	switch {
	case a.Central == nil:
		return i.unready(a)
	case len(a.Central.Topics) == 0:
		return finding{status: nagios.Unknown, text: "haproxystats-central reads no topics: set kafka = true in [central]"}
	}
	var found finding
	var texts []string
	for _, t := range a.Central.Topics {
		f := judgeTopic(t, r)
		found.status = nagios.Worst(found.status, f.status)
		found.metrics = append(found.metrics, f.metrics...)
		found.details = append(found.details, f.details...)
		texts = append(texts, f.text)
	}
	found.text = strings.Join(texts, "; ")
	if found.status != nagios.OK && a.Process != nil {
		if down := sinksDown(a.Process); down != "" {
			found.text += "; " + down
		}
	}
	return found
}

// judgeTopic is the finding of one topic. The thresholds apply to the partition that is
// worst: to its age, or to its number of records.
func judgeTopic(topic status.Topic, r Request) finding {
	t := r.or(above(60), above(600))
	if r.Records {
		t = r.or(nil, nil)
	}
	var worst float64
	var records int64
	var behind status.Seconds
	f := finding{}
	for _, p := range topic.Partitions {
		value := float64(p.LagSeconds)
		if r.Records {
			value = float64(p.Lag)
		}
		worst = max(worst, value)
		records += p.Lag
		behind = max(behind, p.LagSeconds)
		state := t.judge(value)
		f.status = nagios.Worst(f.status, state)
		if state != nagios.OK {
			f.details = append(f.details, fmt.Sprintf("%s partition %d: %d records, %s", topic.Topic, p.Number, p.Lag, ago(p.LagSeconds)))
		}
	}
	of, seconds := thresholds{}, t
	if r.Records {
		of, seconds = t, thresholds{}
	}
	label := func(name string) string { return topic.Topic + "_" + name }
	f.metrics = []nagios.Metric{
		seconds.metric(label("lag"), float64(behind), "s"),
		of.metric(label("records"), float64(records), ""),
		gauge(label("partitions"), len(topic.Partitions), ""),
		gauge(label("members"), topic.Members, ""),
		counter(label("rebalances"), topic.Rebalances),
		counter(label("commit_errors"), topic.CommitErrors),
		counter(label("incomplete"), topic.Incomplete),
		counter(label("aside"), topic.Damaged+topic.Newer+topic.Foreign),
	}
	switch {
	case topic.Cause != "":
		f.status = nagios.Critical
		f.text = fmt.Sprintf("%s can't be read: %s", topic.Topic, topic.Cause)
	case len(topic.Partitions) == 0:
		f.text = fmt.Sprintf("no partition of %s is this program's, of %d members of group %s", topic.Topic, topic.Members, topic.Group)
	default:
		f.text = fmt.Sprintf("%s is %s behind, %d records in %d partitions", topic.Topic, ago(behind), records, len(topic.Partitions))
	}
	for _, n := range []struct {
		text  string
		count int64
	}{
		{"damaged records", topic.Damaged},
		{"records of a newer version", topic.Newer},
		{"records of somebody else", topic.Foreign},
		{"incomplete snapshots", topic.Incomplete},
	} {
		if n.count > 0 {
			f.text += fmt.Sprintf(", %d %s since the start", n.count, n.text)
		}
	}
	return f
}
