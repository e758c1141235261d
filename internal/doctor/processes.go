package doctor

import (
	"fmt"

	"haproxystats/internal/aggregate"
)

// Processes judges by the replies of all sockets whether each process of HAProxy is
// asked exactly once.
func Processes(answered int, twice []aggregate.Duplicate, missing []aggregate.Missing, old []aggregate.Outdated) []Finding {
	var found []Finding
	for _, d := range twice {
		found = append(found, about{"processes", d.Next}.warning(
			fmt.Sprintf("%s and %s are sockets of one process of HAProxy (pid %s), which is counted once", d.First, d.Next, d.Pid),
			"Remove one of the two `stats socket` lines or of the servers, or move one socket to a directory of its own"))
	}
	for _, m := range missing {
		found = append(found, about{"processes", m.Node}.warning(
			fmt.Sprintf("%d of %d processes of HAProxy (nbproc = %d) are not asked, so sums are too low and counters jump",
				m.Missing, m.Answered+m.Missing, m.Nbproc),
			"Write one `stats socket` line with `process N` for each process, or set nbthread in place of nbproc"))
	}
	for _, o := range old {
		found = append(found, about{"processes", o.Socket}.warning(
			fmt.Sprintf("its HAProxy has version %s, older than 1.6: some of its statistics can't be read", o.Version),
			"Upgrade HAProxy"))
	}
	if len(found) == 0 && answered > 0 {
		found = append(found, about{check: "processes"}.ok("%s, each asked once", plural(answered, "process", "processes")))
	}
	return found
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
