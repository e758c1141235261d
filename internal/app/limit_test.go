package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
)

func limitedTo(max int) (*limit, *bytes.Buffer) {
	var log bytes.Buffer
	return &limit{max: max, log: slog.New(slog.NewTextHandler(&log, nil))}, &log
}

// TestLimitIsStable: groups are left out at once, stay so while metrics hover around the
// limit, and come back when there has been room for long.
func TestLimitIsStable(t *testing.T) {
	l, log := limitedTo(100)
	sizes := func(listeners, servers int) []int {
		s := make([]int, len(limitedGroups))
		s[0], s[5] = listeners, servers
		return s
	}
	decide := func(rest, listeners, servers int) int {
		return l.decide(1, rest+listeners+servers, sizes(listeners, servers))
	}
	for _, tt := range []struct{ listeners, servers, want int }{
		{10, 50, 0}, {20, 40, 0}, {20, 41, 1}, {0, 41, 1}, {10, 30, 1}, {20, 61, 6}, {10, 30, 6},
	} {
		if got := decide(40, tt.listeners, tt.servers); got != tt.want {
			t.Errorf("%d listeners, %d servers: got %d groups left out, want %d", tt.listeners, tt.servers, got, tt.want)
		}
	}
	for n := range calmSnapshots - 2 {
		if got := decide(40, 10, 30); got != 6 {
			t.Fatalf("after %d calm snapshots: got %d groups left out", n, got)
		}
	}
	if got := decide(40, 0, 51); got != 6 { // 91 would be above 90 %
		t.Errorf("without room: got %d groups left out", got)
	}
	for range calmSnapshots {
		decide(40, 11, 40) // servers have room, listeners have not
	}
	if l.level != 1 {
		t.Errorf("with room for servers: got %d groups left out, want 1", l.level)
	}
	if decide(200, 5, 5); l.level != len(limitedGroups) {
		t.Errorf("got %d groups left out, want all", l.level)
	}
	for _, rest := range []int{200, 95, 200, 91, 200} { // hovering is told once
		decide(rest, 5, 5)
	}
	if decide(90, 5, 5); l.over {
		t.Error("with 90 metrics that are always sent: got more than the limit")
	}
	for message, want := range map[string]int{"groups of them are left out": 3, "are sent again": 1, "although all groups": 1} {
		if got := strings.Count(log.String(), message); got != want {
			t.Errorf("%q was logged %d times, want %d:\n%s", message, got, want, log)
		}
	}
}

// TestLimit: what is left out are whole groups, and what is left is as it was.
func TestLimit(t *testing.T) {
	files := snapshot.Memory{
		"a_info": []byte("Name: HAProxy\nPid: 1\nTasks: 3\n\n"),
		"a_stat": []byte("# pxname,svname,type,scur,stot,rtime_max,novel,\n" +
			"f,FRONTEND,0,1,2,,7,\nf,l,3,1,2,,,\nb,s1,2,3,4,5,6,\nb,s2,2,3,4,5,6,\nb,BACKEND,1,6,8,5,1,\n\n"),
	}
	opt := aggregate.Options{Series: true, ServerNames: true, PerProcess: true}
	columns := func(max int) (map[metric.Scope]string, int, int) {
		p := NewPipeline(opt, selfstat.Sources{Retries: func() int64 { return 0 }}, slog.New(slog.DiscardHandler))
		l, _ := limitedTo(max)
		p.trim = l.newTrim()
		got := map[metric.Scope]string{}
		points, left := 0, 0
		for range 2 {
			clear(got)
			b, work, err := p.Combine(snapshot.Snapshot{Epoch: 1, Files: files})
			if err != nil {
				t.Fatal(err)
			}
			before := b.Points()
			left = p.trim.apply(b)
			if points = b.Points(); points+left != before {
				t.Errorf("max-metrics %d: %d metrics and %d left out of %d", max, points, left, before)
			}
			_ = work
			for _, table := range b.Tables {
				for _, c := range table.Columns() {
					if !strings.Contains(got[table.Scope()]+" ", " "+c.Name+" ") {
						got[table.Scope()] += " " + c.Name
					}
				}
				for _, row := range table.Rows() {
					if table.Scope() == metric.Server && table.Column("scur") >= 0 {
						if v, ok := table.At(row, table.Column("scur")); !ok || v.Int != 3 {
							t.Errorf("max-metrics %d: scur of %v is %v", max, table.Entity(row), v)
						}
					}
				}
			}
		}
		return got, points, left
	}
	has := func(got map[metric.Scope]string, scope metric.Scope, name string) bool {
		return strings.Contains(got[scope]+" ", " "+name+" ")
	}
	_, all, _ := columns(1 << 30)
	seen := map[string]bool{}
	for max := all; max >= 0; max-- {
		got, points, left := columns(max)
		if points > max && left < all-points {
			t.Errorf("max-metrics %d: %d metrics", max, points)
		}
		_, listeners := got[metric.Listener]
		_, names := got[metric.ServerName]
		_, processes := got[metric.Process]
		_, servers := got[metric.Server]
		state := []bool{
			listeners, has(got, metric.Frontend, "novel") || has(got, metric.Server, "novel"), has(got, metric.Server, "rtime_max") || has(got, metric.ServerName, "rtime_max"),
			names, processes, servers, has(got, metric.Backend, "rtime_max"),
		}
		key := ""
		for i, present := range state {
			if present {
				key += "1"
			} else {
				key += "0"
			}
			if i > 0 && state[i-1] && !present {
				t.Errorf("max-metrics %d: group %q is left out before %q", max, limitedGroups[i].name, limitedGroups[i-1].name)
			}
		}
		seen[key] = true
		for scope, name := range map[metric.Scope]string{metric.Frontend: "scur", metric.Backend: "stot", metric.Daemon: "Tasks"} {
			if !has(got, scope, name) {
				t.Errorf("max-metrics %d: %s of %v is left out", max, name, scope)
			}
		}
	}
	if len(seen) != len(limitedGroups)+1 {
		t.Errorf("got the states %v, want %d", seen, len(limitedGroups)+1)
	}
}
