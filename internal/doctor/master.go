package doctor

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// MasterSockets returns the paths of the sockets of HAProxy's master processes,
// which it finds as option -S in the command lines of the host. A user of such a
// socket controls HAProxy, so doctor never advises to open it. Root is the root of
// the host's files.
func MasterSockets(root fs.FS) map[string]bool {
	found := make(map[string]bool)
	lines, err := fs.Glob(root, "proc/[0-9]*/cmdline")
	if err != nil {
		return found
	}
	for _, line := range lines {
		comm, err := fs.ReadFile(root, filepath.Dir(line)+"/comm")
		if err != nil || !strings.HasPrefix(string(comm), "haproxy") || strings.HasPrefix(string(comm), "haproxystats") {
			continue
		}
		text, err := fs.ReadFile(root, line)
		if err != nil {
			continue
		}
		args := strings.Split(string(text), "\x00")
		for i, arg := range args[:len(args)-1] {
			if arg == "-S" {
				address, _, _ := strings.Cut(args[i+1], ",")
				found[filepath.Clean(strings.TrimPrefix(address, "unix@"))] = true
			}
		}
	}
	return found
}
