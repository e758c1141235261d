package spool

import (
	"io/fs"
	"path/filepath"
	"strings"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// isEntry reports whether the directory is named as an entry, one that was given up
// included, and holds nothing but what this program and haproxystats-pull put into
// one. An empty one is an entry. Where the directory can't be read it is none.
func isEntry(path string) bool {
	if _, ok := numbered(filepath.Base(path)); !ok {
		return false
	}
	dir, err := durable.OpenDir(path)
	if err != nil {
		return false
	}
	defer dir.Close()
	_, ours, err := contentOf(dir)
	return ours && err == nil
}

// contentOf lists a directory, and reports whether it holds nothing but replies, a
// manifest, what the manifest names, and the marks of a queue.
func contentOf(dir *durable.Dir) (names []string, ours bool, err error) {
	regular := true
	if err := dir.List(func(e fs.DirEntry) {
		names = append(names, e.Name())
		regular = regular && e.Type().IsRegular()
	}); err != nil {
		return nil, false, err
	}
	if !regular {
		return names, false, nil
	}
	var known map[string]bool
	for _, name := range names {
		if snapshot.IsReply(name) || name == snapshot.ManifestName || isMark(name) {
			continue
		}
		if known == nil {
			known = manifestNames(dir)
		}
		if !known[name] {
			return names, false, nil
		}
	}
	return names, true, nil
}

// manifestNames returns the names of the files that the manifest of a directory
// names, if it has one that can be read.
func manifestNames(dir *durable.Dir) map[string]bool {
	known := make(map[string]bool)
	f, err := dir.OpenRegular(snapshot.ManifestName)
	if err != nil {
		return known
	}
	defer f.Close()
	m, _ := snapshot.ReadManifest(f)
	for _, file := range m.Files {
		known[file.Name] = true
	}
	return known
}

// isMark reports whether a name is that of a mark in an entry.
func isMark(name string) bool {
	for _, kind := range []string{tryMark, claimMark} {
		if number, ok := strings.CutPrefix(name, kind); ok {
			_, ok := parseEpoch(number)
			return ok && number != ""
		}
	}
	return false
}
