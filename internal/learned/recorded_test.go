package learned

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/haproxy"
)

// recorded returns what real HAProxy of a version has said in `show info typed` and `show stat
// typed`. Descriptions are in no recording, and neither is a build with QUIC.
func recorded(t *testing.T, version string) []haproxy.Typed {
	t.Helper()
	var all []haproxy.Typed
	for _, kind := range []string{"info", "stat"} {
		file, err := os.ReadFile(filepath.Join("../../testdata/typed", version+"-"+kind+".txt.gz"))
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unzipped)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, haproxy.ReadTyped(text)...)
	}
	if len(all) < 200 {
		t.Fatalf("got %d typed fields of %s, want at least 200", len(all), version)
	}
	return all
}

// versions returns those that are recorded.
func versions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/typed/*-stat.txt.gz")
	if err != nil || len(files) < 10 {
		t.Fatalf("got the recordings %q, %v, want ten versions", files, err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), "-stat.txt.gz")
	}
	return files
}

// TestNothingNewInRecordings: the catalogue has each number of each recorded version, also those
// of 3.5, so none is learned. The text "(null)" of 2.8.0 is no reason for a warning.
func TestNothingNewInRecordings(t *testing.T) {
	var log bytes.Buffer
	s := Open(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, version := range versions(t) {
		if s.Learn(version, recorded(t, version)) || log.Len() > 0 {
			t.Errorf("%s: got %v and the log %q, want nothing new", version, s.Fields(), &log)
			log.Reset()
		}
	}
}

type learnedAs struct {
	Nature  catalogue.Nature
	Combine catalogue.Combine
}

// TestLearnRecorded: a catalogue without the fields that came after 3.0 learns them from what
// HAProxy 3.5-dev5 has said.
func TestLearnRecorded(t *testing.T) {
	older := make(map[name]bool)
	for _, version := range versions(t) {
		if version[0] < '3' || strings.HasPrefix(version, "3.0.") {
			for _, f := range recorded(t, version) {
				older[name{scopes[f.Row], f.Name}] = true
			}
		}
	}
	s := Open(Options{File: filepath.Join(t.TempDir(), "learned")})
	s.isKnown = func(f haproxy.Typed) bool { return older[name{scopes[f.Row], f.Name}] }
	if !s.Learn("3.5-dev5", recorded(t, "3.5-dev5")) {
		t.Error("got nothing new, want the fields that came after 3.0")
	}
	got := make(map[string]learnedAs)
	again := Open(s.opt)
	for _, shown := range again.Fields() {
		for in, word := range words {
			if word == shown.Rows {
				f, _ := again.Lookup(in, shown.Field)
				got[word+" "+shown.Field] = learnedAs{f.Nature, f.Combine}
			}
		}
	}
	counter, gauge := learnedAs{catalogue.Counter, catalogue.Sum}, learnedAs{catalogue.Gauge, catalogue.Sum}
	want := map[string]learnedAs{
		"frontend cache_hint_hits": counter, "backend cache_hint_hits": counter,
		"process CurrStreams": gauge, "server priv_idle_cur": gauge,
		"process NbThreadGroups": {catalogue.Gauge, catalogue.Largest}, // configured
		// These only grow, but HAProxy calls them gauges.
		"process BlockedTrafficWarnings": gauge, "process CumStreams": gauge, "process PatternsAdded": gauge, "process PatternsFreed": gauge,
	}
	for _, row := range []string{"frontend", "backend", "server", "listener"} {
		for _, field := range []string{"reqbin", "reqbout", "resbin", "resbout"} {
			want[row+" "+field] = counter
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// TestNaturesOfRecorded: by their tags the recorded fields are counters where they are counters
// of the catalogue, but for the fields whose tags are wrong.
func TestNaturesOfRecorded(t *testing.T) {
	wrong := make(map[string]bool)
	for _, version := range versions(t) {
		for _, f := range recorded(t, version) {
			lookup := catalogue.LookupStat
			if f.Row == 0 {
				lookup = catalogue.LookupInfo
			}
			known, ok := lookup(f.Name)
			if !ok {
				continue // TestNothingNewInRecordings reports it
			}
			if fieldOf(f).IsCounter() != known.IsCounter() {
				wrong[f.Name] = true
			}
		}
	}
	want := []string{
		"BlockedTrafficWarnings", "CumStreams", "DebugCommandsIssued", "DroppedLogs", "FailedResolutions", "PatternsAdded", "PatternsFreed",
		"TotalBytesOut", "TotalSplicdedBytesOut", "TotalSplicedBytesOut", // counters, tagged as gauges
		"srid", // a key, tagged as a counter
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(wrong))); diff != "" {
		t.Errorf("fields whose tags are wrong (-want +got):\n%s", diff)
	}
}
