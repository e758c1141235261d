package check

import (
	"context"
	"fmt"
	"strings"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// checkSink checks how far the sinks are behind.
func checkSink(ctx context.Context, i Installation, r Request) finding {
	p := i.process()
	pull := make(chan answer, 1)
	go func() { pull <- i.ask(ctx, i.pull()) }() // both at once: each may take all of Patience
	a := i.ask(ctx, p)
	if !a.answered || a.Process == nil {
		return i.sinksOfCentral(ctx, i.unanswered(p, a))
	}
	t := r.or(above(60), above(600))
	stored := <-pull
	var found finding
	var names, texts []string
	for _, s := range a.Process.Sinks {
		names = append(names, s.Name)
		if r.Sink != "" && r.Sink != s.Name {
			continue
		}
		f := lagging(a.Document, s, t)
		if s.Reachable && !s.Sporadic {
			f = silentSink(a, s, stored, f)
		}
		f = verifiedSink(a.Document, s, stored, f)
		found.status = nagios.Worst(found.status, f.status)
		found.metrics = append(found.metrics, f.metrics...)
		found.details = append(found.details, f.details...)
		texts = append(texts, f.text)
	}
	if len(texts) == 0 {
		return finding{status: nagios.Unknown, text: fmt.Sprintf("there is no sink %q: expected %s", r.Sink, strings.Join(names, ", "))}
	}
	found.text = strings.Join(texts, "; ")
	return i.clouded(a, found)
}

// silentSink judges a reachable sink that has confirmed nothing while
// haproxystats-pull stores snapshots: either haproxystats-process reads another
// directory, or its snapshots do not reach the sink.
func silentSink(d answer, s status.Sink, pull answer, f finding) finding {
	if !pull.answered || pull.Pull == nil || pull.Pull.Stored == 0 {
		return f
	}
	warn, crit := silence(pull.Pull.Interval.Duration())
	if warn.Alerts(float64(pull.Since(pull.Pull.Stored))) {
		return f // nothing new is stored, which the check "pull" reports
	}
	// Silence counts only from when both programs ran.
	silent := min(d.Since(max(d.Started, s.Confirmed)), pull.Since(pull.Started))
	status := thresholds{warn, crit}.judge(float64(silent))
	if status == nagios.OK {
		return f
	}
	f.status = nagios.Worst(f.status, status)
	f.text += fmt.Sprintf(", but has confirmed nothing for %s, though haproxystats-pull stores snapshots: ", ago(silent))
	switch w := d.Process.Workers; {
	case w.Alive < w.Configured:
		f.text += "workers are stuck" + see("workers")
	case d.Process.Waiting > 0:
		f.text += fmt.Sprintf("%s wait for a worker", snapshots(d.Process.Waiting)) + see("age")
	default:
		f.text += "set dst-dir of [pull] and src-dir of [process] to one directory, and look at the log of haproxystats-process"
	}
	return f
}

// sinksOfCentral adds to the finding that haproxystats-process does not answer that
// haproxystats-central runs here, whose sinks another check has.
func (i Installation) sinksOfCentral(ctx context.Context, f finding) finding {
	if i.Central.Socket == "" {
		return f
	}
	if a := i.ask(ctx, i.central()); a.answered {
		f.text += "; haproxystats-central runs here, and has sinks of its own" + see("central")
	}
	return f
}

// verifiedSink judges what verify-url has shown: confirmed metrics that don't arrive,
// and questions without an answer.
func verifiedSink(d status.Document, s status.Sink, pull answer, f finding) finding {
	v := s.Verified
	if v == nil {
		return f
	}
	// A long interval, which is that of the values too, needs patience.
	least := 60.0
	if pull.answered && pull.Pull != nil {
		least = max(least, float64(pull.Pull.Interval))
	}
	t := thresholds{above(5 * least), above(15 * least)}
	f.metrics = append(f.metrics, gauge(s.Name+"_verified_age", int64(v.Age), "s"))
	if status := t.judge(float64(v.Behind)); status != nagios.OK {
		f.status = nagios.Worst(f.status, status)
		f.text += fmt.Sprintf(", but verify-url shows nothing of the last %s: see \"A proxy before Graphite\" in operations.md", ago(v.Behind))
	}
	if v.Failing != 0 {
		failing := d.Since(v.Failing)
		f.status = nagios.Worst(f.status, t.judge(float64(failing)))
		f.text += ", verify-url has not answered for " + ago(failing) + because(v.Cause)
		f.details = append(f.details, s.Name+" verify-url: "+v.Cause)
	}
	return f
}

// lagging is the finding of one sink.
func lagging(d status.Document, s status.Sink, t thresholds) finding {
	var lag status.Seconds
	if s.Queue != nil {
		lag = s.Queue.Age
	}
	text := s.Name + " is up"
	if !s.Reachable {
		down := d.Since(s.Down)
		lag = max(lag, down)
		text = s.Name + " has been down for " + ago(down) + because(s.Cause)
	}
	label := func(name string) string { return s.Name + "_" + name }
	f := finding{
		status: t.judge(float64(lag)),
		metrics: []nagios.Metric{
			t.metric(label("lag"), float64(lag), "s"),
			counter(label("confirmed"), s.Metrics), counter(label("failures"), s.Failures),
		},
	}
	if q := s.Queue; q != nil {
		if q.Batches > 0 {
			text += fmt.Sprintf(", %d batches wait, the oldest of %s ago", q.Batches, ago(q.Age))
		} else {
			text += ", nothing waits"
		}
		f.metrics = append(f.metrics,
			gauge(label("batches"), q.Batches, ""), gauge(label("metrics"), q.Metrics, ""), gauge(label("bytes"), q.Bytes, "B"),
			counter(label("dropped"), q.Dropped))
		if q.Refused+q.Unreadable > 0 {
			text += fmt.Sprintf(", %d batches refused, %d files unreadable", q.Refused, q.Unreadable)
			f.status = nagios.Worst(f.status, nagios.Warning)
		}
	}
	if s.Confirmed != 0 {
		text += ", last confirmed " + ago(d.Since(s.Confirmed)) + " ago"
	}
	if s.Cause != "" {
		f.details = append(f.details, s.Name+": "+s.Cause)
	}
	f.text = text
	return f
}
