package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRemoteWriteDefaults(t *testing.T) {
	c := load(t, ForProcess, "[remote-write]\nurl = http://a:9090/api/v1/write\n[remote-write:b]\nprotocol = 2.0\nlabels = job=x, instance={host}, site=\"y\"\n")
	want := RemoteWrite{
		URL: "http://a:9090/api/v1/write", Protocol: RemoteWrite1,
		Labels:     []Label{{"job", "haproxy"}, {"instance", "{host}"}},
		MaxSamples: 2000, Parallel: 1,
		Scopes:      []string{"global", "frontend", "listener", "backend", "server", "sticktable", "resolver"},
		CheckStates: CheckStatesAll, StaleMarkers: true, Metadata: true,
		Push: Push{
			Timeout: 30 * time.Second, Interval: 30 * time.Millisecond, Backoff: 2, Delay: 5 * time.Second, MaxAge: 2 * time.Hour,
			QueueSize: 10_000_000, QueueDir: "/var/lib/haproxystats/queue/remote-write", QueueMaxBytes: 1 << 30,
		},
	}
	got, _ := c.RemoteWrites.Get("")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("[remote-write] (-want +got):\n%s", d)
	}
	want.Protocol, want.QueueDir = RemoteWrite2, "/var/lib/haproxystats/queue/remote-write-b"
	want.Labels = []Label{{"job", "x"}, {"instance", "{host}"}, {"site", `"y"`}}
	got, _ = c.RemoteWrites.Get("b")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("[remote-write:b] (-want +got):\n%s", d)
	}
	if c := load(t, ForProcess, ""); len(c.RemoteWrites) > 0 {
		t.Errorf("without a section: got %+v, want none", c.RemoteWrites)
	}
}

// TestRemoteWriteProblems has what is refused, and what is warned of, each with a part of the
// message.
func TestRemoteWriteProblems(t *testing.T) {
	const url = "url = http://127.0.0.1:9090/api/v1/write\n"
	for _, c := range []struct{ name, text, refused, warned string }{
		{"fine", "[remote-write]\n" + url, "", ""},
		{"no address", "[remote-write]\n", "[remote-write]: metrics are sent nowhere. Set url, as in url =", ""},
		{"no address to inherit", "[remote-write:a]\nprotocol = 2.0\n", "[remote-write:a]: metrics are sent nowhere", ""},
		{"no path", "[remote-write]\nurl = http://a:9090\n", "Write the whole address: that of Prometheus", ""},
		{"no scheme", "[remote-write]\nurl = a:9090/api/v1/write\n", "neither an http nor an https address", ""},
		{"password", "[remote-write]\nurl = http://u:p@a/api/v1/write\n", "the address contains a user or a password", ""},
		{"version", "[remote-write]\n" + url + "protocol = 3.0\n", "1.0, 2.0", ""},
		{"label that is taken", "[remote-write]\n" + url + "labels = proxy=a\n", `the label "proxy" has another meaning`, ""},
		{"name as a label", "[remote-write]\n" + url + "labels = __name__=a\n", `the label "__name__" has another meaning`, ""},
		{"label twice", "[remote-write]\n" + url + "labels = a=b, a=c\n", `the label "a" stands there twice`, ""},
		{"no samples", "[remote-write]\n" + url + "max-samples = 0\n", "max-samples", ""},
		{"pattern", "[remote-write]\n" + url + "drop = haproxy_( x\n", "error parsing regexp", ""},
		{"no patterns", "[remote-write]\n" + url + "drop =\n", "the list is empty", ""},
		{"two of one", "[remote-write]\n" + url + "[remote-write:b]\n", "", "[remote-write] sends series with the same labels there, too"},
		{"two with other labels", "[remote-write]\n" + url + "[remote-write:b]\nlabels = job=b\n", "", ""},
		{"two with other headers", "[remote-write]\n" + url + "[remote-write:b]\nheaders = X-Scope-OrgID: b\n", "", ""},
		{"one queue", "[remote-write]\n" + url + "queue-dir = /q\n[remote-write:b]\nlabels = job=b\nqueue-dir = /q\n", "queue-dir", ""},
		{"password unencrypted", "[remote-write]\nurl = http://a/api/v1/write\nuser = u\npassword-file = /p\n", "", "the password is sent unencrypted"},
		{"files of TLS", "[remote-write]\n" + url + "ca-file = /ca\n", "", "no effect: the address does not begin with https"},
	} {
		t.Run(c.name, func(t *testing.T) {
			loaded, err := Load(ForProcess, Files{File: write1(t, c.text)})
			refused := ""
			if err != nil {
				refused = err.Error()
			}
			if c.refused == "" && refused != "" || !strings.Contains(refused, c.refused) {
				t.Errorf("got the error %q, want %q in it", refused, c.refused)
			}
			if c.refused != "" {
				return
			}
			var warned []string
			for _, w := range loaded.Warnings {
				warned = append(warned, w.Error())
			}
			all := strings.Join(warned, "\n")
			if c.warned == "" && all != "" || !strings.Contains(all, c.warned) {
				t.Errorf("got the warnings %q, want %q in them", all, c.warned)
			}
		})
	}
}
