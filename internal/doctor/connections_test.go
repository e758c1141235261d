package doctor

import (
	"fmt"
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
		{"many", path, 8, 0, Warning, "8 connections in use: HAProxy allows 10", "set `stats maxconn`"},
		{"all", path + ".4976.tmp", 10, 2, Error, "10 connections in use, and 2 wait to be accepted", "ss -xp | grep /run/haproxy/a.sock;"},
		{"elsewhere", "", 0, 0, Skipped, "in another namespace", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, Connections(unixSockets(test.bound, test.accepted, test.waiting), path), test.verdict, test.text, test.remedy)
		})
	}
	check(t, Connections(fstest.MapFS{}, path), Skipped, "can't be counted: file does not exist", "")
}
