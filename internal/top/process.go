package top

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
)

// process is what a process has said of itself.
type process struct {
	ProcessInfo
	life
	stopping bool
	old      bool
	values   [numMetrics]float64
	counts   [numCounters]float64
}

// life is one life of a process.
type life struct {
	pid   int
	start int64 // in seconds since 1970; 0 if it does not tell it
	up    int64 // its age in seconds; -1 if it does not tell it
	// kept reports whether the counters of the socket go on over the lives of processes.
	kept bool
}

// isLater reports whether the counters of l go on from those of the earlier one.
func (l life) isLater(earlier life) bool {
	if l.kept && earlier.kept {
		return true
	}
	return l.kept == earlier.kept && l.pid == earlier.pid && l.start == earlier.start && l.up >= earlier.up
}

// readProcess reads a reply to `show info`.
func readProcess(info []byte) process {
	p := process{life: life{up: -1}}
	for m := range p.values {
		p.values[m] = None
	}
	for c := range p.counts {
		p.counts[c] = None
	}
	var s haproxy.InfoScanner
	s.Reset(bytes.NewReader(info))
	for s.Next() {
		key, text := string(s.Key()), string(s.Value())
		n, number := haproxy.Number(s.Value())
		switch key {
		case "Version":
			p.Version = text
		case "Pid":
			p.Pid, p.pid = text, int(n)
		case "Start_time_sec":
			p.start = n
		case "Uptime_sec":
			p.up = n
		case "Stopping":
			p.stopping = number && n != 0
		case "Idle_pct":
			if number {
				p.values[CPU] = float64(100 - min(max(n, 0), 100))
			}
		}
		if !number {
			continue
		}
		if m, ok := infoGauges[key]; ok {
			p.values[m] = float64(n)
		}
		if c, ok := infoCounters[key]; ok {
			p.counts[c] = float64(n)
		}
	}
	return p
}

// livesOf returns the lives of the processes that answer at sockets, by socket.
func livesOf(files snapshot.Memory) map[string]life {
	lives := make(map[string]life)
	for name, info := range files {
		if socket, ok := strings.CutSuffix(name, snapshot.InfoSuffix); ok {
			lives[socket] = readProcess(info).life
		}
	}
	return lives
}

// processesOf returns the processes of a round: those that answer, in the order of their
// sockets, the old ones, and the sockets that are silent.
func processesOf(r *Round, files snapshot.Memory, repeated map[string]bool) []process {
	var all []process
	add := func(name string, info []byte, old bool) {
		p := readProcess(info)
		p.Socket, p.old = name, old
		all = append(all, p)
	}
	for name, info := range files {
		if socket, ok := strings.CutSuffix(name, snapshot.InfoSuffix); ok && !repeated[socket] {
			add(socket, info, false)
		}
	}
	slices.SortFunc(all, func(a, b process) int { return strings.Compare(a.Socket, b.Socket) })
	if round := r.Snapshot.Round; round != nil {
		for _, a := range round.Accounts {
			for _, i := range a.Instances {
				if info, ok := files[i.File(a.Socket, snapshot.InfoSuffix)]; ok && i.Role != snapshot.Current {
					add(a.Socket, info, true)
				}
			}
		}
	}
	for _, o := range r.Old {
		add(fmt.Sprintf("%s@%d", o.Master, o.Pid), o.Info, true)
	}
	return all
}
