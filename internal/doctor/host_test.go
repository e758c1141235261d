package doctor

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestHost examines this host, about which a test can assume little.
func TestHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := Host{}.Stat(path)
	if err != nil || f.Mode.Type() != fs.ModeSocket || int(f.UID) != os.Geteuid() || f.ACL {
		t.Errorf("%+v, %v", f, err)
	}
	d, err := Host{}.Disk(filepath.Dir(path))
	if err != nil || d.ID == "" || d.Free == 0 || d.ReadOnly {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := (Host{}).Disk(path + "/missing"); err == nil {
		t.Error("a disk of nothing")
	}
	if _, err := (Host{}).Stat(path + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	check(t, Connections(t.Context(), os.DirFS("/"), path, path), OK, "0 connections in use", "")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check(t, Connections(t.Context(), os.DirFS("/"), path, path), Error, "0 connections in use, and 1 wait to be accepted", "stats maxconn")
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	check(t, Connections(t.Context(), os.DirFS("/"), path, path), OK, "1 connection in use", "")
}

// TestDanglingLinks has links whose target does not exist, as on a disk that is not
// mounted: no directory can be made at such a path.
func TestDanglingLinks(t *testing.T) {
	u, err := CurrentUser()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	link := filepath.Join(base, "link")
	if err := os.Symlink(filepath.Join(base, "disk"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, link + "/incoming", link + "/queue/graphite"} {
		check(t, Writable(Host{}, u, Directory{Option: "dst-dir", Path: path}), Error, "dst-dir can't be made: "+link+" is a link whose target does not exist", "Mount or make the target")
		check(t, SameDisk(Host{}, Host{}, "tmp-dst-dir", path, "dst-dir", base), Skipped, "a link whose target does not exist", "")
	}
	check(t, SocketAccess(Host{}, u, link, false), Error, "there is no such file", "Start HAProxy")
	if err := os.Mkdir(filepath.Join(base, "disk"), 0o700); err != nil {
		t.Fatal(err)
	}
	check(t, Writable(Host{}, u, Directory{Option: "dst-dir", Path: link + "/incoming"}), OK, "does not exist yet", "")
}

func TestUsers(t *testing.T) {
	u, err := CurrentUser()
	if err != nil || u.UID != os.Geteuid() || len(u.GIDs) == 0 || u.Name == "" {
		t.Errorf("%+v, %v", u, err)
	}
	root, err := LookupUser("root")
	if err != nil || root.UID != 0 || root.GIDs[0] != 0 || root.Group != "root" {
		t.Errorf("%+v, %v", root, err)
	}
	if _, err := LookupUser("no-such-user-here"); err == nil {
		t.Error("found a user who does not exist")
	}
}
