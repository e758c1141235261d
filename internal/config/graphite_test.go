package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGraphiteSections: a section with a name inherits what it does not set, but for the
// options that make it a destination of its own.
func TestGraphiteSections(t *testing.T) {
	c := load(t, ForProcess, `[DEFAULT]
retries = 9
[graphite]
enabled = false
server = old, other:2013
port = 2003
verify-url = http://old/render
namespace = lb
connect-timeout = 4
write-timeout = 2
queue-dir = /q
queue-size = 7
[graphite:new]
server = new
confirm = drain
[graphite:off]
enabled = false
[graphite:same]
namespace = copy
queue-max-bytes = 5
write-timeout = 3
`)
	if c.Graphite.Enabled || c.Graphite.QueueDir != "/q" || c.Graphite.Retries != 3 {
		t.Errorf("[graphite]: got %+v", c.Graphite)
	}
	all := c.GraphiteSections()
	if len(all) != 2 || all[0].Name != "new" || all[1].Name != "same" {
		t.Fatalf("got sections %+v, want new and same", all)
	}
	want := c.Graphite
	want.Enabled, want.QueueDir = true, "/var/lib/haproxystats/queue/graphite-new"
	want.Server, want.Confirm, want.VerifyURL = []Relay{{"new", 2003}}, ConfirmDrain, ""
	if diff := cmp.Diff(want, all[0].Options); diff != "" {
		t.Errorf("[graphite:new] (-want +got):\n%s", diff)
	}
	want = c.Graphite
	want.Enabled, want.QueueDir = true, "/var/lib/haproxystats/queue/graphite-same"
	want.Namespace, want.ClusterNamespace, want.QueueMaxBytes = "copy", "copy.clusters", 5
	want.WriteTimeout, want.VerifyURL = 3*time.Second, "http://old/render"
	if diff := cmp.Diff(want, all[1].Options); diff != "" {
		t.Errorf("[graphite:same] (-want +got):\n%s", diff)
	}
}

// TestGraphiteTimeouts: the time limits that no file sets are the timeout of the section, or
// else that of [graphite].
func TestGraphiteTimeouts(t *testing.T) {
	file := write1(t, "[graphite]\nserver = a\ntimeout = 4\n[graphite:b]\nserver = b\n[graphite:c]\nserver = c\ntimeout = 8\nwrite-timeout = 3\n[DEFAULT]\ntimeout = 7\n")
	l, err := Load(ForProcess, Files{File: file, Required: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]time.Duration{{4 * time.Second, 4 * time.Second}, {4 * time.Second, 4 * time.Second}, {8 * time.Second, 3 * time.Second}} {
		g := l.Config.GraphiteSections()[i]
		if got := [2]time.Duration{g.Options.ConnectTimeout, g.Options.WriteTimeout}; got != want {
			t.Errorf("[%s]: got time limits %v, want %v", GraphiteSection(g.Name), got, want)
		}
	}
	want := []string{
		`f:3: [graphite] timeout = "4": used for connect-timeout and write-timeout, because no file sets that. Set connect-timeout and write-timeout instead`,
		`f:8: [graphite:c] timeout = "8": used for connect-timeout, because no file sets that. Set connect-timeout instead`,
	}
	if diff := cmp.Diff(want, said(file, l.Warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestGraphiteAlone: without further sections there is one destination, with the defaults.
func TestGraphiteAlone(t *testing.T) {
	c := load(t, ForProcess, "")
	all := c.GraphiteSections()
	if len(all) != 1 || all[0].Name != "" || all[0].Options.QueueDir != "/var/lib/haproxystats/queue/graphite" {
		t.Errorf("got %+v, want [graphite] alone", all)
	}
}

// TestSameGraphite: a server that gets each value twice under one path is told.
func TestSameGraphite(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[graphite:a]\nqueue-size = 5\n", `f:1: [graphite:a] server = "127.0.0.1": [graphite] sends the same paths to 127.0.0.1:3002: it gets each value twice. ` +
			"Set another server or another namespace in [graphite:a], or remove the section"},
		{"[graphite]\nenabled = no\n[graphite:a]\nserver = g\n[graphite:b]\nserver = h,g:3002\n", `f:6: [graphite:b] server = "h,g:3002": [graphite:a] sends the same paths to g:3002: it gets each value twice. ` +
			"Set another server or another namespace in [graphite:b], or remove the section"},
		{"[graphite:a]\nport = 2003\n", ""},
		{"[graphite:a]\nnamespace = a\n", ""},
		{"[graphite:a]\nfqdn = no\n", ""},
		{"[graphite]\nenabled = no\n[graphite:a]\n", ""},
	} {
		file := write1(t, c.text)
		l, err := Load(ForProcess, Files{File: file, Required: true})
		if err != nil {
			t.Fatal(err)
		}
		got := said(file, l.Warnings)
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
