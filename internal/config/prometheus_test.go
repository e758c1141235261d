package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrometheusDefaults(t *testing.T) {
	want := Prometheus{
		Enabled: true, Listen: []string{"127.0.0.1:9101"}, Path: "/metrics", MaxAge: time.Minute,
		Scopes: []string{"global", "frontend", "listener", "backend", "server", "sticktable", "resolver"}, CheckStates: CheckStatesAll, EmptyValues: EmptyOmit,
		MaxScrapes: 4, Timeout: 30 * time.Second, OwnMetrics: true,
	}
	for _, text := range []string{"[prometheus]\n", "[prometheus]\n[DEFAULT]\ntimeout = 9\n"} {
		if d := cmp.Diff(want, load(t, ForProcess, text).Prometheus); d != "" {
			t.Errorf("%q: (-want +got):\n%s", text, d)
		}
	}
	if d := cmp.Diff(Prometheus{}, load(t, ForProcess, "").Prometheus); d != "" {
		t.Errorf("without a section (-want +got):\n%s", d)
	}
}

// TestDefaultsOfNewSections: sections that the original did not have keep their own defaults,
// whatever [DEFAULT] has, as [pull] and [graphite] do.
func TestDefaultsOfNewSections(t *testing.T) {
	got := load(t, ForProcess, "[DEFAULT]\ntimeout = 9\nretries = 9\ninterval = 9\n[events]\nfile = /e\n").Events
	if got.Timeout != 5*time.Second || got.Retries != 3 || got.Interval != 1800*time.Millisecond {
		t.Errorf("got %v, %d and %v, want 5 s, 3 and 1.8 s", got.Timeout, got.Retries, got.Interval)
	}
}

func TestListenAndLabels(t *testing.T) {
	for text, want := range map[string][]string{
		":9101":                       {":9101"},
		"[::1]:9101, localhost:9102,": {"[::1]:9101", "localhost:9102"},
		"a:1,a:1":                     {"a:1"},
	} {
		if got, err := listenList.parse(text); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a", "a:x", "a:70000", "::1:9", ",", "a:1,,b:2"} {
		if got, err := listenList.parse(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
	got, err := labelList.parse(" env = prod , site=a b=c,")
	if want := []Label{{"env", "prod"}, {"site", "a b=c"}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	for _, text := range []string{"", "env", "env=", "1a=b", "a-b=c", "__a=b", "node=a", "job=a", "a=b,a=c", "a=\x01", "a=\xff"} {
		if got, err := labelList.parse(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
	for _, p := range []struct {
		listen []string
		want   bool
	}{
		{[]string{"127.0.0.1:1", "[::1]:1", "localhost:1"}, true}, {[]string{"127.0.0.1:1", ":1"}, false}, {[]string{"lb1:1"}, false}, {[]string{"192.0.2.1:1"}, false},
	} {
		if got := (Prometheus{Listen: p.listen}).IsLocal(); got != p.want {
			t.Errorf("%q: is local: got %t, want %t", p.listen, got, p.want)
		}
	}
}
