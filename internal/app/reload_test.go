package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
)

// TestReloadPending asks for a reload while another one is in progress, which has read an
// earlier file: the end of that one is not the end of the one that was asked for.
func TestReloadPending(t *testing.T) {
	file := filepath.Join(t.TempDir(), "haproxystats.conf")
	write := func(workers string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("[process]\nworkers = "+workers+"\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	loaded, err := config.Load(config.ForProcess, config.Files{File: file, Required: true})
	if err != nil {
		t.Fatal(err)
	}
	r := newReloads(Program{
		Name: config.ForProcess,
		Log:  func(*config.Config) (slog.Level, config.LogFormat) { return slog.LevelInfo, config.LogText },
	}, loaded, nil, Log{Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, end := make(chan int), make(chan error)
	go r.serve(ctx, func(_ context.Context, next *config.Loaded) error {
		begun <- next.Config.Process.Workers
		return <-end
	})
	document := func() (d status.Document) {
		d.PID = 1
		r.fill(&d)
		return d
	}
	check := func(what string, before, now status.Document, want bool) {
		t.Helper()
		if ended, err := outcome(config.ForProcess, before, now); ended != want || err != nil {
			t.Errorf("%s: the reload has ended: got %t, %v, want %t", what, ended, err, want)
		}
	}

	first := document()
	check("nothing asked for", first, document(), false)
	write("2")
	r.want()
	if got := <-begun; got != 2 {
		t.Fatalf("got %d workers, want 2", got)
	}
	write("3")
	second := document()
	r.want()
	end <- nil
	if got := <-begun; got != 3 {
		t.Fatalf("got %d workers, want 3", got)
	}
	now := document()
	if now.ConfigLoaded == second.ConfigLoaded && now.ConfigSHA256 == second.ConfigSHA256 {
		t.Error("the first reload has not ended")
	}
	check("the first has ended", second, now, false)
	end <- errors.New("no such port")
	cancel()
}

// TestKeyOfSink: a reload makes another sink if its own section has changed, or one that it
// inherits from, and else leaves it as it is.
func TestKeyOfSink(t *testing.T) {
	const was = "[graphite]\nserver = a.example.com\n[graphite:b]\nserver = b.example.com\n"
	keys := func(text string) map[string]string {
		t.Helper()
		file := filepath.Join(t.TempDir(), "haproxystats.conf")
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(config.ForProcess, config.Files{File: file, Required: true})
		if err != nil {
			t.Fatal(err)
		}
		s := setup{config: &loaded.Config, loaded: loaded}
		s.own = ownColumns(s.config)
		all := make(map[string]string)
		for _, k := range sinkKinds {
			for _, name := range k.configured(s.config) {
				all[k.name+":"+name] = k.key(s, name)
			}
		}
		return all
	}
	before := keys(was)
	for _, c := range []struct {
		name, text  string
		plain, that bool // [graphite] and [graphite:b] stay
	}{
		{"nothing", was, true, true},
		{"another destination", was + "[graphite:c]\nserver = c.example.com\n[influx]\nurl = http://127.0.0.1:8086\ndatabase = x\n", true, true},
		{"another option", was + "port = 2013\n", true, false},
		{"an option that both have", "[graphite]\nretries = 7\n" + was[len("[graphite]\n"):], false, false},
		{"a default that is written, and an option elsewhere", was + "retries = 3\n[process]\nworkers = 2\n", true, true},
	} {
		after := keys(c.text)
		for name, stays := range map[string]bool{"graphite:": c.plain, "graphite:b": c.that} {
			if got := before[name] == after[name] && after[name] != ""; got != stays {
				t.Errorf("%s: %s stays: got %t, want %t", c.name, name, got, stays)
			}
		}
	}
}
