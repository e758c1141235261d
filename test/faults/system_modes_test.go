package faults

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/haproxysim"
	"haproxystats/test/faults/harness"
)

// TestModes has both programs make all that they make without any umask: no
// other user may look into it.
func TestModes(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "umask 0", "files 0640, directories 0750")
	s := harness.NewSite(t)
	src := s.Source(harness.Shape{})
	graphite := s.Graphite(src)
	graphite.Kill() // so that there is a queue before it
	conf := s.Configure(harness.Config{Source: src, Port: graphite.Port(), LocalStore: true})
	without := []string{"sh", "-c", `umask 0 && exec "$@"`, "sh"}
	watch := s.WatchQueue(s.Incoming())
	pull := s.Launch(harness.Launch{Name: harness.Pull, Conf: conf, Prefix: without})
	process := s.Launch(harness.Launch{Name: harness.Process, Conf: conf, Prefix: without})
	queue := s.Path("base", "queue", "graphite")
	watch.WaitCame(1)
	s.Until("a snapshot in both queues of sinks", retried, func() bool { return holds(queue) && holds(s.Path("base", "local-store")) })
	// And one in the making, and one between the programs.
	process.Freeze()
	watch.WaitCame(watch.Count() + 1)
	src.Socket(0).SetFault(haproxysim.Fault{Kind: haproxysim.Stall, At: 10})
	s.Until("a snapshot in the making", 5*time.Second, func() bool {
		files, _ := filepath.Glob(filepath.Join(s.Incoming()+".tmp", "*", "*_info"))
		return len(files) > 0
	})
	pull.Freeze()

	row.Inject(1)
	seen := 0
	kinds := make(map[string]int)
	s.Must(filepath.WalkDir(s.Base(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == s.Base() || path == s.Incoming() { // those are the test's own
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o640)
		switch {
		case e.IsDir():
			want = fs.ModeDir | 0o750
		case strings.HasSuffix(path, ".status"): // whoever is in the group may ask
			want = fs.ModeSocket | 0o660
		case strings.HasSuffix(path, ".status.lock"): // but not lock
			want = 0o600
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		rel, err := filepath.Rel(s.Base(), path)
		kinds[filepath.Dir(rel)]++
		seen++
		return err
	}))
	if kinds["queue/graphite"] == 0 || kinds["local-store"] == 0 || kinds["incoming"] == 0 || kinds["incoming.tmp"] == 0 || kinds["."] == 0 {
		t.Errorf("not everything is there: %v", kinds)
	}
	row.Result("%d files and directories", seen)
}
