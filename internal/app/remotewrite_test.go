package app

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"haproxystats/internal/config"
	"haproxystats/internal/encode"
	"haproxystats/internal/encode/remotewrite"
	"haproxystats/internal/metric"
)

func remoteWriteBatch(servers ...string) *metric.Batch {
	table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "scur"}, {Name: "smax"}})
	for _, name := range servers {
		row := table.Row(metric.Entity{Parent: "app", Name: name})
		table.Touch(row)
		table.Add(row, 0, 7)
		table.Add(row, 1, 9)
	}
	self := metric.NewBuilder(metric.Self, []metric.Column{{Name: "QueueLength"}})
	self.Touch(self.Row(metric.Entity{}))
	self.Add(0, 0, 3)
	return &metric.Batch{Cluster: "eu", Node: "lb1", Epoch: 1000, Tables: []*metric.Table{table.Table(), self.Table()}}
}

// texts returns the strings in a request: names and values of labels.
func texts(t *testing.T, message []byte) (all []string) {
	t.Helper()
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil
		}
		message = message[size:]
		if size = protowire.ConsumeFieldValue(n, kind, message); size < 0 {
			return nil
		}
		if kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(message)
			if inner := texts(t, content); inner != nil {
				all = append(all, inner...)
			} else if len(content) > 0 {
				all = append(all, string(content))
			}
		}
		message = message[size:]
	}
	return all
}

func requests(t *testing.T, c config.RemoteWrite, s setup, log *slog.Logger, b *metric.Batch) (all []string) {
	t.Helper()
	f := remoteWriteFormat(c, s, &dropped{log: log})
	err := f.NewEncoder().Encode(b, func(m encode.Message) error {
		all = append(all, string(bytes.Clone(m.Value)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRemoteWriteFormat: each option has its effect on the requests.
func TestRemoteWriteFormat(t *testing.T) {
	plain := config.RemoteWrite{
		Protocol: config.RemoteWrite1, Labels: []config.Label{{Name: "instance", Value: "{host}"}}, MaxSamples: 100,
		Scopes: []string{"server"}, CheckStates: config.CheckStatesAll, StaleMarkers: true, Metadata: true,
	}
	node := func() string { return "lb1" }
	const current, maximum = "haproxy_server_current_sessions", "haproxy_server_max_sessions"
	for _, c := range []struct {
		name       string
		change     func(*config.RemoteWrite, *setup)
		has, lacks []string
	}{
		{"plain", func(*config.RemoteWrite, *setup) {}, []string{current, maximum, "instance", "lb1.example.com", "haproxystats_queue_snapshots"}, []string{"cluster", "node"}},
		{"dropped", func(r *config.RemoteWrite, _ *setup) {
			r.Drop = []string{"haproxy_server_max.*", "haproxy_server_current"}
		}, []string{current}, []string{maximum}},
		{"scopes", func(r *config.RemoteWrite, _ *setup) { r.Scopes = []string{"frontend"} }, []string{"haproxystats_queue_snapshots"}, []string{current}},
		{"clusters", func(_ *config.RemoteWrite, s *setup) { s.node = nil }, []string{"cluster", "eu", "node", "lb1"}, nil},
		{"metadata", func(r *config.RemoteWrite, _ *setup) { r.Metadata = false }, []string{current}, []string{"Snapshots"}},
	} {
		options, s := plain, setup{hostname: "lb1.example.com", node: node}
		c.change(&options, &s)
		got := texts(t, []byte(strings.Join(requests(t, options, s, slog.New(slog.DiscardHandler), remoteWriteBatch("s1")), "")))
		for _, text := range c.has {
			if !slices.Contains(got, text) {
				t.Errorf("%s: got %q, want %q there", c.name, got, text)
			}
		}
		for _, text := range c.lacks {
			if slices.Contains(got, text) {
				t.Errorf("%s: got %q, want no %q", c.name, got, text)
			}
		}
	}
}

// TestRemoteWriteVersions: the headers and the form of the requests follow the version.
func TestRemoteWriteVersions(t *testing.T) {
	s := setup{hostname: "lb1", node: func() string { return "lb1" }}
	for protocol, want := range map[config.RemoteWriteProtocol]struct{ kind, version, proof string }{
		config.RemoteWrite1: {"application/x-protobuf", "0.1.0", ""},
		config.RemoteWrite2: {"application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0", "X-Prometheus-Remote-Write-Samples-Written"},
	} {
		o := config.RemoteWrite{Protocol: protocol, MaxSamples: 1, Scopes: []string{"server"}}
		f := remoteWriteFormat(o, s, &dropped{log: slog.New(slog.DiscardHandler)})
		if f.ContentType != want.kind || f.ContentEncoding != "snappy" || f.Header["X-Prometheus-Remote-Write-Version"] != want.version || f.Proof != want.proof || f.Floor != 100 {
			t.Errorf("%s: got %+v, want %+v, snappy and a floor of 100", protocol, f, want)
		}
		all := requests(t, o, s, slog.New(slog.DiscardHandler), remoteWriteBatch("s1"))
		if len(all) != 3 {
			t.Fatalf("%s: got %d requests of one sample, want 3", protocol, len(all))
		}
		body, err := f.Expand(f.Compress(nil, []byte(all[0])), len(all[0]))
		if err != nil || string(body) != all[0] {
			t.Errorf("%s: got %q (%v) after compression, want %q", protocol, body, err, all[0])
		}
		if _, _, _, ok := remotewrite.V2.Split([]byte(all[0])); ok {
			t.Errorf("%s: a request of one sample can be cut", protocol)
		}
	}
}

// TestRemoteWriteTellsOfDropped: the log says once that max-series is exceeded.
func TestRemoteWriteTellsOfDropped(t *testing.T) {
	var out bytes.Buffer
	o := config.RemoteWrite{Protocol: config.RemoteWrite1, MaxSamples: 100, Scopes: []string{"server"}, MaxSeries: 1}
	left := &dropped{log: slog.New(slog.NewTextHandler(&out, nil))}
	f := remoteWriteFormat(o, setup{node: func() string { return "" }}, left)
	e := f.NewEncoder()
	for epoch := range int64(3) {
		b := remoteWriteBatch("s1", "s2")
		b.Epoch += epoch
		if err := e.Encode(b, func(encode.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "series exceed max-series and are left out"); n != 1 || !strings.Contains(out.String(), "servers: 4") {
		t.Errorf("got the log %s, want one message with the 4 series of servers", &out)
	}
	if n := left.all.Load(); n != 3*4 {
		t.Errorf("%d series are counted, want the 4 of each of 3 batches", n)
	}
}
