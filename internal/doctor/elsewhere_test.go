package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/haproxysim"
	"haproxystats/internal/sink/graphite"
)

// TestOtherSystems runs doctor as on a host on which the programs can't run: it examines
// what the commands use, and nothing of the programs.
func TestOtherSystems(t *testing.T) {
	recording, err := haproxysim.Load(os.DirFS("../../testdata/recordings/3.4.0-single/1795335820"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var server haproxysim.Server
	for _, r := range recording {
		if _, err := server.Listen("unix", filepath.Join(dir, "haproxy.sock"), haproxysim.NewSocket(r)); err != nil {
			t.Fatal(err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	file := filepath.Join(dir, "haproxystats.conf")
	if err := os.WriteFile(file, []byte("[paths]\nbase-dir = "+dir+"/base\n[pull]\nsocket-dir = "+dir+"\nstate-dir = "+dir+"/state\n[graphite]\nserver = 127.0.0.1\n[prometheus]\nlisten = 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	accept := func(*config.Config) []config.Problem { return nil }
	options := Options{
		Files: config.Files{File: file}, Offline: true,
		Wiring: Wiring{
			CheckPull: accept, CheckProcess: accept, CheckCentral: accept,
			Graphite: func(config.Instance[config.Graphite]) graphite.Options {
				return graphite.Options{Paths: plaintext.Paths{Namespace: "haproxystats", Hostname: "host"}}
			},
			Aggregate: func(*config.Config) (aggregate.Options, error) { return aggregate.Options{}, nil },
			Kafka:     func(context.Context, *config.Config, config.Program, bool) []Kafka { return nil },
		},
	}
	examined := func(system string) (checks []string, report Report) {
		options.System = system
		report, err := Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report {
			if !slices.Contains(checks, f.Check) {
				checks = append(checks, f.Check)
			}
			if f.Check == "programs" && (f.Verdict != Skipped || !strings.Contains(f.Text, "not examined on "+system) || f.Remedy != "Run doctor on the host of the programs") {
				t.Errorf("%s: %+v", system, f)
			}
		}
		slices.Sort(checks)
		return checks, report
	}
	for _, system := range []string{"darwin", "freebsd"} {
		got, report := examined(system)
		want := []string{"configuration", "creates", "names", "outage", "processes", "programs", "socket-dir", "socket-level", "socket-reply", "volume"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: examined %q, want %q", system, got, want)
		}
		if report.Verdict() == Error {
			t.Errorf("%s: %+v", system, report)
		}
	}
	here, _ := examined("linux")
	for _, check := range []string{"running", "clock", "directory", "prometheus", "socket-access", "socket-connections"} {
		if !slices.Contains(here, check) {
			t.Errorf("linux: examined %q, want %s too", here, check)
		}
	}
	options.System, options.User = "freebsd", "root"
	if _, err := Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "--user root: the programs, whose user that is, run on Linux only: leave it out") {
		t.Errorf("with a user: %v", err)
	}
}
