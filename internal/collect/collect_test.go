package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/haproxysim"
	"haproxystats/internal/pull"
)

// fake is a HAProxy.
type fake struct {
	version, pid string
	info         string // further fields
	stat         string
	answer       func(command string) string
	failed       error // of the further questions
	err          error // of the replies
	asked        []string
}

// FetchMore implements [Fetcher].
func (f *fake) FetchMore(_ context.Context, _, _ string, info, stat io.Writer, commands []string) (answers [][]byte, failed, err error) {
	f.asked = commands
	if f.err != nil {
		return nil, nil, f.err
	}
	fmt.Fprintf(info, "Name: HAProxy\nVersion: %s\nPid: %s\n%s\n", f.version, f.pid, f.info)
	for piece := range slices.Chunk([]byte(f.stat), 7) {
		if _, err := stat.Write(piece); err != nil {
			return nil, nil, err
		}
	}
	if f.failed != nil {
		return nil, f.failed, nil
	}
	for _, c := range commands {
		answers = append(answers, []byte(f.answer(c)))
	}
	return answers, nil, nil
}

var address = pull.Socket{Network: "unix", Address: "/run/haproxy.sock"}

// run is a collector that asks one HAProxy.
type run struct {
	t *testing.T
	*Collector
	haproxy *fake
	time    time.Time
	log     bytes.Buffer
}

func newRun(t *testing.T, o Options) *run {
	r := &run{t: t, haproxy: &fake{version: "3.2.1", pid: "1", stat: plainStat}, time: time.Unix(1_700_000_000, 0)}
	r.haproxy.answer = func(command string) string {
		switch {
		case command == "show table":
			return "# table: st, type: ip, size:10, used:1\n"
		case command == "show stat domain resolvers":
			return "# id,pid,sent,\na,dns,1,\n"
		case command == "show ssl cert":
			return "# filename\n/a.pem\n/b c.pem\n"
		case strings.HasPrefix(command, "show ssl cert "):
			return "Filename: " + strings.TrimPrefix(command, "show ssl cert ") + "\nStatus: Used\nnotAfter: Feb  3 04:05:06 2027 GMT\nSubject: /CN=a\n"
		}
		return ""
	}
	o.Client, o.Now = r.haproxy, func() time.Time { return r.time }
	o.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	r.Collector = New(o)
	return r
}

// round makes a round and returns the files.
func (r *run) round() map[string]string {
	r.t.Helper()
	r.time = r.time.Add(10 * time.Second)
	r.Begin([]pull.Socket{address})
	var info, stat bytes.Buffer
	files, err := r.Collect(r.t.Context(), address, &info, &stat)
	if err != nil {
		r.t.Fatal(err)
	}
	if got := stat.String(); got != r.haproxy.stat || !strings.HasPrefix(info.String(), "Name: HAProxy\n") {
		r.t.Errorf("got the replies %q and %q, want those of HAProxy", &info, got)
	}
	all := make(map[string]string)
	for _, f := range files {
		all[f.Suffix] = string(f.Data)
	}
	return all
}

const plainStat = "# pxname,svname,scur,iid,sid,type,\nwww,FRONTEND,1,2,0,0,\n\n"

// TestCollect: a round after HAProxy has told its version asks for all that is wanted, for
// certificates in several rounds.
func TestCollect(t *testing.T) {
	r := newRun(t, Options{StickTables: true, Resolvers: true, Certificates: true, Learn: true})
	if files := r.round(); len(files) > 0 || len(r.haproxy.asked) > 0 {
		t.Fatalf("got %q and the questions %q before the version is known, want none", files, r.haproxy.asked)
	}
	want := map[string]string{"_tables": "# table: st, type: ip, size:10, used:1\n", "_resolvers": "# id,pid,sent,\na,dns,1,\n"}
	if diff := cmp.Diff(want, r.round()); diff != "" {
		t.Errorf("second round (-want +got):\n%s", diff)
	}
	want["_certs"] = "Filename: /a.pem\nnotAfter: Feb  3 04:05:06 2027 GMT\nSubject: /CN=a\n\n"
	if diff := cmp.Diff(want, r.round()); diff != "" {
		t.Errorf("third round (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, r.round()); diff != "" || slices.ContainsFunc(r.haproxy.asked, func(c string) bool { return strings.HasPrefix(c, "show ssl cert ") }) {
		t.Errorf("fourth round, which asked %q (-want +got):\n%s", r.haproxy.asked, diff)
	}
	r.haproxy.pid = "2" // another worker may have loaded other certificates
	r.round()
	r.round()
	if !slices.Contains(r.haproxy.asked, "show ssl cert") {
		t.Errorf("got the questions %q of another worker, want one for the list of certificates", r.haproxy.asked)
	}
	if n := strings.Count(r.log.String(), "certificates are left out"); n != 1 {
		t.Errorf("got %d messages about a name that can't stand in a command, want 1:\n%s", n, &r.log)
	}
	for range 35 { // five minutes later
		r.round()
	}
	if got := r.round(); got["_certs"] != want["_certs"] {
		t.Errorf("got the certificates %q, want %q", got["_certs"], want["_certs"])
	}
}

// TestOldVersions: HAProxy that would take the questions for others is not asked.
func TestOldVersions(t *testing.T) {
	for _, c := range []struct {
		version string
		want    []string
	}{
		{"1.6.2", []string{"show table"}},
		{"2.3.0", []string{"show table", "show ssl cert"}},
		{"2.4-dev1", []string{"show table", "show stat domain resolvers", "show ssl cert"}},
		{"10.0", []string{"show table", "show stat domain resolvers", "show ssl cert"}},
		{"", nil},
	} {
		r := newRun(t, Options{StickTables: true, Resolvers: true, Certificates: true, Learn: true})
		r.haproxy.version = c.version
		r.round()
		r.round()
		if !slices.Equal(r.haproxy.asked, c.want) && len(r.haproxy.asked)+len(c.want) > 0 {
			t.Errorf("version %q: got the questions %q, want %q", c.version, r.haproxy.asked, c.want)
		}
	}
}

// TestRefused: what HAProxy refuses is told once and not asked again; the rest goes on.
func TestRefused(t *testing.T) {
	r := newRun(t, Options{StickTables: true, Resolvers: true, Certificates: true})
	plain := r.haproxy.answer
	r.haproxy.answer = func(command string) string {
		if command == "show ssl cert" {
			return "Can't allocate memory!\n" // what HAProxy says if the level does not allow it
		}
		return plain(command)
	}
	for range 4 {
		r.round()
	}
	if want := []string{"show table", "show stat domain resolvers"}; !slices.Equal(r.haproxy.asked, want) {
		t.Errorf("got the questions %q, want %q", r.haproxy.asked, want)
	}
	if n := strings.Count(r.log.String(), "HAProxy refuses what collect asks for"); n != 1 || !strings.Contains(r.log.String(), "level operator") {
		t.Errorf("got %d messages, want 1 with a hint:\n%s", n, &r.log)
	}
}

// TestTrouble: a socket whose further answers fail is left alone for ten minutes, which is
// told once; its replies stay.
func TestTrouble(t *testing.T) {
	r := newRun(t, Options{StickTables: true})
	r.round()
	r.haproxy.failed = errors.New("no answer")
	for range 3 {
		if files := r.round(); len(files) > 0 {
			t.Errorf("got %q of a socket that does not answer, want none", files)
		}
	}
	if len(r.haproxy.asked) > 0 {
		t.Errorf("got the questions %q after trouble, want none for a while", r.haproxy.asked)
	}
	r.haproxy.failed = nil
	r.time = r.time.Add(truce)
	if files := r.round(); files["_tables"] == "" {
		t.Errorf("got %q after the truce, want the stick tables", files)
	}
	if n := strings.Count(r.log.String(), "can't be used"); n != 1 {
		t.Errorf("got %d messages, want 1:\n%s", n, &r.log)
	}
	r.haproxy.err = errors.New("connection refused")
	if _, err := r.Collect(t.Context(), address, io.Discard, io.Discard); !errors.Is(err, r.haproxy.err) {
		t.Errorf("got %v, want the error of the replies", err)
	}
}

const (
	newStat = "# pxname,svname,scur,iid,sid,type,-,quic_novel,novel,\n" +
		"www,FRONTEND,1,2,0,0,-,5,,\nwww,BACKEND,1,2,0,1,-,5,7,\napp,s1,1,3,1,2,-,,1,\napp,s2,1,3,2,2,-,,1,\napp,BACKEND,1,3,0,1,-,0,0,\n\n"
	typedFrontend = "F.2.0.2.scur.1:MGP:u32:1:\"x\"\nF.2.0.5.quic_novel.1:MCP:u64:5:\"Total number of DATA frames\"\n"
	typedBackend  = "B.2.0.5.quic_novel.1:MCP:u64:5:\"Total\"\nB.2.0.6.novel.1:MGP:u32:7\n"
	typedServer   = "S.3.1.6.novel.1:MGP:u32:7\n"
	typedInfo     = "9.Brand_new.1:MCP:u32:4:\"New\"\n"
)

// TestLearn: for each field that the catalogue lacks, one row of each type that shows it is
// asked for, and snapshots carry the answers: three of them, and three again an hour later.
func TestLearn(t *testing.T) {
	r := newRun(t, Options{Learn: true})
	r.haproxy.stat, r.haproxy.info = newStat, "Brand_new: 4\n"
	r.haproxy.answer = func(command string) string {
		return map[string]string{
			"show stat 2 1 0 typed desc": typedFrontend, "show stat 2 2 0 typed desc": typedBackend,
			"show stat 3 4 1 typed desc": typedServer, "show info typed desc": typedInfo,
		}[command]
	}
	r.round()
	want := map[string]string{
		"_stat.typed": "# HAProxy 3.2.1\n" + typedFrontend + typedBackend + typedServer, "_info.typed": "# HAProxy 3.2.1\n" + typedInfo,
	}
	for i := range 3 {
		if diff := cmp.Diff(want, r.round()); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", i, diff)
		}
	}
	if files := r.round(); len(files) > 0 || len(r.haproxy.asked) > 0 {
		t.Errorf("got %q and the questions %q when all is known, want none", files, r.haproxy.asked)
	}
	r.time = r.time.Add(tellEvery)
	if diff := cmp.Diff(want, r.round()); diff != "" {
		t.Errorf("an hour later (-want +got):\n%s", diff)
	}
	r.haproxy.version = "3.2.2"
	r.round()
	if r.round(); len(r.haproxy.asked) != 4 {
		t.Errorf("got the questions %q after an upgrade, want four", r.haproxy.asked)
	}
}

// TestLearnsOfProxies: of a reply without rows of servers, none of these is asked for.
func TestLearnsOfProxies(t *testing.T) {
	r := newRun(t, Options{Learn: true})
	r.haproxy.stat = string(haproxysim.ProxiesOf([]byte(newStat)))
	asked := make(map[string]bool)
	r.haproxy.answer = func(command string) string {
		asked[command] = true
		return typedFrontend + typedBackend
	}
	for range 5 {
		r.round()
	}
	if want := map[string]bool{"show stat 2 1 0 typed desc": true, "show stat 2 2 0 typed desc": true}; !maps.Equal(asked, want) {
		t.Errorf("got the questions %v, want %v", asked, want)
	}
}

// TestLearnsLater: a field that no row has shown at first is asked for when one does.
func TestLearnsLater(t *testing.T) {
	r := newRun(t, Options{Learn: true})
	r.haproxy.stat = strings.ReplaceAll(newStat, "-,,1,", "-,,,")
	r.haproxy.answer = func(command string) string {
		if strings.HasPrefix(command, "show stat 3 4") {
			return typedServer
		}
		return typedFrontend + typedBackend
	}
	for range 5 {
		r.round()
	}
	r.haproxy.stat = newStat
	found := false
	for range 10 {
		found = found || strings.Contains(r.round()["_stat.typed"], typedServer)
	}
	if !found {
		t.Error("got nothing of a field that appeared a minute later, want what HAProxy says of it")
	}
}

// TestNothingToLearn: a HAProxy whose fields are known is asked for nothing.
func TestNothingToLearn(t *testing.T) {
	r := newRun(t, Options{Learn: true})
	for range 5 {
		if files := r.round(); len(files) > 0 || len(r.haproxy.asked) > 0 {
			t.Fatalf("got %q and the questions %q, want none", files, r.haproxy.asked)
		}
	}
}

// TestNothingToLearnCosts: learning allocates next to nothing when all fields are known: no
// second look at `show info`, and no copy of rows.
func TestNothingToLearnCosts(t *testing.T) {
	rounds := func(learn bool) float64 {
		c := New(Options{Client: &fake{version: "3.2.1", pid: "1", stat: plainStat}, Learn: learn})
		c.Begin([]pull.Socket{address})
		return testing.AllocsPerRun(20, func() {
			if _, err := c.Collect(t.Context(), address, io.Discard, io.Discard); err != nil {
				t.Fatal(err)
			}
		})
	}
	// The header comes in pieces of seven bytes, and its copy grows with them.
	if without, with := rounds(false), rounds(true); with > without+6 {
		t.Errorf("got %v allocations in a round with learning, want at most six more than the %v without", with, without)
	}
}
