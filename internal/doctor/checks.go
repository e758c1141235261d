package doctor

import (
	"context"
	"time"
)

// Check examines one thing, or all things of a kind.
type Check struct {
	Name string
	// Limit bounds the time of the check, whose context ends with it. If the check hangs
	// all the same, as on a file system whose server is gone, doctor goes on without it.
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
			"the check hangs: no result after "+(c.Limit+overdue).String(),
			"Look for a disk or a network file system that does not answer, with df and dmesg")}
	}
}
