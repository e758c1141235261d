package aggregate

import (
	"bytes"
	"testing"

	"haproxystats/internal/metric"
	"haproxystats/internal/snapshot"
)

// sent returns a snapshot as it arrives after its records have travelled.
func sent(t *testing.T, s snapshot.Snapshot) snapshot.Snapshot {
	t.Helper()
	files := s.Files.(snapshot.Memory).Clone()
	var list []snapshot.File
	for name, text := range files {
		list = append(list, snapshot.File{Name: name, Size: int64(len(text)), CRC: snapshot.Sum(0, text)})
	}
	manifest, err := snapshot.NewManifest(*s.Round, list).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	files[snapshot.ManifestName] = manifest
	s.Files = files
	d := snapshot.NewDecoder(1 << 20)
	err = snapshot.Encode(s, snapshot.MinRecord, func(b []byte) error {
		r, err := snapshot.ParseRecord(bytes.Clone(b))
		if err != nil {
			return err
		}
		return d.Add(r)
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestTotalsOfNodes: the totals of a cluster are exact over a reload, whether nodes send
// their snapshots or their tables.
func TestTotalsOfNodes(t *testing.T) {
	s := accounted(t, snapshot.Old)
	arrived := sent(t, s)
	if arrived.Round == nil || len(arrived.Round.Accounts) != 1 || len(arrived.Round.Accounts[0].Instances) != 2 {
		t.Fatalf("got the round %+v, want one account of two workers", arrived.Round)
	}
	a := New(Options{})
	for _, snap := range []snapshot.Snapshot{s, arrived} {
		addBatch(a, snap.Node, batch(t, Options{Processes: true}, snap))
	}
	check(t, a.Batch(1050), []wanted{
		{metric.Frontend, "", "web", "stot", 2 * (100 + 10 + 7)},
		{metric.Frontend, "", "web", "scur", 2 * (1 + 20)},
		{metric.Server, "app", "a1", "stot", 2 * (1000 + 4)},
		{metric.Server, "app", "gone", "stot", 2 * (2000 + 6)},
		{metric.Daemon, "", "", "CumReq", 2 * (1000 + 7 + 5)},
		{metric.Daemon, "", "", "OldWorkers", 2},
		{metric.Daemon, "", "", "OldWorkersConns", 2 * 30},
		{metric.Daemon, "", "", "OldestWorkerSec", 50},
		{metric.Daemon, "", "", "Maxconn", 2 * 100},
		{metric.Server, "app", "a1", "state", 1},
	})
}
