package doctor

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
)

// worker is a process of HAProxy's, as `show info` tells.
type worker struct {
	socket                            string
	node, pid, started, version, rows string
	nbproc                            int
}

// workers returns the processes behind the sockets, by the names of the sockets.
func workers(m snapshot.Memory) []worker {
	var all []worker
	for file, info := range m {
		socket, ok := strings.CutSuffix(file, snapshot.InfoSuffix)
		if !ok {
			continue
		}
		w := worker{socket: socket, rows: rowNames(m[socket+snapshot.StatSuffix])}
		var s haproxy.InfoScanner
		s.Reset(bytes.NewReader(info))
		for s.Next() {
			value := string(s.Value())
			switch string(s.Key()) {
			case "node":
				w.node = value
			case "Pid":
				w.pid = value
			case "Start_time_sec":
				w.started = value
			case "Version":
				w.version = value
			case "Nbproc":
				if n, err := strconv.Atoi(value); err == nil {
					w.nbproc = n
				}
			}
		}
		if w.pid != "" {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b worker) int { return strings.Compare(a.socket, b.socket) })
	return all
}

// rowNames returns the first two columns of `show stat`, which two processes of one
// number in two containers do not share as a rule.
func rowNames(stat []byte) string {
	var names strings.Builder
	for line := range bytes.Lines(stat) {
		proxy, rest, _ := bytes.Cut(line, []byte(","))
		name, _, _ := bytes.Cut(rest, []byte(","))
		names.Write(proxy)
		names.WriteByte(',')
		names.Write(name)
		names.WriteByte('\n')
	}
	return names.String()
}

// Processes judges whether each process of HAProxy's is asked, and once. Without a
// start time, as HAProxy before 2.5, processes of one number, node, version and
// rows are taken for one.
func Processes(all []worker) []Finding {
	type identity struct{ node, pid, started, version, rows string }
	var found []Finding
	first := make(map[identity]string)
	nodes := make(map[string]int) // workers by node
	most := make(map[string]int)  // Nbproc by node
	var order []string
	for _, w := range all {
		id := identity{w.node, w.pid, w.started, w.version, w.rows}
		if other, twice := first[id]; twice {
			found = append(found, about{"processes", w.socket}.warning(
				fmt.Sprintf("%s and %s lead to one process of HAProxy's (pid %s)", other, w.socket, w.pid),
				"Ask it once: remove one of the two `stats socket` lines or of the servers, or move one socket to a directory of its own"))
			continue
		}
		first[id] = w.socket
		key := w.node + " " + w.version + " " + w.started
		if nodes[key]++; nodes[key] == 1 {
			order = append(order, key)
		}
		most[key] = max(most[key], w.nbproc)
	}
	for _, key := range order {
		if missing := most[key] - nodes[key]; most[key] > 1 && missing > 0 {
			node, _, _ := strings.Cut(key, " ")
			found = append(found, about{"processes", node}.warning(
				fmt.Sprintf("%d of %d processes of HAProxy's (nbproc) have no socket that is asked, so sums are too low and counters jump", missing, most[key]),
				"Write one `stats socket` line with `process N` for each process, or set nbthread in place of nbproc"))
		}
	}
	if len(found) == 0 && len(all) > 0 {
		found = append(found, about{check: "processes"}.ok("%s, each asked once", plural(len(all), "process", "processes")))
	}
	return found
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
