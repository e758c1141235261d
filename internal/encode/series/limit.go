package series

import (
	"fmt"
	"strings"

	"haproxystats/internal/metric"
)

// Reason is why series were dropped.
type Reason int

// The reasons, in the order in which groups of series are dropped.
const (
	ExtraCounters Reason = iota // those of HAProxy's modules
	Listeners                   // all of listeners
	Results                     // results of health checks and agents
	AllServers                  // all of servers

	// NumReasons is the number of reasons. As a reason it is that of series that are never
	// dropped.
	NumReasons
)

// String returns the word for the reason in labels and logs.
func (r Reason) String() string {
	return [NumReasons]string{"extra-counters", "listeners", "check-states", "servers"}[r]
}

// ReasonOf returns why a series in a scope may be dropped: it may be of one of HAProxy's
// modules, or have results of checks.
func ReasonOf(s metric.Scope, isExtra, isResult bool) Reason {
	switch {
	case isExtra:
		return ExtraCounters
	case s == metric.Listener:
		return Listeners
	case isResult:
		return Results
	case s == metric.Server || s == metric.ServerName || s == metric.ServerProcesses:
		return AllServers
	}
	return NumReasons
}

// Dropped are the numbers of series that were dropped, by the reason.
type Dropped [NumReasons]int

// String returns the numbers of the reasons that there are, as "listeners: 4".
func (d Dropped) String() string {
	var all []string
	for r, n := range d {
		if n > 0 {
			all = append(all, fmt.Sprintf("%v: %d", Reason(r), n))
		}
	}
	return strings.Join(all, ", ")
}

// Counts counts the series of a batch.
type Counts struct {
	All int
	of  Dropped
}

// Add adds n series that may be dropped for a reason.
func (c *Counts) Add(r Reason, n int) {
	c.All += n
	if r < NumReasons {
		c.of[r] += n
	}
}

// Fit returns what is dropped so that at most that many series are left. It is always a
// whole group: a part of one would make sums wrong without a sign.
func (c *Counts) Fit(most int) (dropped Dropped) {
	left := c.All
	for r, n := range c.of {
		if left <= most {
			break
		}
		dropped[r] = n
		left -= n
	}
	return dropped
}
