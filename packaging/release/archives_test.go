package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// archive writes an archive with a text in each file, and this test for each program.
func archive(t *testing.T, path, root string, names ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(f, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, name := range names {
		text := []byte("text")
		if strings.HasPrefix(name, "bin/") {
			text = program
		}
		if err := w.WriteHeader(&tar.Header{Name: root + "/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{w, z, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchives(t *testing.T) {
	self := runtime.GOOS + "-" + runtime.GOARCH
	root := "haproxystats-1.0.0-" + self
	for _, c := range []struct {
		name, root, system string
		names              []string
		want               string
	}{
		{"whole", root, self, archived, ""},
		{"of another system", strings.Replace(root, self, "plan9-386", 1), "plan9-386", archived, "bin/check_haproxystats: it was built for " + self},
		{"without a page", root, self, archived[:len(archived)-1], "it lacks share/man/man5/haproxystats.conf.5"},
		{"of another version", "haproxystats-0.9.0-" + self, self, archived, "is not in " + root},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &release{checkout: repository(t.TempDir()), version: version{major: 1, candidate: final}, commands: commands{systems: []string{c.system}}}
			err := r.hasArchives(t.Context())
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("without an archive: %v", err)
			}
			archive(t, filepath.Join(r.kept(), "haproxystats-1.0.0-"+c.system+".tar.gz"), c.root, c.names...)
			err = r.hasArchives(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
