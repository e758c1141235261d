package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestInfluxDefaults(t *testing.T) {
	want := Influx{
		URL: "http://127.0.0.1:8086", Version: 1, Database: "telegraf", Measurement: "haproxy", FQDN: true,
		TextFields: []string{"agent_status", "check_status", "mode", "status"}, Compression: CompressionGzip, MaxLines: 5000, Parallel: 1,
		Push: Push{
			Timeout: 5 * time.Second, Interval: time.Second, Backoff: 2, Delay: 10 * time.Second, MaxAge: 2 * time.Hour,
			QueueSize: 10_000_000, QueueDir: "/var/lib/haproxystats/queue/influx", QueueMaxBytes: 1 << 30,
		},
	}
	got := load(t, ForProcess, "[influx]\n[DEFAULT]\ntimeout = 9\ninterval = 9\n").Influxes
	if d := cmp.Diff(Named[Influx]{{Options: want}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := load(t, ForProcess, "").Influxes; len(got) > 0 {
		t.Errorf("without a section: got %+v", got)
	}
}

// TestInheritedLogin: a section with a name inherits all but its queue and a way to log in of
// which it has another.
func TestInheritedLogin(t *testing.T) {
	c := load(t, ForProcess, `[influx]
url = https://a/
user = u
password-file = /p
queue-dir = /q
[influx:b]
token-file = /t
[influx:c]
database = d
[influx:d]
user = v
password-file = /w
`)
	want := map[string]Push{
		"":  {User: "u", PasswordFile: "/p", QueueDir: "/q"},
		"b": {TokenFile: "/t", QueueDir: "/var/lib/haproxystats/queue/influx-b"},
		"c": {User: "u", PasswordFile: "/p", QueueDir: "/var/lib/haproxystats/queue/influx-c"},
		"d": {User: "v", PasswordFile: "/w", QueueDir: "/var/lib/haproxystats/queue/influx-d"},
	}
	for _, p := range c.Pushed() {
		if p.URL != "https://a/" || p.Kind != "influx" {
			t.Errorf("got %+v, want the address of [influx]", p)
		}
		if d := cmp.Diff(want[p.Name], p.Push, cmpopts.IgnoreFields(Push{}, "Timeout", "Interval", "Backoff", "Delay", "MaxAge", "QueueSize", "QueueMaxBytes")); d != "" {
			t.Errorf("%s (-want +got):\n%s", p.Section(), d)
		}
		delete(want, p.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestHeaders(t *testing.T) {
	for text, want := range map[string][]Header{
		"X-Scope-OrgID: a":               {{"X-Scope-OrgID", "a"}},
		"\nA: b\n  C:d\n":                {{"A", "b"}, {"C", "d"}},
		"A: b, C: d, e,F: http://g:1/, ": {{"A", "b"}, {"C", "d, e"}, {"F", "http://g:1/,"}},
		"A:":                             {{"A", ""}},
	} {
		if got, err := headerList.parse(text); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "\n", "a", ": b", "a b: c", "A: b\na: c", "Authorization: Bearer x", "proxy-authorization: x", "Content-Type: x", "Host: a", "A: \x01",
		"A\u00e9: b",
	} {
		if got, err := headerList.parse(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestTags(t *testing.T) {
	got, err := tagList.parse(" env = prod , site=a b=c,host=x,")
	if want := []Label{{"env", "prod"}, {"site", "a b=c"}, {"host", "x"}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	for _, text := range []string{"", "env", "env=", "1a=b", "a-b=c", "proxy=a", "server=a", "time=1", "svname=a", "a=b,a=c", "a=\x01", "a=\xff"} {
		if got, err := tagList.parse(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestInfluxAddress(t *testing.T) {
	for text, good := range map[string]bool{
		"http://a:8086": true, "https://a/": true, "http://vm:8428/influx": true, "http://vm/writers": true,
		"": false, "a:8086": false, "http://a/write": false, "http://a/x/api/v2/write/": false, "http://a/api/v3/write_lp": false,
		"http://a?db=x": false, "http://a?": false, "http://u:p@a": false, "http://a#b": false,
	} {
		if _, err := influxAddress.parse(text); (err == nil) != good {
			t.Errorf("%q: got %v, want it taken: %t", text, err, good)
		}
	}
}

func TestTextFields(t *testing.T) {
	for text, want := range map[string][]string{"none": nil, "status": {"status"}, "Status,check_status status": {"check_status", "status"}, "mode": {"mode"}} {
		if got, err := textFields.parse(text); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "last_chk", "none status"} {
		if got, err := textFields.parse(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}
