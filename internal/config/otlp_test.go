package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOTLPDefaults(t *testing.T) {
	want := OTLP{
		Endpoint: "http://127.0.0.1:4318", Names: OTLPPrometheus, FQDN: true,
		Scopes: []string{"global", "frontend", "listener", "backend", "server", "sticktable", "resolver"}, CheckStates: CheckStatesAll,
		Compression: CompressionGzip, MaxBytes: 4 << 20, Parallel: 1,
		Push: Push{
			Timeout: 30 * time.Second, Interval: 5 * time.Second, Backoff: 1.5, Delay: 30 * time.Second, MaxAge: 2 * time.Hour,
			QueueSize: 10_000_000, QueueDir: "/var/lib/haproxystats/queue/otlp", QueueMaxBytes: 1 << 30,
		},
	}
	c := load(t, ForProcess, "[otlp]\n")
	got, ok := c.OTLPs.Get("")
	if d := cmp.Diff(want, got); d != "" || !ok || len(c.Pushed()) != 1 {
		t.Errorf("%d sections (-want +got):\n%s", len(c.Pushed()), d)
	}
	c = load(t, ForProcess, "[otlp]\nnames = receiver\nqueue-dir = /q\n[otlp:b]\nendpoint = https://b/x\n")
	want.Names, want.Endpoint, want.QueueDir = OTLPReceiver, "https://b/x", "/var/lib/haproxystats/queue/otlp-b"
	got, ok = c.OTLPs.Get("b")
	if d := cmp.Diff(want, got); d != "" || !ok {
		t.Errorf("a further section (-want +got):\n%s", d)
	}
	if c := load(t, ForProcess, ""); len(c.OTLPs) != 0 {
		t.Errorf("without a section: got %+v", c.OTLPs)
	}
}

func TestAttributes(t *testing.T) {
	got, err := attributeList.parse(" deployment.environment.name = prod , team=a b=c,")
	if want := []Label{{"deployment.environment.name", "prod"}, {"team", "a b=c"}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	for _, text := range []string{"", "env", "env=", "1a=b", "a b=c", "haproxy.cluster=a", "haproxy.proxy_name=a", "a=b,a=c", "a=\x00", "a=\xff"} {
		if got, err := attributeList.parse(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestOTLPProblems(t *testing.T) {
	for _, c := range []struct {
		name    string
		program Program
		text    string
		want    []string
		warn    []string
	}{
		{
			"names of the receiver", ForProcess, "[otlp]\nnames = receiver\nextra-counters = true\ncheck-states = none\n[otlp:b]\nscopes = global\n",
			[]string{`f:6: [otlp:b] scopes = "global": nothing is sent: names = receiver has no metrics of processes. Name another scope, too, or set names = prometheus`},
			[]string{
				`f:3: [otlp] extra-counters = "true": no effect with names = receiver. Remove this option, or set names = prometheus`,
				`f:4: [otlp] check-states = "none": no effect with names = receiver. Remove this option, or set names = prometheus`,
			},
		},
		{
			"attributes of nodes", ForCentral, "[central]\n[cluster]\n[otlp]\nresource-attributes = host.name=a, team=b\n",
			[]string{`f:4: [otlp] resource-attributes = "host.name=a, team=b": "host.name" tells the nodes of clusters apart. Remove this attribute`},
			nil,
		},
		{
			"values", ForProcess, "[otlp]\nendpoint = collector:4318\nnames = promex\ncompression = snappy\nmax-bytes = 100\n",
			[]string{
				`f:2: [otlp] endpoint = "collector:4318": neither an http nor an https address; allowed: an http or https address without a password`,
				`f:3: [otlp] names = "promex": not one of the words; allowed: prometheus, receiver`,
				`f:4: [otlp] compression = "snappy": not one of the words; allowed: gzip, zstd, none`,
				`f:5: [otlp] max-bytes = "100": out of range; allowed: 16384 to 33554432`,
			},
			nil,
		},
		{
			"secrets", ForProcess, "[otlp]\nendpoint = http://collector:4318\ntoken-file = /t\nca-file = /c\n",
			nil,
			[]string{
				`f:3: [otlp] token-file = "/t": the token is sent unencrypted. Let endpoint begin with https`,
				`f:4: [otlp] ca-file = "/c": no effect: the address does not begin with https. Remove this option, or use https`,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write1(t, c.text)
			loaded, err := Load(c.program, Files{File: file, Required: true})
			problems, _ := err.(Problems)
			if d := cmp.Diff(c.want, said(file, problems)); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.warn, said(file, loaded.Warnings)); d != "" {
				t.Errorf("warnings (-want +got):\n%s", d)
			}
		})
	}
}
