package spool

import (
	"fmt"
	"os"
	"path/filepath"

	"pgregory.net/rapid"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// damage changes an entry as a disk, or somebody else, may.
func (m *machine) damage(t *rapid.T) {
	epoch, files := pick(t, m.in)
	if m.held[epoch] != nil || m.wrong[epoch] || files == 0 {
		t.Skip("held, empty, or damaged already")
	}
	entry := filepath.Join(m.dir, fmt.Sprint(epoch))
	path := filepath.Join(entry, fmt.Sprintf("f%d_stat", rapid.IntRange(0, files-1).Draw(t, "file")))
	if _, err := os.Stat(filepath.Join(entry, snapshot.ManifestName)); err != nil {
		t.Skip("it has no manifest any more")
	}
	switch rapid.SampledFrom([]string{"flip", "cut", "lose", "add", "lose manifest", "cut manifest"}).Draw(t, "damage") {
	case "flip":
		b, err := os.ReadFile(path)
		m.must(err)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		m.must(os.WriteFile(path, b, durable.FileMode))
	case "cut":
		m.must(os.Truncate(path, int64(rapid.IntRange(0, 2000).Draw(t, "length"))))
	case "lose":
		m.must(os.Remove(path))
	case "add":
		m.must(os.WriteFile(filepath.Join(entry, "invented"), nil, durable.FileMode))
		return
	case "lose manifest":
		if _, err := os.Stat(filepath.Join(entry, "invented")); err == nil {
			t.Skip("nothing would tell it from the others")
		}
		m.must(os.Remove(filepath.Join(entry, snapshot.ManifestName)))
		return
	case "cut manifest":
		m.must(os.Truncate(filepath.Join(entry, snapshot.ManifestName), int64(rapid.IntRange(0, 60).Draw(t, "length"))))
	}
	m.wrong[epoch] = true
}
