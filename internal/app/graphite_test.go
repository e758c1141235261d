package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/config"
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
