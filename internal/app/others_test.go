package app

import (
	"os"
	"path/filepath"
	"testing"

	"haproxystats/internal/config"
)

// TestSeries: aggregation makes what outputs other than Graphite need if one of them is
// configured.
func TestSeries(t *testing.T) {
	const brokers = "[kafka]\nbrokers = localhost:9092\n"
	for _, c := range []struct {
		text string
		want bool
	}{
		{"[graphite]\nserver = localhost\n", false},
		{"[local-store]\ndir = /tmp\n", false},
		{"[events]\nfile = /tmp/events\n", false},
		{brokers, false},
		{brokers + "topic = lines\n", false},
		{brokers + "topic = objects\nformat = json\n", true},
		{brokers + "topic = lines\n[kafka:other]\ntopic = more\nformat = influx\n", true},
		{brokers + "[forward]\nmode = snapshots\ncluster = eu\n", false},
		{brokers + "[forward]\nmode = tables\ncluster = eu\n", true},
		{"[prometheus]\n", true},
	} {
		file := filepath.Join(t.TempDir(), "haproxystats.conf")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(config.ForProcess, config.Files{File: file, Required: true}, CheckPatterns)
		if err != nil {
			t.Fatal(c.text, err)
		}
		options, err := AggregateOptions(&loaded.Config, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if options.Series != c.want {
			t.Errorf("%q: got Series %t, want %t", c.text, options.Series, c.want)
		}
	}
}
