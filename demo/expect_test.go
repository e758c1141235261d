package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/test/real"
)

// tell returns the paths of a row below a prefix, the prefix cut off.
func tell(row real.Row, prefix string) []string {
	want := make(paths)
	want.addRow(row)
	var names []string
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if name, ok := strings.CutPrefix(path, root+"."+prefix+"."); ok && !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

func TestRowMetrics(t *testing.T) {
	// Written from the documentation, not from the catalogue.
	common := strings.Fields("bin bout dresp hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other rate rate_max scur slim smax stot")
	times := strings.Fields("ctime qtime rtime ttime")
	front := append(strings.Fields("comp_byp comp_in comp_out comp_rsp conn_rate conn_rate_max conn_tot dcon dses dreq ereq intercepted rate_lim req_rate req_rate_max req_tot"), common...)
	back := append(strings.Fields("chkdown cli_abrt comp_byp comp_in comp_out comp_rsp downtime dreq econ eresp intercepted lbtot qcur qmax req_tot srv_abrt wredis wretr act bck weight"), common...)
	server := append(strings.Fields("chkfail chkdown cli_abrt econ eresp lbtot qcur qmax srv_abrt wredis wretr throttle weight"), common...)
	for _, c := range []struct {
		name   string
		row    real.Row
		prefix string
		want   []string
	}{
		{"frontend", real.Row{"type": "0", "pxname": "web", "svname": "FRONTEND"}, "frontend.web", front},
		{"idle backend", real.Row{"type": "1", "pxname": "app", "svname": "BACKEND", "lbtot": "0"}, "backend.app", back},
		{"busy backend", real.Row{"type": "1", "pxname": "app", "svname": "BACKEND", "lbtot": "5"}, "backend.app", append(back, times...)},
		{"idle server", real.Row{"type": "2", "pxname": "app", "svname": "s1", "lbtot": "0"}, "backend.app.server.s1", server},
		{"busy server", real.Row{"type": "2", "pxname": "app", "svname": "s1", "lbtot": "1"}, "backend.app.server.s1", append(server, times...)},
		{"server over backends", real.Row{"type": "2", "pxname": "app", "svname": "s1", "lbtot": "1"}, "server.s1", append(server, times...)},
		{"servers of a backend", real.Row{"type": "2", "pxname": "app", "svname": "s1"}, "backend.app", []string{"TotalServers"}},
		{"listener", real.Row{"type": "3", "pxname": "web", "svname": "sock-1"}, "frontend.web", nil},
	} {
		want := slices.Sorted(slices.Values(c.want))
		if diff := cmp.Diff(want, tell(c.row, c.prefix)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestInfoMetrics(t *testing.T) {
	info := map[string]string{"Name": "HAProxy", "Ulimit-n": "227", "Idle_pct": "100", "Pid": "1", "PoolUsed_MB": "0"}
	if diff := cmp.Diff([]string{"Idle_pct", "Ulimit-n"}, slices.Sorted(slices.Values(infoMetrics(info)))); diff != "" {
		t.Errorf("classic metrics (-want +got):\n%s", diff)
	}
}

func TestAudit(t *testing.T) {
	var a audit
	whole := snap(10, map[string]float64{"a": 1, "b": 2})
	a.check(whole)
	if a.checked != 0 {
		t.Error("checked with nothing to expect")
	}
	want := paths{root + ".a": true, root + ".b": true}
	a.expect(want, 10)
	a.check(whole) // begun before the instances were asked, perhaps
	if a.checked != 0 || !a.pending() {
		t.Errorf("checked a snapshot that is too old: %+v", a)
	}
	whole.epoch = 11
	a.check(whole)
	if a.checked != 1 || a.pending() || len(a.missing) != 0 {
		t.Errorf("a whole snapshot: %+v", a)
	}
	for epoch := range int64(2) {
		a.expect(paths{root + ".a": true, root + ".c": true, root + ".b": true}, 20)
		a.check(snap(21+epoch, map[string]float64{"a": 1}))
	}
	if diff := cmp.Diff([]string{root + ".b", root + ".c"}, a.missing); diff != "" || a.checked != 3 {
		t.Errorf("missing after %d (-want +got):\n%s", a.checked, diff)
	}
}

func TestVerdict(t *testing.T) {
	v := verdict{view: sample()}
	if !v.ok() {
		t.Error("all is there, but not ok")
	}
	golden(t, "pass.golden", v.text())

	v.badLines = []string{"x"}
	if v.ok() {
		t.Error("ok, though a line could not be read")
	}
	v.badLines = nil
	v.missing = []string{root + ".frontend.web.bin"}
	v.view.missing = 1
	if v.ok() {
		t.Error("ok, though a metric is missing")
	}
	v.badLines = []string{`time: "a 1 x\n"`}
	v.unexpected = 2
	v.logs = "level=error msg=oops"
	golden(t, "fail.golden", v.text())

	early := verdict{}
	if early.ok() || !strings.Contains(early.text(), "FAIL: the demo ended before") {
		t.Errorf("nothing checked: %s", early.text())
	}
}

func TestLength(t *testing.T) {
	for _, c := range []struct {
		env  string
		live bool
		want time.Duration
		err  string
	}{
		{"", true, 0, ""},
		{"", false, plainTime, ""},
		{"7", true, 7 * time.Second, ""},
		{"0", false, 0, "DEMO_SECONDS=0: expected a whole number of seconds from 1 on"},
		{"1m", false, 0, "DEMO_SECONDS=1m: expected a whole number of seconds from 1 on"},
	} {
		got, err := length(c.env, c.live)
		if got != c.want || (err == nil) != (c.err == "") || (err != nil && err.Error() != c.err) {
			t.Errorf("%q: %v, %v", c.env, got, err)
		}
	}
}
