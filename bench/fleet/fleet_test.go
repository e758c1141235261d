package fleet

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/bench/workload"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == CommandName {
		if err := Command(os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func plan(t *testing.T) Plan {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Plan{
		Program: program, Dir: t.TempDir(), Seed: 1, Progress: io.Discard,
		Size:  workload.Size{Name: "small", Processes: 2, Frontends: 3, Backends: 4, Servers: 9},
		Nodes: 30, Shards: 3, Windows: 12, Crashes: 6,
	}
}

// TestFleet: whatever comes late, twice or not at all, and however often the reader is
// killed, the last values of each window are those of one aggregation.
func TestFleet(t *testing.T) {
	p := plan(t)
	r, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if r.Windows != p.Windows || r.Wrong != 0 || r.Missing != 0 {
		t.Errorf("got %d windows, %d wrong, %d missing, want %d, none and none", r.Windows, r.Wrong, r.Missing, p.Windows)
	}
	if r.Crashes < p.Crashes/2 {
		t.Errorf("got %d crashes, want %d or nearly as many", r.Crashes, p.Crashes)
	}
	if least := p.Windows * p.Shards; r.Emissions <= least {
		t.Errorf("got %d emissions, want more than %d: late nodes correct windows", r.Emissions, least)
	}
	if r.Records == 0 || r.Bytes == 0 || r.CPU == 0 || r.Peak == 0 {
		t.Errorf("got %+v, want all of it measured", r)
	}
}

// TestWrongIsSeen: a window with other values, or none, is counted.
func TestWrongIsSeen(t *testing.T) {
	p := plan(t)
	p.Windows, p.Crashes, p.Shards = 2, 0, 1
	n, err := newNodes(p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.write()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.read(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for epoch := range n.want {
		n.want[epoch]++
		break
	}
	n.want[workload.Epoch(5)] = 1
	if err := r.compare(p, n.want); err != nil {
		t.Fatal(err)
	}
	if r.Windows != 3 || r.Wrong != 1 || r.Missing != 1 {
		t.Errorf("got %d windows, %d wrong, %d missing, want 3, 1 and 1", r.Windows, r.Wrong, r.Missing)
	}
}

// TestDamagedLog: a reader that can't go on says so.
func TestDamagedLog(t *testing.T) {
	p := plan(t)
	dir := partition(p.Dir, 0)
	w, err := create(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.write(record{frame: []byte("nothing that")})
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if err := commit(dir, committed{}); err != nil {
		t.Fatal(err)
	}
	p.Shards = 1
	var r Result
	if _, err := r.reader(t.Context(), p, 0); err == nil {
		t.Error("got nil, want an error")
	}
	if err := os.WriteFile(filepath.Join(dir, logFile), []byte("short"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := r.reader(t.Context(), p, 0); err == nil {
		t.Error("a short log: got nil, want an error")
	}
}
