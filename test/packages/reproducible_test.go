package packages

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReproducible makes the packages again from a copy of the source, in another
// place and under another umask: all of them with PACKAGES=all, or those of one
// architecture.
func TestReproducible(t *testing.T) {
	first := dist(t, newer)
	copied := filepath.Join(t.TempDir(), "elsewhere")
	if err := copySource(copied); err != nil {
		t.Fatal(err)
	}
	arches := "amd64"
	if os.Getenv("PACKAGES") == "all" {
		arches = "amd64,arm64"
	}
	second := filepath.Join(t.TempDir(), "dist")
	mask := syscall.Umask(0o027)
	err := pack(copied, newer, arches, second)
	syscall.Umask(mask)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, p := range packed {
		if !strings.Contains(arches, p.arch) {
			continue
		}
		compared++
		if a, b := fileSum(t, filepath.Join(first, p.file)), fileSum(t, filepath.Join(second, p.file)); a != b {
			t.Errorf("%s: %s, then %s", p.file, a, b)
		}
	}
	if want := 3 * len(strings.Split(arches, ",")); compared != want {
		t.Errorf("%d packages were compared, want %d", compared, want)
	}
	if arches == "amd64,arm64" {
		if a, b := fileSum(t, filepath.Join(first, "SHA256SUMS")), fileSum(t, filepath.Join(second, "SHA256SUMS")); a != b {
			t.Error("SHA256SUMS differ")
		}
	}
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sum(content)
}
