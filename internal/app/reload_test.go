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
