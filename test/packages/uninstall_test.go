package packages

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUninstall installs into an empty directory, and removes all but the configuration and
// what others have there.
func TestUninstall(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	if err := copySource(source); err != nil {
		t.Fatal(err)
	}
	// Stand-ins are installed like programs, and need no build.
	for _, name := range []string{"haproxystats", "haproxystats-pull", "haproxystats-process", "haproxystats-central", "check_haproxystats"} {
		path := filepath.Join(source, "bin", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, prefix := range []string{"/usr/local", "/opt/ours"} {
		root := t.TempDir()
		run := func(target string) {
			t.Helper()
			if out, err := exec.Command("make", "-C", source, target, "DESTDIR="+root, "PREFIX="+prefix).CombinedOutput(); err != nil {
				t.Fatalf("make %s: %v\n%s", target, err, out)
			}
		}
		files := func() (all []string) {
			t.Helper()
			err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
				if err == nil && (!e.IsDir() || e.Name() == "haproxystats") {
					all = append(all, strings.TrimPrefix(path, root))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		others := filepath.Join(root, prefix, "share/man/man1/other.1")
		spool := filepath.Join(root, "var/lib/haproxystats/incoming/1700000000/a_info")
		for _, path := range []string{others, spool} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		const shared = 0o775 // of a group that may install manual pages
		if err := os.Chmod(filepath.Dir(others), shared); err != nil {
			t.Fatal(err)
		}
		run("install")
		if info, err := os.Stat(filepath.Dir(others)); err != nil || info.Mode().Perm() != shared {
			t.Errorf("a directory that existed has another mode: %v, %v, want %v", info.Mode(), err, fs.FileMode(shared))
		}
		if got := len(files()); got < 40 {
			t.Fatalf("make install has installed %d files", got)
		}
		run("uninstall")
		want := []string{"/etc/haproxystats.conf", prefix + "/share/man/man1/other.1", "/var/lib/haproxystats", "/var/lib/haproxystats/incoming/1700000000/a_info"}
		slices.Sort(want)
		got := files()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("after make uninstall: got %q, want %q", got, want)
		}
		run("uninstall") // what is gone is no error
	}
}
