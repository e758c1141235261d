package reply

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
)

// collector takes down what it gets.
type collector struct{ got []string }

func (c *collector) note(format string, args ...any) {
	c.got = append(c.got, fmt.Sprintf(format, args...))
}

func (c *collector) Info(socket string, _ *haproxy.InfoScanner) { c.note("info %s", socket) }

func (c *collector) Stat(sockets []string, _ []*haproxy.StatScanner) { c.note("stat %s", sockets) }

func (c *collector) Typed(version string, fields []haproxy.Typed) {
	c.note("typed %s %d", version, len(fields))
}

func (c *collector) StickTables(socket string, tables []haproxy.StickTable) {
	c.note("tables %s %d", socket, len(tables))
}

func (c *collector) NameServers(socket string, servers []haproxy.NameServer) {
	c.note("servers %s %d", socket, len(servers))
}

func (c *collector) Certificates(socket string, certificates []haproxy.Certificate) {
	c.note("certificates %s %d", socket, len(certificates))
}

// TestCollected: the kinds of fields come before the replies, and the rest after them. A file
// that can't be used costs only itself.
func TestCollected(t *testing.T) {
	files := snapshot.Memory{
		"a_info": []byte("Name: HAProxy\n\n"), "a_stat": []byte("# pxname,svname,type,\n\n"),
		"a_stat.typed": []byte("# HAProxy 3.9\nS.2.1.7.novel.1:MCP:u64:5\n"), "a_info.typed": []byte("1.Novel.1:MCP:u64:5\n"),
		"a_tables": []byte("# table: st, type: ip, size:1, used:1\n"), "a_resolvers": []byte("# id,pid,sent,\nx,y,1,\n"),
		"a_certs": []byte("Filename: a\nnotAfter: Feb  3 04:05:06 2027 GMT\n"),
		"b_certs": []byte(strings.Repeat("x", maxCollected+1)),
	}
	var c collector
	var r Reader
	report, err := r.Read(files, &c)
	if err != nil || len(report.BadFiles) != 1 || !errors.Is(report.BadFiles[0], ErrLarge) {
		t.Errorf("got %v, bad files %v, want b_certs, which is too large", err, report.BadFiles)
	}
	want := "typed 3.9 1, info a, stat [a], tables a 1, servers a 1, certificates a 1"
	if got := strings.Join(c.got, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
