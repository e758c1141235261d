package workers

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

const serversHeader = "1\n# be_name srv_name srv_admin_state\n"

// maintain makes the servers of HAProxy show these states and answer with this admin.
func (f *fakeHAProxy) maintain(admin string, states ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maint, f.admin = states, admin
}

func (f *fakeHAProxy) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// serversOf returns the states of servers in a snapshot, empty if it has none.
func serversOf(t *testing.T, s snapshot.Snapshot) string {
	t.Helper()
	names, err := fs.Glob(s.Files, "*"+snapshot.ServersSuffix)
	if err != nil || len(names) > 1 {
		t.Fatalf("got %q, %v", names, err)
	}
	if len(names) == 0 {
		return ""
	}
	text, err := fs.ReadFile(s.Files, names[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestServers asks for reasons of maintenance at the interval, when a server goes into
// maintenance, and when a worker is new; over a connection that is held or a new one.
func TestServers(t *testing.T) {
	for _, hold := range []bool{true, false} {
		x := newSite(t, hold)
		x.every = time.Hour
		x.stop()
		x.start()
		x.f.maintain(serversHeader+"app a 0\napp b 5\napp c 1\napp d 2\napp e 32\n\n", "a UP", "b MAINT", "c MAINT", "d MAINT (via app/b)", "e MAINT (resolution)")
		want := serversHeader + "app b 5\n\n"
		round := func(asked int) {
			t.Helper()
			if got := serversOf(t, x.round()); got != want {
				t.Errorf("hold %t: got %q, want %q", hold, got, want)
			}
			if got := x.f.questions(); got != asked {
				t.Errorf("hold %t: got %d questions, want %d", hold, got, asked)
			}
		}
		round(1)
		round(1)
		x.f.maintain(serversHeader+"app a 5\n\n", "a MAINT", "c MAINT")
		want = serversHeader + "app a 5\n\n"
		round(2)
		x.f.maintain(serversHeader+"\n", "c MAINT") // one has left: nothing is asked
		round(2)
		x.f.reload()
		want = ""
		round(3)
		x.f.maintain(serversHeader+"app c 7\n\n", "c MAINT (via app/a)")
		want = serversHeader + "app c 5\n\n"
		round(4)
		x.every = time.Nanosecond
		x.stop()
		x.start()
		round(5)
		round(6)
		x.every = 0 // off
		x.stop()
		x.start()
		want = ""
		round(6)
		if strings.Contains(x.log.String(), "level=WARN") {
			t.Errorf("hold %t: got the log %s", hold, x.log.String())
		}
	}
}

// TestServersFault costs the reasons, and neither the account nor the round.
func TestServersFault(t *testing.T) {
	x := newSite(t, true)
	x.every = time.Nanosecond
	x.stop()
	x.start()
	x.f.work(x.f.current, 5, 2, 200)
	x.f.maintain(serversHeader+"app b 5\n\n", "b MAINT")
	x.round()
	for _, answer := range []string{"Unknown command: 'show servers state'\n\n", "1\n# be_id\n\n"} {
		for _, s := range x.k.all() {
			s.servers.until = time.Time{}
		}
		x.f.maintain(answer, "b MAINT")
		before := x.f.questions()
		s := x.round()
		x.want(s, 5, 200, "101 current")
		if got := serversOf(t, s); got != "" {
			t.Errorf("%.20q: got %q, want no old answer", answer, got)
		}
		x.want(x.round(), 5, 200, "101 current")
		if got := x.f.questions() - before; strings.HasPrefix(answer, "Unknown") != (got == 1) {
			t.Errorf("%.20q: got %d questions in two rounds, want one if the command is not known", answer, got)
		}
	}
	if got := strings.Count(x.log.String(), "HAProxy does not tell why servers are in maintenance"); got != 1 {
		t.Errorf("got %d messages, want one:\n%s", got, x.log.String())
	}
}

// TestMaintenance finds rows that have gone into maintenance, or for another reason.
func TestMaintenance(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("# pxname,svname,qcur,status,type,\n")
	for i := range 50 {
		status := []string{"UP", "MAINT", "MAINT (via a/b)", "MAINT (resolution)", "DOWN 1/2"}[i%5]
		fmt.Fprintf(&text, "app,s%d,%d,%s,2,\n", i, i, status)
	}
	text.WriteString("app,MAINT,0,UP,2,\n\n")
	var tally truth.Tally
	read := func(text []byte) []uint64 {
		var scanner haproxy.StatScanner
		if err := scanner.Reset(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		var m maintenance
		tally.Read(&scanner, 0, m.begin())
		return slices.Clone(m.sorted())
	}
	want := read(text.Bytes())
	if len(want) != 30 {
		t.Errorf("got %d rows, want 30", len(want))
	}
	// Counters don't matter; the name and the text do.
	grown := bytes.ReplaceAll(text.Bytes(), []byte("app,s1,1,"), []byte("app,s1,99,"))
	if got := read(grown); !slices.Equal(got, want) {
		t.Error("got other rows after a counter has grown")
	}
	for _, change := range []string{"app,s0,0,MAINT,", "app,s0,0,MAINT (via a/b),"} {
		more := bytes.ReplaceAll(text.Bytes(), []byte("app,s0,0,UP,"), []byte(change))
		if got := read(more); isSubset(got, want) || !isSubset(want, got) {
			t.Errorf("%s: got no new row", change)
		}
	}
	other := bytes.ReplaceAll(text.Bytes(), []byte("app,s1,1,MAINT,"), []byte("app,s1,1,MAINT (resolution),"))
	if got := read(other); isSubset(got, want) || isSubset(want, got) {
		t.Error("got the same row for another reason")
	}
}
