package machine

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// groups makes a control group in each hierarchy that systemd uses, below the one
// that this process is in, and returns their directories. They have one name, as
// nspawn copies one hierarchy to the other. They are removed when the test ends.
func groups(t *testing.T, name string) []string {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		mount := ""
		switch {
		case f[1] == "name=systemd":
			mount = "/sys/fs/cgroup/systemd"
		case f[0] == "0" && exists("/sys/fs/cgroup/unified/cgroup.procs"):
			mount = "/sys/fs/cgroup/unified"
		case f[0] == "0":
			mount = "/sys/fs/cgroup"
		default:
			continue
		}
		dir := filepath.Join(mount, f[2], name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		made = append(made, dir)
		t.Cleanup(func() { removeGroup(t, dir) })
	}
	return made
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// removeGroup removes a control group and those in it, whose files can't be.
func removeGroup(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(t, filepath.Join(dir, e.Name()))
		}
	}
	if err := syscall.Rmdir(dir); err != nil {
		t.Errorf("remove control group %s: %v", dir, err)
	}
}
