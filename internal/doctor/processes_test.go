package doctor

import (
	"fmt"
	"testing"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// info is the reply to `show info` of a process.
func info(node string, pid, started, nbproc int) []byte {
	return fmt.Appendf(nil, "Name: HAProxy\nVersion: 2.6.12\nNbproc: %d\nPid: %d\nStart_time_sec: %d\nnode: %s\n\n", nbproc, pid, started, node)
}

func TestProcesses(t *testing.T) {
	const stat, other = "# pxname,svname,scur\nweb,FRONTEND,1\n\n", "# pxname,svname,scur\napi,FRONTEND,1\n\n"
	type behind struct {
		socket, stat string
		info         []byte
	}
	for _, test := range []struct {
		name         string
		sockets      []behind
		verdict      Verdict
		text, remedy string
	}{
		{"one", []behind{{"a", stat, info("lb", 7, 100, 1)}}, OK, "1 process, each asked once", ""},
		{"two", []behind{{"a", stat, info("lb", 7, 100, 1)}, {"b", stat, info("lb", 8, 100, 1)}}, OK, "2 processes", ""},
		{"one by two sockets", []behind{{"a", stat, info("lb", 7, 100, 1)}, {"b", stat, info("lb", 7, 100, 1)}}, Warning, "a and b are sockets of one process of HAProxy (pid 7)", "Remove one of the two"},
		{"two containers", []behind{{"a", stat, info("lb1", 1, 100, 1)}, {"b", stat, info("lb2", 1, 100, 1)}}, OK, "2 processes", ""},
		{"two containers of one name", []behind{{"a", stat, info("lb", 1, 100, 1)}, {"b", other, info("lb", 1, 100, 1)}}, OK, "2 processes", ""},
		{"before and after a reload", []behind{{"a", stat, info("lb", 7, 100, 1)}, {"b", stat, info("lb", 7, 101, 1)}}, OK, "2 processes", ""},
		{"all of two", []behind{{"a", stat, info("lb", 7, 100, 2)}, {"b", stat, info("lb", 8, 100, 2)}}, OK, "2 processes", ""},
		{"an old version", []behind{{"a", stat, []byte("Version: 1.5.10\nPid: 1\n\n")}}, Warning, "has version 1.5.10, older than 1.6", "Upgrade"},
		{"one of four", []behind{{"a", stat, info("lb", 7, 100, 4)}}, Warning, "3 of 4 processes of HAProxy (nbproc = 4) are not asked", "`process N`"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := make(snapshot.Memory)
			for _, b := range test.sockets {
				m[b.socket+snapshot.InfoSuffix], m[b.socket+snapshot.StatSuffix] = b.info, []byte(b.stat)
			}
			a := aggregate.New(aggregate.Options{})
			if _, err := new(reply.Reader).Read(m, a); err != nil {
				t.Fatal(err)
			}
			found := Processes(a.Processes(), a.Duplicates(), a.Missing(), a.Outdated())
			if len(found) != 1 {
				t.Fatalf("got %v, want one finding", found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
}

// TestRepliesAreBoundedTogether has two replies that exceed the common bound.
func TestRepliesAreBoundedTogether(t *testing.T) {
	r := newReplies()
	r.left.Store(10)
	first, second := r.buffer(), r.buffer()
	if _, err := first.Write(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Write(make([]byte, 6)); err != errMemory {
		t.Errorf("got %v, want %v", err, errMemory)
	}
}
