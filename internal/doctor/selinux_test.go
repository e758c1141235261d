package doctor

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func denial64(at time.Time, comm, what, path string) string {
	return fmt.Sprintf(`type=AVC msg=audit(%d.243:24287): avc:  denied  { %s } for  pid=2465 comm="%s" path="%s" scontext=system_u:system_r:init_t:s0 tcontext=system_u:system_r:haproxy_t:s0 tclass=unix_stream_socket permissive=0`+"\n",
		at.Unix(), what, comm, path)
}

func TestSELinux(t *testing.T) {
	now := time.Unix(1700000000, 0)
	recent, old := now.Add(-time.Hour), now.Add(-48*time.Hour)
	enforcing := func(log string) fstest.MapFS {
		return fstest.MapFS{"sys/fs/selinux/enforce": {Data: []byte("1")}, "var/log/audit/audit.log": {Data: []byte(log)}}
	}
	for _, test := range []struct {
		name         string
		root         fs.FS
		verdict      Verdict
		text, remedy string
	}{
		{"none", fstest.MapFS{}, OK, "not in use", ""},
		{"permissive", fstest.MapFS{"sys/fs/selinux/enforce": {Data: []byte("0")}}, OK, "permissive", ""},
		{"enforcing", enforcing("type=LOGIN\n"), OK, "no access of haproxystats was denied", ""},
		{"others are denied", enforcing(denial64(recent, "nginx", "connectto", "/run/haproxy/a.sock")), OK, "no access of haproxystats was denied", ""},
		{"long ago", enforcing(denial64(old, "haproxystats-pu", "connectto", "/run/haproxy/a.sock")), OK, "no access of haproxystats was denied", ""},
		{
			"denied", enforcing(denial64(old, "haproxystats-pu", "write", "/a") + denial64(recent, "haproxystats-pu", "write", "/b") + denial64(recent, "haproxystats-pu", "connectto", "/run/haproxy/a.sock")), Error,
			"denied 2 accesses of haproxystats within a day, last: connectto on /run/haproxy/a.sock", "audit2allow -M haproxystats",
		},
		{"not told what", enforcing(fmt.Sprintf("type=AVC msg=audit(%d.1:2): denied comm=\"haproxystats-pr\"\n", recent.Unix())), Error, "1 accesses of haproxystats within a day, last: an access", "semodule -i"},
		{"only the end of a long log", enforcing(denial64(recent, "haproxystats-pu", "write", "/b") + strings.Repeat("type=LOGIN msg=audit\n", auditTail/20)), OK, "no access of haproxystats was denied", ""},
		{"the end of a long log", enforcing(strings.Repeat("type=LOGIN msg=audit\n", auditTail/20) + denial64(recent, "haproxystats-pu", "write", "/b")), Error, "1 accesses of haproxystats within a day, last: write on /b", "semodule -i"},
		{"no log to be read", fstest.MapFS{"sys/fs/selinux/enforce": {Data: []byte("1\n")}}, Skipped, "the audit log can't be read: file does not exist", "ausearch"},
	} {
		t.Run(test.name, func(t *testing.T) { check(t, SELinux(test.root, now), test.verdict, test.text, test.remedy) })
	}
}
