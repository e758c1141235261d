package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
)

// loadText loads a configuration for haproxystats-process.
func loadText(t *testing.T, text string, checks ...config.Check) (*config.Loaded, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxystats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.ForProcess, config.Files{File: file, Required: true}, checks...)
}

// TestGraphiteNames checks that sections whose self metrics would share a name are refused,
// with the position of the section.
func TestGraphiteNames(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[graphite:a.b]\nnamespace = a\n[graphite:a-b]\nnamespace = b\n", ":3: [graphite:a-b] server = \"127.0.0.1\": a metric of haproxystats itself would have the name GraphiteABSentMetrics, as one of [graphite:a.b] has. Give the section another name"},
		{"[graphite:a]\nserver = b\n[graphite:b]\nserver = c\n", ""},
		{"[graphite:a.b]\nserver = b\nenabled = false\n[graphite:a-b]\nserver = c\n", ""},
	} {
		_, err := loadText(t, c.text, checkGraphiteNames)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasSuffix(err.Error(), c.want)):
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
}

// TestGraphiteTags: the configuration refuses each tag that tagged paths have, and takes it
// for dotted paths.
func TestGraphiteTags(t *testing.T) {
	for _, name := range append([]string{"dc"}, plaintext.TagNames...) {
		_, err := loadText(t, "[graphite]\ntags = "+name+"=x\n")
		if err != nil {
			t.Errorf("dotted, tag %s: got %v, want no error", name, err)
		}
		_, err = loadText(t, "[graphite]\npath-style = tagged\ntags = "+name+"=x\n")
		if want := name != "dc"; want != (err != nil && strings.Contains(err.Error(), "has another meaning with path-style = tagged")) {
			t.Errorf("tagged, tag %s: got %v", name, err)
		}
	}
}

// TestGraphitePaths: style and tags of a section reach its paths.
func TestGraphitePaths(t *testing.T) {
	l, err := loadText(t, "[graphite]\nnamespace = lb\nfqdn = no\ntags = b=2, a=1\n[graphite:t]\nserver = t\npath-style = tagged\nfqdn = yes\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range l.Config.GraphiteSections() {
		got = append(got, GraphitePaths(g.Options, "h.example").Self("h.example", "M"))
	}
	want := []string{
		`seriesByTag("name=lb.h.haproxy.haproxystats.M","a=1","b=2")`,
		`seriesByTag("name=lb.haproxy.haproxystats.M","a=1","b=2","host=h.example","type=haproxystats")`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
