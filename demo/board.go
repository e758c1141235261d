package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// historyLength is the number of rounds that a sparkline can show.
const historyLength = 120

// kind is a kind of proxy.
type kind string

// The kinds, in the order of the table.
const (
	frontend kind = "frontend"
	backend  kind = "backend"
)

// proxyRow is a frontend or backend in the table.
type proxyRow struct {
	kind     kind
	name     string
	up, all  float64 // servers; all is 0 for a frontend
	sessions float64
	requests float64   // a second
	errors   float64   // share of the requests, 0 to 1; -1 without requests
	bytes    float64   // a second, both ways
	history  []float64 // requests a second, the newest last
}

// processRow is a HAProxy process in the table.
type processRow struct {
	name        string
	cpu         float64 // percent
	connections float64
	rate        float64 // connections a second
	requests    float64 // a second
	uptime      time.Duration
	history     []float64 // cpu, the newest last
}

// view has everything that the screen shows.
type view struct {
	elapsed   time.Duration
	snapshots int // that arrived
	metrics   int // in the newest
	expected  int // number of metrics that the instances themselves report
	checked   int // snapshots compared with that
	missing   int
	sent      int64 // requests

	proxies   []proxyRow
	processes []processRow
	timings   []timing
}

// timing is one of haproxystats' own metrics, in seconds.
type timing struct {
	what    string
	seconds float64
}

// timings names the self metrics shown, the sum first.
var timings = []struct{ what, metric string }{
	{"all", "TotalWallClockTime"},
	{"show info", "WallClockTimeHAProxy"},
	{"frontends", "WallClockTimeFrontends"},
	{"backends", "WallClockTimeBackends"},
	{"servers", "WallClockTimeServers"},
}

// board computes the tables from snapshots. Rates are differences of the counters of two
// snapshots.
type board struct {
	root      string // of every metric's path
	last      *snapshot
	snapshots int
	proxies   []proxyRow
	processes []processRow
}

// take makes s the newest snapshot.
func (b *board) take(s *snapshot) {
	next := board{root: b.root, last: s, snapshots: b.snapshots + 1}
	for _, path := range slices.Sorted(maps.Keys(s.values)) {
		parts := strings.Split(strings.TrimPrefix(path, b.root+"."), ".")
		switch {
		case len(parts) == 3 && parts[0] == string(frontend) && parts[2] == "scur":
			next.proxies = append(next.proxies, b.proxy(s, frontend, parts[1]))
		case len(parts) == 3 && parts[0] == string(backend) && parts[2] == "scur":
			next.proxies = append(next.proxies, b.proxy(s, backend, parts[1]))
		case len(parts) == 4 && parts[1] == "process" && parts[3] == "CpuUsagePct":
			next.processes = append(next.processes, b.process(s, parts[2]))
		}
	}
	slices.SortStableFunc(next.proxies, func(x, y proxyRow) int {
		return -cmp.Compare(x.kind, y.kind) // frontends first
	})
	*b = next
}

// view returns the tables of the newest snapshot.
func (b *board) view() view {
	v := view{snapshots: b.snapshots, proxies: b.proxies, processes: b.processes}
	if b.last == nil {
		return v
	}
	v.metrics = len(b.last.values)
	for _, t := range timings {
		if seconds, ok := b.last.values[b.root+".haproxystats."+t.metric]; ok {
			v.timings = append(v.timings, timing{t.what, seconds})
		}
	}
	return v
}

func (b *board) proxy(s *snapshot, k kind, name string) proxyRow {
	prefix := b.root + "." + string(k) + "." + name + "."
	get := func(metric string) float64 { return s.values[prefix+metric] }
	grown := func(metric string) float64 { return b.grown(s, prefix+metric) }
	row := proxyRow{
		kind: k, name: name,
		up: get("act") + get("bck"), all: get("TotalServers"),
		sessions: get("scur"),
		bytes:    b.rate(s, grown("bin")+grown("bout")),
	}
	// A TCP proxy has no requests, so its sessions count.
	requests := grown("req_tot")
	if get("req_tot") == 0 {
		requests = grown("stot")
	}
	row.requests = b.rate(s, requests)
	// A failed connection of an HTTP request is already counted as a 503.
	row.errors = -1
	if requests > 0 {
		failed := max(grown("hrsp_4xx")+grown("hrsp_5xx"), grown("econ"))
		row.errors = min(failed/requests, 1)
	}
	for _, p := range b.proxies {
		if p.kind == k && p.name == name {
			row.history = p.history
		}
	}
	row.history = b.remember(row.history, row.requests)
	return row
}

func (b *board) process(s *snapshot, name string) processRow {
	prefix := b.root + ".daemon.process." + name + "."
	row := processRow{
		name: name, cpu: s.values[prefix+"CpuUsagePct"], connections: s.values[prefix+"CurrConns"],
		rate:     s.values[prefix+"ConnRate"],
		requests: b.rate(s, b.grown(s, prefix+"CumReq")),
		uptime:   time.Duration(s.values[prefix+"Uptime_sec"]) * time.Second,
	}
	for _, p := range b.processes {
		if p.name == name {
			row.history = p.history
		}
	}
	row.history = append(slices.Clone(row.history), row.cpu)
	row.history = row.history[max(0, len(row.history)-historyLength):]
	return row
}

// remember appends a rate; the first snapshot has none.
func (b *board) remember(history []float64, rate float64) []float64 {
	if b.last == nil {
		return nil
	}
	history = append(slices.Clone(history), rate)
	return history[max(0, len(history)-historyLength):]
}

// grown returns the increase of a counter since the last snapshot. A counter that went
// back has restarted from 0.
func (b *board) grown(s *snapshot, path string) float64 {
	if b.last == nil {
		return 0
	}
	now, before := s.values[path], b.last.values[path]
	if now < before {
		return now
	}
	return now - before
}

// rate returns the increase of a counter per second.
func (b *board) rate(s *snapshot, growth float64) float64 {
	if b.last == nil || s.epoch <= b.last.epoch {
		return 0
	}
	return growth / float64(s.epoch-b.last.epoch)
}
