package doctor

import (
	"context"
	"time"
)

// Check looks at one thing, or some of a kind.
type Check struct {
	Name string
	// Limit is the time that it may take. It is told by its context; if it hangs
	// all the same, as on a file system whose server is gone, it is left behind.
	Limit time.Duration
	Run   func(ctx context.Context) []Finding
}

// overdue is how long a check may take to notice that its time is over.
const overdue = time.Second

// runChecks runs all checks at once and returns their findings, in the order of
// the checks.
func runChecks(ctx context.Context, checks []Check) Report {
	found := make([]chan []Finding, len(checks))
	for i, c := range checks {
		found[i] = make(chan []Finding, 1)
		go func() { found[i] <- c.bounded(ctx) }()
	}
	var r Report
	for _, f := range found {
		r = append(r, <-f...)
	}
	return r
}

func (c Check) bounded(ctx context.Context) []Finding {
	limited, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- c.Run(limited) }()
	late := time.NewTimer(c.Limit + overdue)
	defer late.Stop()
	select {
	case f := <-done:
		return f
	case <-late.C:
		return []Finding{about{check: c.Name}.error(
			"it hangs, and nothing is known after "+(c.Limit+overdue).String(),
			"look for a disk or a network file system that does not answer: df, dmesg")}
	}
}
