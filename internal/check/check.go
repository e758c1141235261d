// Package check checks the state of the programs for a monitoring plugin. It asks
// their status sockets. If a program does not answer, it lists the spool and finds
// the holders of its locks.
//
// A check changes nothing and takes no lock, so it never hinders a program. Its
// result says when the directories were the source. A path that the user may not see
// gives UNKNOWN, never OK.
//
// The package does not know where the configuration comes from.
package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// Installation describes the sockets, directories and options of the programs.
type Installation struct {
	// PullSocket and ProcessSocket are their status sockets; empty if turned off.
	PullSocket, ProcessSocket string
	// DstDir is where haproxystats-pull puts snapshots, SrcDir where
	// haproxystats-process takes them from.
	DstDir, SrcDir string
	// PullSHA256 and ProcessSHA256 are the hashes that the configurations of the
	// programs would have if they started now; empty if not known.
	PullSHA256, ProcessSHA256 string
	// Central is for the checks of haproxystats-central.
	Central Central
	// KeepsTotals reports whether haproxystats-pull keeps totals of counters.
	KeepsTotals bool
	// Interval is the time from round to round.
	Interval time.Duration
	// KeepPartial reports whether a round in which some sockets fail is kept.
	KeepPartial bool
	// Patience is the time that a program may take to answer.
	Patience time.Duration
	// First is the name of the program that is process 1 of this container; only the
	// check [Container] uses it.
	First string
	// User names the user of the check, for messages about permissions.
	User string
	// System is the operating system of this host, as Go names it; empty means linux. On
	// others, a program that does not answer may run elsewhere.
	System string
	// Ask asks a status socket; nil means [status.Ask].
	Ask func(ctx context.Context, path string) (status.Document, error)
}

// Request has the options of one check.
type Request struct {
	// Warn and Crit are the thresholds; nil for those of the mode.
	Warn, Crit *nagios.Range
	// Plain leaves the thresholds of the mode out.
	Plain bool
	// Sink is the only sink to check; empty for all.
	Sink string
	// Cluster is the only cluster to check; empty for all.
	Cluster string
	// Records makes the thresholds of the lag apply to records instead of seconds.
	Records bool
	// Filled makes the check look at the queue of haproxystats-pull, should that be
	// another directory.
	Filled bool
}

// Mode is one of the checks.
type Mode struct {
	Name string
	// Short describes the check, Value is what its thresholds apply to, and Thresholds
	// are the default ones.
	Short, Value, Thresholds string

	// check makes the check; nil for [All], which makes the others.
	check func(context.Context, Installation, Request) finding
}

// Modes returns all checks.
func Modes() []Mode {
	return []Mode{
		{
			"process", "haproxystats-process runs",
			"seconds since the start of the program", "none", checkProcess,
		},
		{
			"workers", "the workers of haproxystats-process are alive",
			"workers alive", "critical below the number of configured workers", checkWorkers,
		},
		{
			"pull", "haproxystats-pull runs and stores snapshots",
			"seconds since the last snapshot was stored", "3 and 10 times pull-interval, and at least 30 and 100", checkPull,
		},
		{
			"queue", "haproxystats-process keeps up",
			"snapshots in src-dir, including those in progress", "60 and 120", checkQueue,
		},
		{
			"age", "no snapshot waits for long",
			"seconds since the oldest snapshot in src-dir", "120 and 600", checkAge,
		},
		{
			"sink", "the sinks accept and confirm metrics",
			"seconds of lag: age of the oldest queued metrics, or time since the sink went down, whichever is longer",
			"60 and 600; while haproxystats-pull stores snapshots, those of pull also apply to the time without a confirmation", checkSink,
		},
		{
			"sockets", "the stats sockets of HAProxy answer",
			"sockets that failed in the last round", "0; critical if the round was not stored", checkSockets,
		},
		{
			"reloads", "reloads of HAProxy succeed, their old workers end, and no worker crashes",
			"seconds since the oldest of the old workers was replaced",
			"3600 and 86400; a failed reload, and counters that were raw in the last ten minutes, are a warning always", checkReloads,
		},
		{
			"central", "haproxystats-central runs with all workers, delivers, and has room in its journal",
			"seconds since the start of the program",
			"none; workers, lag of sinks (60 and 600) and journal (80 and 95 % of journal-max-bytes) are judged always", checkCentral,
		},
		{
			"cluster", "the nodes of clusters report, and windows are sent",
			"nodes missing in the newest window of each cluster",
			"0, and critical if no node reports; a window older than 3 or 10 intervals and grace, and a node name that two machines use, alert always", checkCluster,
		},
		{
			"lag", "haproxystats-central keeps up with the topics of Kafka that it reads",
			"seconds that the partition is behind that is most behind; with --records its records",
			"60 and 600, with --records none; critical if the topic can't be read", checkLag,
		},
		{
			All, "every check that fits this machine, except container, one line for each",
			"those of the checks, which have their names in front", "those of the checks; -w and -c do not apply", nil,
		},
		{
			Container, "process 1 works: the check pull for haproxystats-pull, workers for the other programs, with the -f and -d of process 1 unless you give one",
			"that of pull or workers", "those of pull or workers", checkContainer,
		},
	}
}

// Run makes the check.
func (m Mode) Run(ctx context.Context, i Installation, r Request) nagios.Result {
	if i.Ask == nil {
		i.Ask = status.Ask
	}
	check := m.check
	if m.Name == All {
		check = checkAll
	}
	return m.result(check(ctx, i, r))
}

func (m Mode) result(f finding) nagios.Result {
	return nagios.Result{Name: strings.ToUpper(m.Name), Status: f.status, Text: f.text, Metrics: f.metrics, Details: f.details, Parts: f.parts}
}

// finding is the result of a check before it is printed.
type finding struct {
	status  nagios.Status
	text    string
	metrics []nagios.Metric
	details []string
	parts   []nagios.Result
}

// stale adds to a finding that the program runs with a configuration other than the
// present one, or that its last reload has failed. That is a warning, except for
// [Container]: container runtimes restart a program that is not OK.
func (i Installation) stale(a answer, sha256 string, r Request, f finding) finding {
	if a.ReloadFailed != 0 {
		f.text += fmt.Sprintf("; its configuration was not reloaded %s ago", ago(a.Since(a.ReloadFailed)))
		if a.ReloadCause != "" {
			f.text += ": " + shortened(a.ReloadCause)
		}
		if i.First == "" && !r.Plain {
			f.status = nagios.Worst(f.status, nagios.Warning)
		}
		return f
	}
	if a.ConfigSHA256 == "" || sha256 == "" || a.ConfigSHA256 == sha256 {
		return f
	}
	remedy := "reload or restart it"
	if a.NeedsRestart() {
		remedy = "restart it, as some options have changed that a reload leaves as they are"
	}
	f.text += "; it runs with a configuration other than the present one: " + remedy + ", or give this check the -f and -d of the program"
	if i.First == "" && !r.Plain {
		f.status = nagios.Worst(f.status, nagios.Warning)
	}
	return f
}

// thresholds are the ranges that a value is compared with; nil for none.
type thresholds struct{ warn, crit *nagios.Range }

// or returns the thresholds of the request, or these of the mode if it has none.
func (r Request) or(warn, crit *nagios.Range) thresholds {
	if r.Plain {
		warn, crit = nil, nil
	}
	t := thresholds{r.Warn, r.Crit}
	if t.warn == nil && t.crit == nil {
		return thresholds{warn, crit}
	}
	return t
}

func above(n float64) *nagios.Range {
	r := nagios.Above(n)
	return &r
}

func atLeast(n float64) *nagios.Range {
	r := nagios.AtLeast(n)
	return &r
}

// judge compares a value with the thresholds.
func (t thresholds) judge(value float64) nagios.Status {
	switch {
	case t.crit != nil && t.crit.Alerts(value):
		return nagios.Critical
	case t.warn != nil && t.warn.Alerts(value):
		return nagios.Warning
	}
	return nagios.OK
}

// metric returns a value that is compared with the thresholds.
func (t thresholds) metric(label string, value float64, unit string) nagios.Metric {
	return nagios.Metric{Label: label, Value: value, Unit: unit, Warn: t.warn, Crit: t.crit, Limited: true}
}

// gauge returns a value without thresholds; counter returns a value that only grows.
func gauge[N int | int64 | float64 | status.Seconds](label string, value N, unit string) nagios.Metric {
	return nagios.Metric{Label: label, Value: float64(value), Unit: unit, Limited: true}
}

func counter(label string, value int64) nagios.Metric {
	return nagios.Metric{Label: label, Value: float64(value), Unit: "c"}
}

// maxCause bounds what one line has of a cause. The longest are a broker's error with its
// remedy.
const maxCause = 240

// because returns a cause in parentheses, as the end of a text; the whole of it is among
// the details.
func because(cause string) string {
	if cause == "" {
		return ""
	}
	return " (" + shortened(cause) + ")"
}

// shortened returns a cause without what exceeds maxCause.
func shortened(cause string) string {
	if len(cause) > maxCause {
		cause = strings.ToValidUTF8(cause[:maxCause], "")
		if n := strings.LastIndexByte(cause, ' '); n > 0 {
			cause = cause[:n]
		}
		cause += " ..."
	}
	return cause
}

// ago formats a duration for people.
func ago(s status.Seconds) string {
	d := s.Duration()
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
