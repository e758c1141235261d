package doctor

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// unixSockets makes /proc/net/unix of a HAProxy that has this socket open.
func unixSockets(path string, accepted, waiting int) fstest.MapFS {
	var b strings.Builder
	b.WriteString("Num       RefCount Protocol Flags    Type St Inode Path\n")
	b.WriteString("0000000000000000: 00000003 00000000 00000000 0001 03 18520\n")
	b.WriteString("0000000000000000: 00000002 00000000 00010000 0001 01 17001 /run/systemd/private\n")
	b.WriteString("0000000000000000: 00000003 00000000 00000000 0001 03 17002 /run/haproxy/a.sock2\n")
	b.WriteString("0000000000000000: 00000003 00000000 00000000 0001 03 17003 /run/haproxy/a.sock.old.tmp\n")
	b.WriteString("0000000000000000: 00000003 00000000 00000000 0001 03 17003 /run/haproxy/a.sock-7.tmp\n")
	b.WriteString("0000000000000000: 00000003 00000000 00000000 0001 03 17003 /run/haproxy/a.sock..tmp\n")
	if path != "" {
		fmt.Fprintf(&b, "0000000000000000: 00000002 00000000 00010000 0001 01 17004 %s\n", path)
	}
	for range accepted {
		fmt.Fprintf(&b, "0000000000000000: 00000003 00000000 00000000 0001 03 17005 %s\n", path)
	}
	for range waiting {
		fmt.Fprintf(&b, "0000000000000000: 00000003 00000000 00000000 0001 02     0 %s\n", path)
	}
	return fstest.MapFS{"proc/net/unix": {Data: []byte(b.String())}}
}

func TestConnections(t *testing.T) {
	const path = "/run/haproxy/a.sock"
	for _, test := range []struct {
		name              string
		bound             string
		accepted, waiting int
		verdict           Verdict
		text, remedy      string
	}{
		{"none", path, 0, 0, OK, "0 connections in use", ""},
		{"by the name that HAProxy binds", path + ".4976.tmp", 1, 0, OK, "1 connection in use", ""},
		{"many", path, 8, 0, Warning, "8 connections in use: HAProxy allows 10", "Set `stats maxconn`"},
		{"all", path + ".4976.tmp", 10, 2, Error, "10 connections in use, and 2 wait to be accepted", "run: ss -xp | grep /run/haproxy/a.sock"},
		{"by the path without links", "/real/a.sock.1.tmp", 2, 0, OK, "2 connections in use", ""},
		{"elsewhere", "", 0, 0, Skipped, "in another namespace", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, Connections(t.Context(), unixSockets(test.bound, test.accepted, test.waiting), path, "/real/a.sock"), test.verdict, test.text, test.remedy)
		})
	}
	check(t, Connections(t.Context(), fstest.MapFS{}, path, path), Skipped, "can't be counted: file does not exist", "")
}

func TestAConnectionThatIsAboutToBeAccepted(t *testing.T) {
	looks := 0
	root := openFS(func(name string) (fs.File, error) {
		looks++
		return unixSockets("/run/a.sock", 1, max(0, 2-looks)).Open(name)
	})
	check(t, Connections(t.Context(), root, "/run/a.sock", "/run/a.sock"), OK, "1 connection in use", "")
	if looks != 2 {
		t.Errorf("%d looks", looks)
	}
}

type openFS func(string) (fs.File, error)

func (f openFS) Open(name string) (fs.File, error) { return f(name) }
