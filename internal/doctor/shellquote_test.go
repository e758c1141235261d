package doctor

import (
	"os/exec"
	"testing"
)

// TestShellQuote checks that a shell reads the quoted words unchanged.
func TestShellQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/run/haproxy/admin-1.sock": "/run/haproxy/admin-1.sock",
		"":                          "''",
		"/run/a b":                  "'/run/a b'",
		"/run/a;reboot":             "'/run/a;reboot'",
		"/run/$(reboot)`reboot`":    "'/run/$(reboot)`reboot`'",
		`/run/it's\n*"`:             `'/run/it'\''s\n*"'`,
		"/run/ä|b&c>d":              "'/run/ä|b&c>d'",
	} {
		got := shellQuote(path)
		out, err := exec.Command("sh", "-c", "printf %s "+got).Output()
		if got != want || err != nil || string(out) != path {
			t.Errorf("shellQuote(%q): got %s, which a shell reads as %s (%v); want %s", path, got, out, err, want)
		}
	}
}

// TestRemediesOfAwkwardNames has a socket and a directory whose names are
// commands.
func TestRemediesOfAwkwardNames(t *testing.T) {
	const path, quoted = "/run/a b;reboot", "'/run/a b;reboot'"
	h := with(map[string]File{path: socket(0, 0, 0o660)})
	f := h.files[path]
	f.ACL = true
	h.files[path] = f
	check(t, SocketAccess(h, us, path, false), Warning, path, "getfacl "+quoted)

	closed := with(map[string]File{path: dir(0, 0, 0o700), path + "/in": dir(0, 0, 0o755)})
	check(t, Writable(closed, us, Directory{Option: "dst-dir", Path: path}), Error, path, "chown -R haproxystats:haproxystats "+quoted)
	check(t, Writable(closed, us, Directory{Option: "dst-dir", Path: path + "/in"}), Error, path, "setfacl -m u:haproxystats:x "+quoted)
	check(t, SocketDir(closed, us, path, 1), Error, path, "setfacl -m u:haproxystats:rx "+quoted)
	check(t, Writable(with(nil), us, Directory{Option: "dst-dir", Path: path}), Error, "can't be made", "-m 0750 "+quoted)
	open := with(map[string]File{path: dir(ourUID, ourGID, 0o777)})
	check(t, Writable(open, us, Directory{Option: "dst-dir", Path: path}), Warning, "everybody", "chmod 0750 "+quoted)
	locked := Directory{Option: "dst-dir", Path: path + "/in", Beside: []string{".lock"}}
	beside := with(map[string]File{path: dir(0, 0, 0o755), path + "/in": dir(ourUID, ourGID, 0o750)})
	check(t, Writable(beside, us, locked), Error, "can't be made beside", "chown haproxystats:haproxystats "+quoted)
	check(t, Readable(with(map[string]File{path: {}}), us, "ca-file", path), Error, path, "chgrp haproxystats "+quoted+" && chmod g+r "+quoted)
	const busy = "/run/a;reboot"
	check(t, Connections(t.Context(), unixSockets(busy, 9, 0), busy, busy), Warning, "9 connections in use", "run: ss -xp | grep '/run/a;reboot'")
	check(t, GivenUp(path, 1), Warning, "1 snapshot", "paths "+quoted+"/EPOCH")
}
