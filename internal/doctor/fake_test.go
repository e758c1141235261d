package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// host is a made-up host.
type host struct {
	files map[string]File
	real  map[string]string // of links
	disks map[string]Disk
	// closed are paths that this process can't look at.
	closed map[string]bool
}

func (h host) Stat(path string) (File, error) {
	if h.closed[path] {
		return File{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrPermission}
	}
	f, ok := h.files[path]
	if !ok {
		return File{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return f, nil
}

func (h host) Real(path string) (string, error) {
	if real, ok := h.real[path]; ok {
		return real, nil
	}
	return path, nil
}

func (h host) Disk(path string) (Disk, error) {
	d, ok := h.disks[path]
	if !ok {
		return Disk{}, &fs.PathError{Op: "statfs", Path: path, Err: errors.New("input/output error")}
	}
	return d, nil
}

// Numbers that no host has names for.
const (
	haproxyUID, haproxyGID = 64101, 64102
	ourUID, ourGID         = 64103, 64104
)

var us = User{Name: "haproxystats", UID: ourUID, GIDs: []int{ourGID}, Group: "haproxystats"}

func dir(uid, gid uint32, mode fs.FileMode) File {
	return File{Mode: fs.ModeDir | mode, UID: uid, GID: gid}
}

func socket(uid, gid uint32, mode fs.FileMode) File {
	return File{Mode: fs.ModeSocket | mode, UID: uid, GID: gid}
}

// with returns a host with a root that everybody can pass.
func with(files map[string]File) host {
	all := map[string]File{"/": dir(0, 0, 0o755), "/run": dir(0, 0, 0o755), "/var": dir(0, 0, 0o755)}
	for path, f := range files {
		all[path] = f
	}
	return host{files: all}
}

// check compares a finding with parts of its text and remedy.
func check(t *testing.T, got Finding, verdict Verdict, text, remedy string) {
	t.Helper()
	if got.Verdict != verdict || !strings.Contains(got.Text, text) || !strings.Contains(got.Remedy, remedy) || (remedy == "") != (got.Remedy == "") {
		t.Errorf("got %s\nwant %s: ...%s... remedy ...%s...", show(got), verdict, text, remedy)
	}
	if first, _ := utf8.DecodeRuneInString(got.Remedy); unicode.IsLower(first) {
		t.Errorf("got the remedy %q, want a sentence", got.Remedy)
	}
}

func show(f Finding) string {
	return fmt.Sprintf("%s %s %s: %s remedy %s", f.Verdict, f.Check, f.Subject, f.Text, f.Remedy)
}
