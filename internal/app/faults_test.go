package app

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/status"
)

// faultySnapshot has one process behind two sockets, and one of two processes.
func faultySnapshot() fstest.MapFS {
	const one = "Version: 2.6.12\nNbproc: 1\nPid: 8\nStart_time_sec: 100\n\n"
	const stat = "# pxname,svname,type,iid,sid,stot,\nf,FRONTEND,0,2,0,10,\n\n"
	return fstest.MapFS{
		"a_info": {Data: []byte(one)}, "a_stat": {Data: []byte(stat)},
		"b_info": {Data: []byte(one)}, "b_stat": {Data: []byte(stat)},
		"c_info": {Data: []byte("Version: 1.5.10\nNbproc: 3\nProcess_num: 2\nPid: 9\n\n")},
	}
}

func TestFaultsAreTold(t *testing.T) {
	var log bytes.Buffer
	p := NewPipeline(aggregate.Options{}, selfstat.Sources{
		Spool: emptySpool{}, Retries: func() int64 { return 0 },
	}, slog.New(slog.NewTextHandler(&log, nil)))
	files := faultySnapshot()
	batch, err := p.Aggregate(snapshot.Snapshot{Epoch: 7, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	got := selfMetrics(t, batch)
	if got["DuplicateSockets"] != 1 || got["ProcessesMissing"] != 2 {
		t.Errorf("got %v duplicate sockets and %v missing processes, want 1 and 2", got["DuplicateSockets"], got["ProcessesMissing"])
	}
	var told status.Process
	p.faults.fill(&told)
	if told.DuplicateSockets != 1 || told.ProcessesMissing != 2 || told.BadRows != 0 {
		t.Errorf("got the status %+v, want 1 duplicate socket, 2 missing processes and no bad row", told)
	}
	for _, want := range []string{
		`level=WARN msg="a process answers through two sockets and is counted once" snapshot=7 first=a next=b pid=8 pairs=1`,
		`level=WARN msg="processes of HAProxy have not answered, and sums are too low" snapshot=7 nbproc=3 answered=1 missing=2 numbers="[1 3]"`,
		`level=WARN msg="HAProxy is older than 1.6, and not all of it can be read" snapshot=7 socket=c version=1.5.10 sockets=1`,
	} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("got the log\n%s\nwant once %s", log.String(), want)
		}
	}
	log.Reset()
	// It stays, and another process of the same HAProxy is the one that answers.
	files["c_info"].Data = bytes.Replace(files["c_info"].Data, []byte("num: 2"), []byte("num: 1"), 1)
	if _, err := p.Aggregate(snapshot.Snapshot{Epoch: 8, Files: files}); err != nil {
		t.Fatal(err)
	}
	if log.Len() > 0 {
		t.Errorf("got of what is known already\n%s", log.String())
	}
}

// TestFaultsAreToldAgain checks that a fault is logged again if it was absent for
// forgetAfter snapshots, and not earlier.
func TestFaultsAreToldAgain(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	shown := []fault{{"k", "wrong", nil}}
	var f faults
	f.tell(logger, 1, shown)
	for range forgetAfter {
		f.tell(logger, 2, nil)
	}
	f.tell(logger, 3, shown)
	if got := strings.Count(log.String(), "wrong"); got != 1 {
		t.Errorf("told %d times, want once", got)
	}
	for range forgetAfter + 1 {
		f.tell(logger, 4, nil)
	}
	f.tell(logger, 5, shown)
	if got := strings.Count(log.String(), "wrong"); got != 2 {
		t.Errorf("told %d times, want twice", got)
	}
	if len(f.told) != 1 {
		t.Errorf("%d faults are remembered, want 1", len(f.told))
	}
}

// TestUnmatchedExclusions has a snapshot without a socket, then a complete one, and then
// another.
func TestUnmatchedExclusions(t *testing.T) {
	var log bytes.Buffer
	p := NewPipeline(aggregate.Options{
		Frontends: aggregate.Wanted{Exclude: &aggregate.Names{Exact: []string{"f"}}}, Backends: aggregate.Wanted{Exclude: &aggregate.Names{Exact: []string{"b", "g6", "g5", "g4", "g3", "g2", "g1"}}},
	}, selfstat.Sources{Spool: emptySpool{}, Retries: func() int64 { return 0 }}, slog.New(slog.NewTextHandler(&log, nil)))
	p.faults.files = []config.NameFileOption{
		{Option: "exclude-frontends", NameFile: &config.NameFile{File: "front.txt"}},
		{Option: "exclude-backends", NameFile: &config.NameFile{File: "back.txt"}},
	}
	files := fstest.MapFS{
		"a_info": {Data: []byte("Version: 2.6.12\nNbproc: 1\nPid: 8\nStart_time_sec: 100\n\n")},
		"a_stat": {Data: []byte("# pxname,svname,type,iid,sid,stot,\nf,FRONTEND,0,2,0,10,\nb,BACKEND,1,3,0,10,\n\n")},
	}
	for _, tc := range []struct {
		name  string
		round *snapshot.Round
		want  string
	}{
		{"a socket failed", &snapshot.Round{SocketsFailed: 1}, ""},
		{
			"complete", &snapshot.Round{},
			`level=WARN msg="excluded names match nothing" snapshot=7 option=exclude-backends file=back.txt names="[g1 g2 g3 g4 g5]" count=6` + "\n",
		},
		{"told before", nil, ""},
	} {
		log.Reset()
		if _, err := p.Aggregate(snapshot.Snapshot{Epoch: 7, Files: files, Round: tc.round}); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if _, got, _ := strings.Cut(log.String(), " "); got != tc.want {
			t.Errorf("%s: got the log %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestUnmatchedGroups has groups without a name in the first complete snapshot: one that
// matches nothing, and one behind another that takes its name.
func TestUnmatchedGroups(t *testing.T) {
	is := func(want string) func(string) bool { return func(name string) bool { return name == want } }
	snapshotOf := func(rows string) snapshot.Snapshot {
		return snapshot.Snapshot{Epoch: 7, Files: fstest.MapFS{
			"a_info": {Data: []byte("Version: 2.6.12\nNbproc: 1\nPid: 8\nStart_time_sec: 100\n\n")},
			"a_stat": {Data: []byte("# pxname,svname,type,iid,sid,stot,\n" + rows + "\n")},
		}}
	}
	for _, tc := range []struct {
		name        string
		serverNames bool
		want        []string
	}{
		{"without aggregated servers", false, []string{
			`level=WARN msg="groups match nothing" snapshot=7 section=frontend-groups groups=[none] count=1`,
			`level=WARN msg="groups match nothing" snapshot=7 section=backend-groups groups="[late x]" count=2`,
		}},
		{"with aggregated servers", true, []string{
			`level=WARN msg="groups match nothing" snapshot=7 section=frontend-groups groups=[none] count=1`,
			`level=WARN msg="groups match nothing" snapshot=7 section=backend-groups groups="[late x]" count=2`,
			`level=WARN msg="groups match nothing" snapshot=7 section=server-groups groups=[none] count=1`,
		}},
	} {
		var log bytes.Buffer
		p := NewPipeline(aggregate.Options{
			ServerNames:    tc.serverNames,
			FrontendGroups: []aggregate.Group{{Name: "web", Match: is("f")}, {Name: "none", Match: is("g")}},
			BackendGroups:  []aggregate.Group{{Name: "web", Match: is("b")}, {Name: "late", Match: is("b")}, {Name: "x", Match: is("x")}},
			ServerGroups:   []aggregate.Group{{Name: "none", Match: is("x")}, {Name: "web", Match: is("s")}},
		}, selfstat.Sources{Spool: emptySpool{}, Retries: func() int64 { return 0 }}, slog.New(slog.NewTextHandler(&log, nil)))
		p.faults.groups = true
		for range 2 {
			if _, err := p.Aggregate(snapshotOf("f,FRONTEND,0,2,0,10,\nb,s,2,3,1,10,\nb,BACKEND,1,3,0,10,\n")); err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
		}
		var got []string
		for line := range strings.Lines(log.String()) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			got = append(got, text)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: got the log %q, want %q", tc.name, got, tc.want)
		}
	}
}
