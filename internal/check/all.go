package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// All is the name of the check that makes all checks that fit the machine.
const All = "all"

// checkAll makes every check that fits the machine. Each program is asked once, so all
// checks judge the same document.
func checkAll(ctx context.Context, i Installation, r Request) finding {
	i.Ask = askOnce(i.Ask)
	fitting := i.fitting(ctx)
	var all finding
	for _, m := range Modes() {
		if !slices.Contains(fitting, m.Name) {
			continue
		}
		var f finding
		if i.Central.Refused != "" && m.Name == "central" {
			f = finding{status: nagios.Unknown, text: "the configuration is refused: " + i.Central.Refused}
		} else {
			f = m.check(ctx, i, r)
		}
		all.status = nagios.Worst(all.status, f.status)
		all.parts = append(all.parts, m.result(f))
		all.metrics = append(all.metrics, judged(m.Name, f.metrics)...)
	}
	slices.SortStableFunc(all.parts, func(a, b nagios.Result) int { return b.Status.Compare(a.Status) })
	all.text = summary(all.parts)
	return all
}

// judged returns the metrics that have thresholds, named after their check too. The others
// would make a line that some transports cut.
func judged(mode string, metrics []nagios.Metric) (kept []nagios.Metric) {
	for _, m := range metrics {
		if m.Warn != nil || m.Crit != nil {
			m.Label = mode + "_" + m.Label
			kept = append(kept, m)
		}
	}
	return kept
}

// summary names the checks that are not OK.
func summary(parts []nagios.Result) string {
	var bad []string
	for _, p := range parts {
		if p.Status != nagios.OK {
			bad = append(bad, strings.ToLower(p.Name)+" ("+p.Status.String()+")")
		}
	}
	switch len(bad) {
	case 0:
		return fmt.Sprintf("%d checks are OK", len(parts))
	case 1:
		return fmt.Sprintf("1 of %d checks is not OK: %s", len(parts), bad[0])
	}
	return fmt.Sprintf("%d of %d checks are not OK: %s", len(bad), len(parts), strings.Join(bad, ", "))
}

// fitting returns the names of the checks that fit the machine: those of
// haproxystats-central if it is configured or answers, and those of a node's programs
// unless the machine is haproxystats-central's alone.
func (i Installation) fitting(ctx context.Context) (modes []string) {
	programs := []program{i.pull(), i.process(), i.central()}
	answers := make([]answer, len(programs))
	var asking sync.WaitGroup
	for n, p := range programs { // at once: each may take all of Patience
		asking.Go(func() { answers[n] = i.ask(ctx, p) })
	}
	asking.Wait()
	isCentral := i.Central.Configured || answers[2].answered
	if !isCentral || isSeen(programs[0], answers[0]) || isSeen(programs[1], answers[1]) {
		modes = append(modes, "process", "workers", "pull", "queue", "age", "sink", "sockets")
		if i.KeepsTotals {
			modes = append(modes, "reloads")
		}
	}
	if isCentral {
		modes = append(modes, "central")
		if i.Central.Refused == "" {
			modes = append(modes, "cluster")
			if d := answers[2].Central; i.Central.Kafka || d != nil && len(d.Topics) > 0 {
				modes = append(modes, "lag")
			}
		}
	}
	return modes
}

// isSeen reports whether there is a sign that a program has ever been started here: its
// status socket or its directory.
func isSeen(p program, a answer) bool {
	if p.socket != "" && !a.gone {
		return true
	}
	_, err := os.Stat(p.dir)
	return !errors.Is(err, fs.ErrNotExist)
}

// askOnce returns an Ask that asks each socket once, and then repeats the answer.
func askOnce(ask func(context.Context, string) (status.Document, error)) func(context.Context, string) (status.Document, error) {
	type asked struct {
		once sync.Once
		d    status.Document
		err  error
	}
	var mu sync.Mutex
	known := make(map[string]*asked)
	return func(ctx context.Context, path string) (status.Document, error) {
		mu.Lock()
		a := cmp.Or(known[path], new(asked))
		known[path] = a
		mu.Unlock()
		a.once.Do(func() { a.d, a.err = ask(ctx, path) })
		return a.d, a.err
	}
}
