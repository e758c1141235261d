package packages

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReproducible makes the packages again from a copy of the source, in another
// place and under another umask.
func TestReproducible(t *testing.T) {
	first := dist(t, newer)
	copied := filepath.Join(t.TempDir(), "elsewhere")
	if err := copySource(copied); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(t.TempDir(), "dist")
	mask := syscall.Umask(0o027)
	err := pack(copied, newer, "amd64,arm64", second)
	syscall.Umask(mask)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packed {
		if a, b := fileSum(t, filepath.Join(first, p.file)), fileSum(t, filepath.Join(second, p.file)); a != b {
			t.Errorf("%s: %s, then %s", p.file, a, b)
		}
	}
	// It has the sum of the bill of materials as well.
	if a, b := fileSum(t, filepath.Join(first, "SHA256SUMS")), fileSum(t, filepath.Join(second, "SHA256SUMS")); a != b {
		t.Error("SHA256SUMS differ")
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
