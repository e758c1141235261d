package doctor

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// packaged is what `systemctl show` says of the packaged unit of haproxystats-pull.
const packaged = `LoadState=loaded
RuntimeDirectory=
StateDirectory=haproxystats
ReadWritePaths=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
InaccessiblePaths=
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
`

func TestUnitAccess(t *testing.T) {
	with := func(pairs ...string) string {
		text := packaged
		for _, p := range pairs {
			name, _, _ := strings.Cut(p, "=")
			lines := strings.Split(text, "\n")
			i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+"=") })
			lines[i] = p
			text = strings.Join(lines, "\n")
		}
		return text
	}
	write := func(path string) []Need { return []Need{{"dst-dir", path, true}} }
	for _, test := range []struct {
		name          string
		unit          string
		needs         []Need
		base, network string
		verdict       Verdict
		text, remedy  string
	}{
		{"the defaults", packaged, write("/var/lib/haproxystats/incoming"), "/var/lib/haproxystats", "", OK, "program can use all paths", ""},
		{"elsewhere", packaged, write("/srv/hs/incoming"), "/srv/hs", "", Error, "can't write in /srv/hs for dst-dir: it sees a read-only file system, because of ProtectSystem=strict", "haproxystats-pull.service.d/spool.conf with the lines [Service], ReadWritePaths=/srv/hs"},
		{"elsewhere than the rest", packaged, write("/data/in"), "/srv/hs", "", Error, "can't write in /data/in for dst-dir", "ReadWritePaths=/data/in"},
		{"elsewhere, with the drop-in", with("ReadWritePaths=-/srv/hs"), write("/srv/hs/incoming"), "/srv/hs", "", OK, "", ""},
		{"a drop-in for a neighbour", with("ReadWritePaths=-/srv/h"), write("/srv/hs/incoming"), "/srv/hs", "", Error, "can't write in /srv/hs", "ReadWritePaths=/srv/hs"},
		{"a drop-in for what is not there", with("ReadWritePaths=/var/lib/haproxystats /none"), write("/var/lib/haproxystats/incoming"), "", "", Error, "it does not start: ReadWritePaths names /none", "install -d"},
		{"full", with("ProtectSystem=full"), write("/srv/hs"), "", "", OK, "", ""},
		{"full, in /etc", with("ProtectSystem=full"), write("/etc/hs"), "", "", Error, "ProtectSystem=full", "ReadWritePaths=/etc/hs"},
		{"in /home", packaged, write("/home/hs/in"), "/home/hs", "", Error, "can't see dst-dir /home/hs/in, because of ProtectHome=yes", "Set dst-dir to a path that the unit does not hide"},
		{"in /home, read-only", with("ProtectHome=read-only", "ProtectSystem=no"), write("/home/hs/in"), "", "", Error, "because of ProtectHome=read-only", "ReadWritePaths="},
		{"sockets in /tmp", packaged, []Need{{"socket-dir", "/tmp/haproxy", false}}, "", "", Error, "can't see socket-dir /tmp/haproxy, because of PrivateTmp=yes", "Set socket-dir"},
		{"names in /etc/haproxy", with("InaccessiblePaths=-/etc/haproxy"), []Need{{"exclude-backends", "/etc/haproxy/names", false}}, "", "", Error, "can't see exclude-backends /etc/haproxy/names, because of InaccessiblePaths=/etc/haproxy", "Set exclude-backends"},
		{"sockets elsewhere", packaged, []Need{{"socket-dir", "/srv/haproxy", false}}, "", "", OK, "", ""},
		{"TCP", packaged, nil, "", "servers = tcp://lb:9000", Error, "has no network, which servers = tcp://lb:9000 needs", "haproxystats-pull.service.d/tcp.conf with the lines [Service], PrivateNetwork=no"},
		{"TCP, with half of the drop-in", with("PrivateNetwork=no"), nil, "", "servers = tcp://lb:9000", Error, "has no network", "tcp.conf"},
		{"TCP, with the drop-in", with("PrivateNetwork=no", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"), nil, "", "servers = tcp://lb:9000", OK, "", ""},
		{"TCP, and only others are forbidden", with("PrivateNetwork=no", "RestrictAddressFamilies=~AF_PACKET AF_NETLINK"), nil, "", "servers = tcp://lb:9000", OK, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := host{files: map[string]File{"/": dir(0, 0, 0o755), "/var/lib/haproxystats": dir(0, 0, 0o755)}}
			found := UnitAccess(h, parseUnit("haproxystats-pull.service", []byte(test.unit)), test.needs, test.base, test.network)
			if len(found) != 1 {
				t.Fatalf("got %v, want one finding", found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
	if found := UnitAccess(host{}, parseUnit("x", []byte("LoadState=not-found\n")), write("/srv"), "", ""); found != nil {
		t.Errorf("a unit that is not there: got %v, want nothing", found)
	}
}

// TestUnitMakesDirectories has the units installed, and nothing started yet.
func TestUnitMakesDirectories(t *testing.T) {
	u := parseUnit("haproxystats-pull.service", []byte(packaged))
	r := &run{}
	for path, want := range map[string]bool{
		"/var/lib/haproxystats/incoming": !exists("/var/lib/haproxystats"), "/var/lib/haproxystats2": false, "/srv/in": false,
	} {
		if got := r.isMade(u, path); got != want {
			t.Errorf("%s: made by the unit: got %v, want %v", path, got, want)
		}
	}
	d := Directory{Option: "dst-dir", Path: "/var/lib/haproxystats/incoming", Made: true}
	check(t, Writable(with(nil), us, d), OK, "does not exist yet, and the unit makes it", "")
}

func exists(path string) bool {
	_, err := Host{}.Stat(path)
	return err == nil
}

func TestNoSystemd(t *testing.T) {
	if u := askUnit(t.Context(), fstest.MapFS{}, "haproxystats-pull"); u.Loaded {
		t.Errorf("got %+v, want a unit that is not loaded", u)
	}
}

// TestAskUnit has a systemctl that answers, one that fails, and one that hangs.
func TestAskUnit(t *testing.T) {
	root := fstest.MapFS{"run/systemd/system": {Mode: fs.ModeDir | 0o755}}
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	systemctl := func(script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	systemctl("for last; do :; done; echo Id=$last; cat <<'EOF'\n" + packaged + "EOF")
	u := askUnit(t.Context(), root, "haproxystats-pull")
	if u.Name != "haproxystats-pull.service" || !u.Loaded || u.Inet || u.ProtectSystem != "strict" {
		t.Errorf("got %+v, want the packaged unit", u)
	}
	systemctl("exit 1")
	if u := askUnit(t.Context(), root, "haproxystats-pull"); u.Loaded {
		t.Errorf("systemctl fails: got %+v, want a unit that is not loaded", u)
	}
	systemctl("exec sleep 3600")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if u := askUnit(ctx, root, "haproxystats-pull"); u.Loaded {
		t.Errorf("systemctl hangs: got %+v, want a unit that is not loaded", u)
	}
}

func TestMasterSockets(t *testing.T) {
	root := fstest.MapFS{
		"proc/7/comm":    {Data: []byte("haproxy\n")},
		"proc/7/cmdline": {Data: []byte("/usr/sbin/haproxy\x00-Ws\x00-f\x00/etc/haproxy\x00-S\x00/run/haproxy/master.sock,level,user\x00")},
		"proc/8/comm":    {Data: []byte("haproxystats-pu\n")},
		"proc/8/cmdline": {Data: []byte("haproxystats-pull\x00-S\x00/x\x00")},
		"proc/9/comm":    {Data: []byte("kworker\n")},
		"proc/9/cmdline": {},
		"proc/self":      {Data: []byte("x")},
	}
	got := MasterSockets(root)
	if len(got) != 1 || !got["/run/haproxy/master.sock"] {
		t.Errorf("got %v, want /run/haproxy/master.sock alone", got)
	}
	f := SocketAccess(with(nil), us, "/run/haproxy/master.sock", true)
	check(t, f, Warning, "HAProxy's master process", "Leave its permissions as they are")
}
