package machine

import (
	"testing"
)

// Chroot runs a command in a root where nothing runs: no systemd, no mounts but
// /proc, gone with the command.
func Chroot(t *testing.T, root string, command ...string) (string, error) {
	t.Helper()
	return output(t.Context(), "unshare", append([]string{
		"--mount", "--pid", "--fork", "--kill-child", "--root=" + root, "--mount-proc=/proc", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive",
	}, command...)...)
}
