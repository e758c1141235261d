package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var date = time.Unix(1700000000, 0).UTC()

// TestPack: the archive has the files of the chart, with the versions, and nothing else.
func TestPack(t *testing.T) {
	archive, err := pack(os.DirFS("../../"+source), "1.2.3-rc.1", "https://example.com/", date)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	if !zip.ModTime.IsZero() || zip.Name != "" {
		t.Errorf("gzip has the time %v and the name %q, want none", zip.ModTime, zip.Name)
	}
	files := make(map[string]string)
	first := ""
	for r := tar.NewReader(zip); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = header.Name
		}
		if !header.ModTime.Equal(date) || header.Mode != 0o644 || header.Uname != "" {
			t.Errorf("%s has the time %v, the mode %o and the owner %q", header.Name, header.ModTime, header.Mode, header.Uname)
		}
		files[header.Name] = string(text)
	}
	if first != "haproxystats/Chart.yaml" {
		t.Errorf("the first file is %s, want Chart.yaml", first)
	}
	for _, line := range []string{"\nversion: 1.2.3-rc.1\n", "\nappVersion: 1.2.3-rc.1\n", "\nhome: https://example.com/\n"} {
		if !strings.Contains(files[first], line) {
			t.Errorf("Chart.yaml has no %q:\n%s", line, files[first])
		}
	}
	for _, name := range []string{"values.yaml", "values.schema.json", "README.md", "files/haproxystats.yml", "templates/_helpers.tpl", "templates/NOTES.txt", "templates/daemonset.yaml"} {
		want, err := os.ReadFile("../../" + source + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if files["haproxystats/"+name] != string(want) {
			t.Errorf("%s is not that of the checkout", name)
		}
	}
	if _, ok := files["haproxystats/.helmignore"]; ok {
		t.Error("the archive has .helmignore")
	}

	again, err := pack(os.DirFS("../../"+source), "1.2.3-rc.1", "https://example.com/", date)
	if err != nil || !bytes.Equal(again, archive) {
		t.Errorf("the second archive is another one: %v", err)
	}
}

// TestRefused: a chart whose version can't be set is not packed.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		chart fstest.MapFS
		want  string
	}{
		"no Chart.yaml": {fstest.MapFS{}, "open Chart.yaml: file does not exist"},
		"no version":    {fstest.MapFS{"Chart.yaml": {Data: []byte("appVersion: 1\nhome: a\n")}}, "Chart.yaml has 0 lines of version, want 1"},
		"twice":         {fstest.MapFS{"Chart.yaml": {Data: []byte("version: 1\nappVersion: 1\nhome: a\nhome: b\n")}}, "Chart.yaml has 2 lines of home, want 1"},
		"a symbolic link": {fstest.MapFS{
			"Chart.yaml": {Data: []byte("version: 1\nappVersion: 1\nhome: a\n")},
			"link":       {Mode: os.ModeSymlink},
		}, "link is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pack(tt.chart, "1.0.0", "https://example.com/", date); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if err := run([]string{"-version", "1.0.0"}); err == nil || !strings.Contains(err.Error(), "make chart") {
		t.Errorf("without a date: got %v, want what to run", err)
	}
}
