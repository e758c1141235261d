package snapshot

import (
	"errors"
	"io/fs"
	"reflect"
	"testing"
	"testing/fstest"
	"time"
)

func TestMemory(t *testing.T) {
	m := Memory{"a_info": []byte("info"), "a_stat": nil, ManifestName: []byte("x"), "unheard of": {0}}
	if err := fstest.TestFS(m, "a_info", "a_stat", ManifestName, "unheard of"); err != nil {
		t.Error(err)
	}
	if got := m.Size(); got != 6 {
		t.Errorf("Size: got %d, want 6", got)
	}
	c := m.Clone()
	delete(m, "a_info")
	if _, err := m.Open("a_info"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of what was removed: got %v, want %v", err, fs.ErrNotExist)
	}
	if len(c) != 4 {
		t.Errorf("the clone has %d files, want 4", len(c))
	}
}

// TestMemorySnapshot reads the manifest, if this version can.
func TestMemorySnapshot(t *testing.T) {
	round := Round{SocketsFailed: 1, Failures: []Failure{{"a", "reset"}}, Duration: time.Second, Skew: time.Millisecond}
	text, err := NewManifest(round, nil).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		manifest []byte
		want     *Round
		err      error
	}{
		{"a manifest", text, &round, nil},
		{"none, as the original's", nil, nil, nil},
		{"one of a later version", []byte("haproxystats manifest 99\n"), nil, nil},
		{"a damaged one", text[1:], nil, ErrDamaged},
	} {
		m := Memory{"a_info": nil}
		if c.manifest != nil {
			m[ManifestName] = c.manifest
		}
		s, err := m.Snapshot("lb1", "edge", 7)
		if !errors.Is(err, c.err) || !reflect.DeepEqual(s.Round, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v, %v", c.name, s.Round, err, c.want, c.err)
		}
		if err == nil && (s.Node != "lb1" || s.Cluster != "edge" || s.Epoch != 7) {
			t.Errorf("%s: got %+v, want lb1, edge, 7", c.name, s)
		}
	}
}
