package cli

import (
	"os"
	"os/user"
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

// TestConfigOnOtherSystems tells what can't be seen there, and what the file is for.
func TestConfigOnOtherSystems(t *testing.T) {
	const seen, use = "HAProxy's processes can't be seen on freebsd", "run on Linux only: here doctor, paths, replay and top read it"
	for _, test := range []struct {
		options   configOptions
		seen, use bool
	}{
		{configOptions{system: "freebsd"}, true, true},
		{configOptions{system: "freebsd", servers: "tcp://127.0.0.1:1"}, false, true},
		{configOptions{system: "linux"}, false, false},
	} {
		var stdout, stderr strings.Builder
		if err := writeConfig(test.options, fstest.MapFS{}, strings.NewReader(""), &stdout, &stderr); err != nil {
			t.Fatal(err)
		}
		if got := stderr.String(); strings.Contains(got, seen) != test.seen || strings.Contains(got, use) != test.use {
			t.Errorf("%+v: got %s", test.options, got)
		}
	}
}

func TestNothingToReloadOnOtherSystems(t *testing.T) {
	if err := canReload("freebsd"); err == nil || !strings.Contains(err.Error(), "none can be reloaded on freebsd: run this command on the host of the program") {
		t.Errorf("got %v", err)
	}
	if err := canReload("linux"); err != nil {
		t.Error(err)
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

// TestOwnerOf keeps the owner of a file that is replaced, and lets the programs read a new one
// of root's.
func TestOwnerOf(t *testing.T) {
	lookup := func(gid string) func(string) (*user.Group, error) {
		return func(group string) (*user.Group, error) {
			if gid == "" || group != "haproxystats" {
				return nil, user.UnknownGroupError(group)
			}
			return &user.Group{Gid: gid, Name: group}, nil
		}
	}
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, file       string
		uid              int
		group            string
		wantUID, wantGID int
	}{
		{"new, of root", filepath.Join(dir, "new"), 0, "991", 0, 991},
		{"new, of root, without the group", filepath.Join(dir, "new"), 0, "", 0, 7},
		{"new, of another user", filepath.Join(dir, "new"), 5, "991", 5, 7},
		{"replaced", old, 5, "991", os.Getuid(), os.Getgid()},
	} {
		if uid, gid := ownerOf(test.file, test.uid, 7, lookup(test.group)); uid != test.wantUID || gid != test.wantGID {
			t.Errorf("%s: got %d:%d, want %d:%d", test.name, uid, gid, test.wantUID, test.wantGID)
		}
	}
}
