package spool

import (
	"io/fs"
	"path/filepath"
	"strings"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// isEntry reports whether the directory has the name of an entry, given up or not,
// and contains only files of haproxystats-pull and of this program. An empty
// directory is an entry; one that can't be read is not.
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

// contentOf lists a directory, and reports whether it contains only replies, files of
// accounts, events, a manifest, the files in the manifest, and marks.
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
		if snapshot.IsReply(name) || snapshot.IsAccount(name) || snapshot.IsCollected(name) || name == snapshot.EventsName || name == snapshot.ManifestName || isMark(name) {
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

// manifestNames returns the names of the files in the manifest of a directory, if it
// can be read.
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

// isMark reports whether a name is that of a mark.
func isMark(name string) bool {
	for _, kind := range []string{tryMark, claimMark} {
		if number, ok := strings.CutPrefix(name, kind); ok {
			_, ok := parseEpoch(number)
			return ok && number != ""
		}
	}
	return false
}
