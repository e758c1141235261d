package doctor

import (
	"testing"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

func TestUnwanted(t *testing.T) {
	check(t, Unwanted(ServerRows{Proxies: 200, Servers: 20_000})[0], Warning,
		"no output has metrics or events of servers, and 99 % of the 20200 rows that HAProxy is asked for in each round are about servers", "Set server-rows = false in [pull]")
	for _, r := range []ServerRows{{200, 20_000, true}, {10, 99, false}, {}} {
		if found := Unwanted(r); found != nil {
			t.Errorf("%+v: got %v, want no finding", r, found)
		}
	}
}

// TestWantsServers tells from a configuration whether anybody wants servers.
func TestWantsServers(t *testing.T) {
	const text = "# pxname,svname,type,scur,status\nf,FRONTEND,0,1,OPEN\nf,l,3,1,OPEN\nb,s,2,1,UP\nb,BACKEND,1,1,UP\n\n"
	a := aggregate.New(aggregate.Options{Series: true})
	files := snapshot.Memory{"a_info": []byte("Pid: 1\n\n"), "a_stat": []byte(text)}
	if _, err := new(reply.Reader).Read(files, a); err != nil {
		t.Fatal(err)
	}
	whole := a.Batch(1)
	none := &metric.Batch{}
	graphite := func(c *config.Config) { c.Graphite.Enabled = true }
	for _, c := range []struct {
		name  string
		set   func(p, s *config.Config)
		batch *metric.Batch
		want  bool
	}{
		{"nothing", func(_, _ *config.Config) {}, whole, false},
		{"Graphite", func(_, s *config.Config) { graphite(s) }, whole, true},
		{"Graphite, without any server", func(_, s *config.Config) { graphite(s) }, none, false},
		{"Graphite, and proxies for Prometheus", func(_, s *config.Config) {
			graphite(s)
			s.Prometheus.Enabled, s.Prometheus.Scopes = true, []string{"backend"}
		}, whole, true},
		{"proxies for Prometheus", func(_, s *config.Config) { s.Prometheus.Enabled, s.Prometheus.Scopes = true, []string{"backend"} }, whole, false},
		{"listeners for Prometheus", func(_, s *config.Config) { s.Prometheus.Enabled, s.Prometheus.Scopes = true, []string{"listener"} }, whole, true},
		{"servers for Prometheus", func(_, s *config.Config) { s.Prometheus.Enabled, s.Prometheus.Scopes = true, []string{"server"} }, whole, true},
		{"servers for a receiver", func(_, s *config.Config) {
			s.OTLPs = config.Named[config.OTLP]{{Options: config.OTLP{Scopes: []string{"backend"}}}, {Name: "b", Options: config.OTLP{Scopes: []string{"server"}}}}
		}, whole, true},
		{"proxies for remote write", func(_, s *config.Config) {
			s.RemoteWrites = config.Named[config.RemoteWrite]{{Options: config.RemoteWrite{Scopes: []string{"backend"}}}}
		}, whole, false},
		{"Kafka", func(_, s *config.Config) { s.Kafkas = config.Named[config.Kafka]{{Options: config.Kafka{Topic: "t"}}} }, whole, true},
		{"a connection to Kafka", func(_, s *config.Config) { s.Kafkas = config.Named[config.Kafka]{{}} }, whole, false},
		{"InfluxDB", func(_, s *config.Config) { s.Influxes = config.Named[config.Influx]{{}} }, whole, true},
		{"files", func(_, s *config.Config) { s.LocalStore.Enabled = true }, whole, true},
		{"snapshots for the centre", func(_, s *config.Config) { s.Forward.Mode = config.ForwardSnapshots }, none, true},
		{"tables for the centre", func(_, s *config.Config) {
			s.Forward.Mode, s.Forward.Scopes = config.ForwardTables, []string{"backend"}
		}, whole, false},
		{"tables with servers", func(_, s *config.Config) { s.Forward.Mode, s.Forward.Scopes = config.ForwardTables, []string{"server"} }, whole, true},
		{"events", func(p, s *config.Config) { p.Pull.StateDir, p.Pull.Events, s.Events.File = "x", true, "y" }, none, true},
		{"events that nobody gets", func(p, _ *config.Config) { p.Pull.StateDir, p.Pull.Events = "x", true }, none, false},
	} {
		var p, s config.Config
		c.set(&p, &s)
		if got := wantsServers(&p, &s, c.batch); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}
