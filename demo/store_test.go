package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/test/real"
)

func TestStoreGivesWholeSnapshots(t *testing.T) {
	var s store
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	epochs := func(ms int) (epochs []int64) {
		for _, snap := range s.take(at(ms)) {
			epochs = append(epochs, snap.epoch)
		}
		return epochs
	}
	want := func(got []int64, want ...int64) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("epochs (-want +got):\n%s", diff)
		}
	}

	want(epochs(0))
	s.add(real.Point{Path: "a", Value: 1, Time: 10}, at(0))
	s.add(real.Point{Path: "b", Value: 1, Time: 10}, at(400))
	want(epochs(600)) // b came too short a time ago
	s.add(real.Point{Path: "a", Value: 2, Time: 12}, at(700))
	want(epochs(1000), 10)
	s.add(real.Point{Path: "a", Value: 1, Time: 10}, at(1050)) // a repetition
	want(epochs(1300), 12)
	s.add(real.Point{Path: "a", Value: 3, Time: 14}, at(2000))
	s.add(real.Point{Path: "a", Value: 4, Time: 16}, at(2000))
	s.add(real.Point{Path: "b", Value: 3, Time: 14}, at(2300))
	want(epochs(2600)) // 16 is whole, but waits for 14
	snaps := s.take(at(2900))
	if len(snaps) != 2 || snaps[0].epoch != 14 || snaps[1].epoch != 16 {
		t.Fatalf("snapshots: %v", snaps)
	}
	if diff := cmp.Diff(map[string]float64{"a": 3, "b": 3}, snaps[0].values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if len(s.arrive) != 0 {
		t.Errorf("the store keeps %d snapshots that it has given out", len(s.arrive))
	}
}

// snap makes a snapshot of metrics below root.
func snap(epoch int64, values map[string]float64) *snapshot {
	s := &snapshot{epoch: epoch, values: make(map[string]float64)}
	for k, v := range values {
		s.values[root+"."+k] = v
	}
	return s
}

func TestBoardComputesRates(t *testing.T) {
	b := board{root: root}
	if v := b.view(); v.snapshots != 0 || v.proxies != nil {
		t.Errorf("empty board: %+v", v)
	}
	b.take(snap(100, map[string]float64{
		"frontend.web.scur": 3, "frontend.web.req_tot": 1000, "frontend.web.bin": 5, "frontend.web.bout": 5,
		"frontend.web.hrsp_4xx": 50, "frontend.web.hrsp_5xx": 50, "frontend.web.stot": 7,
		"backend.tcp.scur": 1, "backend.tcp.req_tot": 0, "backend.tcp.stot": 10, "backend.tcp.econ": 0,
		"backend.tcp.act": 1, "backend.tcp.bck": 1, "backend.tcp.TotalServers": 3,
		"backend.tcp.server.s1.scur":         9,
		"server.s1.scur":                     9,
		"daemon.process.lb1.CpuUsagePct":     2,
		"daemon.process.lb1.CumReq":          100,
		"haproxystats.TotalWallClockTime":    0.004,
		"haproxystats.WallClockTimeBackends": 0.001,
	}))
	first := b.view()
	if len(first.proxies) != 2 || first.proxies[0].requests != 0 || first.proxies[0].errors != -1 || first.proxies[0].history != nil {
		t.Errorf("rates need two snapshots: %+v", first.proxies)
	}
	b.take(snap(102, map[string]float64{
		"frontend.web.scur": 4, "frontend.web.req_tot": 1040, "frontend.web.bin": 105, "frontend.web.bout": 205,
		"frontend.web.hrsp_4xx": 51, "frontend.web.hrsp_5xx": 53, "frontend.web.stot": 8,
		"backend.tcp.scur": 2, "backend.tcp.req_tot": 0, "backend.tcp.stot": 20, "backend.tcp.econ": 1,
		"backend.tcp.act": 1, "backend.tcp.bck": 1, "backend.tcp.TotalServers": 3,
		"daemon.process.lb1.CpuUsagePct":  4,
		"daemon.process.lb1.CurrConns":    6,
		"daemon.process.lb1.ConnRate":     7,
		"daemon.process.lb1.Uptime_sec":   90,
		"daemon.process.lb1.CumReq":       120,
		"haproxystats.TotalWallClockTime": 0.005,
	}))
	got := b.view()
	want := view{
		snapshots: 2, metrics: 20,
		proxies: []proxyRow{
			{kind: frontend, name: "web", sessions: 4, requests: 20, errors: 0.1, bytes: 150, history: []float64{20}},
			{kind: backend, name: "tcp", up: 2, all: 3, sessions: 2, requests: 5, errors: 0.1, history: []float64{5}},
		},
		processes: []processRow{{name: "lb1", cpu: 4, connections: 6, rate: 7, requests: 10, uptime: 90 * time.Second, history: []float64{2, 4}}},
		timings:   []timing{{"all", 0.005}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(view{}, proxyRow{}, processRow{}, timing{})); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
	// A restarted instance counts from 0; nothing is negative.
	b.take(snap(104, map[string]float64{"frontend.web.scur": 0, "frontend.web.req_tot": 6}))
	if p := b.view().proxies[0]; p.requests != 3 || p.bytes < 0 || p.errors < 0 {
		t.Errorf("after a restart: %+v", p)
	}
	for epoch := range int64(2 * historyLength) {
		b.take(snap(106+epoch, map[string]float64{"frontend.web.scur": 0, "frontend.web.req_tot": 7}))
	}
	if n := len(b.view().proxies[0].history); n != historyLength {
		t.Errorf("history of %d rounds, want %d", n, historyLength)
	}
}

func TestBoardCountsAFailureOnce(t *testing.T) {
	b := board{root: root}
	b.take(snap(1, map[string]float64{"backend.x.scur": 0, "backend.x.req_tot": 10}))
	b.take(snap(2, map[string]float64{"backend.x.scur": 0, "backend.x.req_tot": 14, "backend.x.hrsp_5xx": 3, "backend.x.econ": 3}))
	if got := b.view().proxies[0].errors; got != 0.75 {
		t.Errorf("error share %v, want 0.75", got)
	}
}
