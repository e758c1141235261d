package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestConfigAsksForGraphite asks again after a bad answer, and takes an empty one.
func TestConfigAsksForGraphite(t *testing.T) {
	for _, test := range []struct{ answers, want, told string }{
		{"http://x\n graphite:2004 \n", "\nserver = graphite:2004\n", "a URL is not accepted\n"},
		{"\n", "\nserver = 127.0.0.1\n", "no destination was named"},
		{"", "\nserver = 127.0.0.1\n", "no destination was named"},
	} {
		var stdout, stderr strings.Builder
		err := writeConfig(configOptions{ask: true}, fstest.MapFS{}, strings.NewReader(test.answers), &stdout, &stderr)
		if err != nil || !strings.Contains(stdout.String(), test.want) || !strings.Contains(stderr.String(), test.told) {
			t.Errorf("%q: got %v, %s%s, want %q and %q", test.answers, err, stdout.String(), stderr.String(), test.want, test.told)
		}
	}
	var stdout, stderr strings.Builder
	if err := writeConfig(configOptions{ask: true, prometheus: true}, fstest.MapFS{}, strings.NewReader(""), &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "Server of Graphite") {
		t.Errorf("got %s, want no question", stderr.String())
	}
}

// TestWriteFileKeepsTheRace never replaces a file that has appeared meanwhile, and leaves
// nothing behind.
func TestWriteFileKeepsTheRace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f.conf")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(file, "new", false); err == nil || !strings.Contains(err.Error(), "exists: name another file") {
		t.Errorf("got %v, want an error", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "old" {
		t.Errorf("got %q, want the old file", got)
	}
	if err := writeFile(file, "new", true); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(file)
	info, err := os.Stat(file)
	if err != nil || string(got) != "new" || info.Mode().Perm() != 0o640 {
		t.Errorf("got %q, %v, %v, want the new file with mode 0640", got, info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %v, want one file", entries)
	}
}
