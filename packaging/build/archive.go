package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// archived are the files of the checkout that go into an archive, by their patterns, with
// the directory that they go to. Below bin and share, an archive has what an operator
// copies to /usr/local.
var archived = []staged{
	{pattern: "LICENSE", to: "."},
	{pattern: "README.md", to: "."},
	{pattern: "CHANGELOG.md", to: "."},
	{pattern: "haproxystats.conf", to: "."},
	{pattern: "docs/*.md", to: "docs"},
	{pattern: "docs/man/haproxystats.1", to: "share/man/man1"},
	{pattern: "docs/man/check_haproxystats.1", to: "share/man/man1"},
	{pattern: "docs/man/haproxystats.conf.5", to: "share/man/man5"},
	{pattern: "contrib/completion/bash/haproxystats", to: "share/bash-completion/completions"},
	{pattern: "contrib/completion/bash/check_haproxystats", to: "share/bash-completion/completions"},
	{pattern: "contrib/completion/fish/haproxystats.fish", to: "share/fish/vendor_completions.d"},
	{pattern: "contrib/completion/fish/check_haproxystats.fish", to: "share/fish/vendor_completions.d"},
	{pattern: "contrib/completion/zsh/_haproxystats", to: "share/zsh/site-functions"},
	{pattern: "contrib/completion/zsh/_check_haproxystats", to: "share/zsh/site-functions"},
}

// archiveName returns the name of the archive for a system.
func archiveName(version string, t target) string {
	return archiveRoot(version, t) + ".tar.gz"
}

// archiveRoot returns the directory that an archive has everything in.
func archiveRoot(version string, t target) string {
	return "haproxystats-" + version + "-" + t.system + "-" + t.arch
}

// member is a file of an archive.
type member struct {
	mode int64
	text []byte
}

// writeArchive writes the archive for a system: its programs, their pages and completion.
func writeArchive(o order, t target, programs []program, modules []module) error {
	members := map[string]member{"licenses.txt": {0o644, licenceTexts(modules)}}
	for _, f := range archived {
		paths, err := filepath.Glob(f.pattern)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			return f.missing()
		}
		for _, file := range paths {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			members[path.Join(f.to, filepath.Base(file))] = member{0o644, text}
		}
	}
	for _, p := range programs {
		if p.target != t {
			continue
		}
		text, err := os.ReadFile(p.path)
		if err != nil {
			return err
		}
		members["bin/"+p.name] = member{0o755, text}
	}
	text, err := packArchive(o, archiveRoot(o.version, t), members)
	if err != nil {
		return fmt.Errorf("archive for %v: %w", t, err)
	}
	return os.WriteFile(filepath.Join(o.out, archiveName(o.version, t)), zip(text), 0o644)
}

// packArchive returns a tar of members below root, in the order of their names. Everything
// has the date of the order and belongs to user and group 0.
func packArchive(o order, root string, members map[string]member) ([]byte, error) {
	names := map[string]bool{root + "/": true}
	for name := range members {
		full := root + "/" + name
		names[full] = true
		for dir := path.Dir(full); dir != root; dir = path.Dir(dir) {
			names[dir+"/"] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range sorted {
		h := tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: o.date, Format: tar.FormatUSTAR}
		m := members[strings.TrimPrefix(name, root+"/")]
		if !strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode, h.Size = tar.TypeReg, m.mode, int64(len(m.text))
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
