package app

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/selfstat"
)

// verifying opens the sinks of a configuration with these lines in [graphite].
func verifying(t *testing.T, lines string) (openSinks, *config.Config) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "haproxystats.conf")
	if err := os.WriteFile(file, []byte("[paths]\nbase-dir = "+dir+"\n[graphite]\nnamespace = lb\n"+lines), 0o640); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(config.ForProcess, config.Files{File: file, Required: true})
	if err != nil {
		t.Fatal(err)
	}
	sinks, err := openConfigured(setup{config: &loaded.Config, hostname: "h.example", log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sinks.close() })
	return sinks, &loaded.Config
}

func hostname() string { return "h.example" }

// TestVerifierAsks checks that the verifier asks for the self metric of this host, and that
// its result is in the metrics and the status.
func TestVerifierAsks(t *testing.T) {
	sinks, c := verifying(t, "verify-url = http://g/render\n")
	synctest.Test(t, func(t *testing.T) {
		var asked string
		v := sinks.verify(c, hostname, func(_ context.Context, address string, roots *x509.CertPool) ([]byte, error) {
			asked = address
			return nil, errors.New("refused")
		}, slog.New(slog.DiscardHandler))[0]
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if err := v.Run(ctx); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(asked)
		if err != nil || u.Query().Get("target") != "lb.h_example.haproxy.haproxystats.MetricsFrontend" {
			t.Errorf("got question %q, want one for the metric of this host", asked)
		}
		if got := verifiedStatus(sinks.verifiers[0].Status()); got.Cause != "refused" || got.Failing == 0 || got.Age != 90 {
			t.Errorf("got status %+v, want the cause and an age of 90s", got)
		}
		if got := sinks.stats[0].Age(); got != 90*time.Second {
			t.Errorf("got age %v, want 1m30s", got)
		}
		if !has(sinks.stats[0], "GraphiteVerifiedAge") {
			t.Error("there is no metric GraphiteVerifiedAge")
		}
	})
}

// TestVerifierIsNotThere checks that there is no verifier without verify-url.
func TestVerifierIsNotThere(t *testing.T) {
	sinks, c := verifying(t, "")
	if v := sinks.verify(c, hostname, nil, nil); len(v) > 0 || sinks.verifiers[0] != nil || has(sinks.stats[0], "GraphiteVerifiedAge") {
		t.Errorf("got verifier %v, want none and no metric", v)
	}
}

// TestVerifierAuthorities checks that ca-file is read for each question.
func TestVerifierAuthorities(t *testing.T) {
	sinks, c := verifying(t, "verify-url = https://g/render\nca-file = /nowhere/ca.pem\n")
	v := sinks.verify(c, hostname, nil, slog.New(slog.DiscardHandler))[0]
	if _, err := v.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "ca-file /nowhere/ca.pem") {
		t.Errorf("got %v, want the error of ca-file", err)
	}
}

func has(s selfstat.Sink, name string) bool {
	for _, c := range s.Columns() {
		if c.Name == name {
			return true
		}
	}
	return false
}
