package check

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

// TestOtherSystems makes the checks on a host on which the programs can't run. Its
// directories look as if they had run and nothing waited.
func TestOtherSystems(t *testing.T) {
	dir := t.TempDir()
	for _, end := range []string{"writer", "reader"} {
		if err := os.WriteFile(dir+"."+end+".lock", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i := Installation{
		System:     "freebsd",
		PullSocket: "pull", ProcessSocket: "process", SrcDir: dir, DstDir: filepath.Join(dir, "other"),
		Central: Central{Socket: "central"}, Patience: time.Minute, Interval: time.Minute,
		Ask: func(context.Context, string) (status.Document, error) { return status.Document{}, fs.ErrNotExist },
	}
	for _, m := range Modes() {
		if m.Name == Container {
			continue
		}
		got := run(m.Name, i, Request{Filled: m.Name == "age"})
		want := "runs on Linux only, and this host can't see it: no program answers at "
		if m.Name == All {
			want = "7 of 7 checks are not OK" // reloads and those of haproxystats-central are not configured
		}
		if got.Status != nagios.Unknown || !strings.Contains(got.Text, want) {
			t.Errorf("%s: got %v %s, want %v with %q", m.Name, got.Status, got.Text, nagios.Unknown, want)
		}
	}
	i.System = "linux"
	if got := run("pull", i, Request{}); got.Status != nagios.Critical {
		t.Errorf("on Linux: got %v %s, want %v", got.Status, got.Text, nagios.Critical)
	}
	// A status socket that ssh forwards answers as everywhere.
	i.System, i.Ask = "darwin", says(processing(&status.Process{Waiting: 3, Workers: status.Workers{Configured: 4, Alive: 4}}))
	for mode, want := range map[string]string{"queue": "3 snapshots in ", "workers": "4 of 4 workers are alive"} {
		if got := run(mode, i, Request{}); got.Status != nagios.OK || !strings.Contains(got.Text, want) {
			t.Errorf("%s: got %v %s, want %v with %q", mode, got.Status, got.Text, nagios.OK, want)
		}
	}
}
