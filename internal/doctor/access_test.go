package doctor

import (
	"io/fs"
	"strings"
	"testing"
)

func TestSocketAccess(t *testing.T) {
	const path = "/run/haproxy/a.sock"
	open := dir(0, 0, 0o755)
	for _, test := range []struct {
		name         string
		user         User
		way, socket  File
		verdict      Verdict
		text, remedy string
	}{
		{"everybody", us, open, socket(0, 0, 0o666), OK, "every user may connect", ""},
		{"root", User{Name: "root"}, dir(haproxyUID, haproxyGID, 0o700), socket(haproxyUID, haproxyGID, 0), OK, "user root may connect", ""},
		{"the owner", us, open, socket(ourUID, 0, 0o600), OK, "user haproxystats may connect", ""},
		{"the owner's mode counts, not that of others", us, open, socket(ourUID, 0, 0o466), Error, "user haproxystats can't connect to", "Put `mode 660 group haproxystats`"},
		{"the owner, whom a group would not help", us, open, socket(ourUID, haproxyGID, 0o060), Error, "can't connect", "Put `mode 660 group haproxystats`"},
		{"in the group", User{"haproxystats", ourUID, []int{ourGID, haproxyGID}, "haproxystats"}, open, socket(0, haproxyGID, 0o660), OK, "may connect", ""},
		{"in the group, which may not", User{"haproxystats", ourUID, []int{haproxyGID}, "haproxystats"}, open, socket(0, haproxyGID, 0o606), Error, "belongs to root:64102 and has mode 0606", "Put `mode 660"},
		{"not in the group", us, open, socket(0, haproxyGID, 0o660), Error, "user haproxystats can't connect to /run/haproxy/a.sock, which belongs to root:64102 and has mode 0660", "usermod -a -G 64102 haproxystats"},
		{"only root", us, open, socket(0, 0, 0o660), Error, "can't connect", "Put `mode 660 group haproxystats` on its `stats socket` line"},
		{"the directory is closed", us, dir(0, 0, 0o750), socket(0, 0, 0o666), Error, "can't pass through the directory /run/haproxy", "setfacl -m u:haproxystats:x /run/haproxy"},
		{"the directory is the group's", us, dir(0, haproxyGID, 0o750), socket(0, 0, 0o666), Error, "can't pass through the directory /run/haproxy", "usermod -a -G 64102 haproxystats"},
		{"a list may allow it", us, open, File{Mode: socket(0, 0, 0o660).Mode, ACL: true}, Warning, "and an access control list", "getfacl /run/haproxy/a.sock"},
		{"no socket", us, open, File{Mode: 0o666}, Error, "is not a socket", "Change servers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := with(map[string]File{"/run/haproxy": test.way, path: test.socket})
			check(t, SocketAccess(h, test.user, path, false), test.verdict, test.text, test.remedy)
		})
	}
	h := with(nil)
	check(t, SocketAccess(h, us, path, false), Error, "no such file", "Start HAProxy")
	h.closed = map[string]bool{path: true}
	check(t, SocketAccess(h, us, path, false), Skipped, "this user can't look at", "Run doctor as root")
}

func TestAccessFollowsLinks(t *testing.T) {
	h := with(map[string]File{
		"/run/haproxy": dir(0, 0, 0o755), "/run/haproxy/a.sock": socket(0, 0, 0o666),
		"/closed": dir(0, 0, 0o700), "/closed/b.sock": socket(0, 0, 0o666),
	})
	h.real = map[string]string{"/run/haproxy/a.sock": "/closed/b.sock"}
	check(t, SocketAccess(h, us, "/run/haproxy/a.sock", false), Error, "can't pass through the directory /closed", "setfacl -m u:haproxystats:x /closed")
}

func TestSocketDir(t *testing.T) {
	const path = "/run/haproxy"
	check(t, SocketDir(with(nil), us, path, 0), Error, "no such directory", "Start HAProxy")
	h := with(map[string]File{path: dir(0, 0, 0o755)})
	check(t, SocketDir(h, us, path, 0), Error, "contains no socket", "Start HAProxy")
	check(t, SocketDir(h, us, path, 2), OK, "2 sockets", "")
	check(t, SocketDir(with(map[string]File{path: dir(0, haproxyGID, 0o750)}), us, path, 2), Error, "can't use /run/haproxy", "usermod -a -G 64102")
	check(t, SocketDir(with(map[string]File{path: dir(0, 0, 0o711)}), us, path, 2), Error, "can't use /run/haproxy", "setfacl -m u:haproxystats:rx /run/haproxy")
	check(t, SocketDir(with(map[string]File{path: dir(haproxyUID, haproxyGID, 0o700)}), us, path, 2), Error, "can't use /run/haproxy", "usermod -a -G 64102 haproxystats && chmod g+rx /run/haproxy")
	check(t, SocketDir(with(map[string]File{"/root": dir(0, 0, 0o700), "/root/s": dir(0, 0, 0o755)}), us, "/root/s", 2), Error, "can't pass through the directory /root", "outside /root")
	check(t, SocketDir(with(map[string]File{path: socket(0, 0, 0o666)}), us, path, 0), Error, "it is a socket", "Set socket-dir = /run, or servers = unix:///run/haproxy")
	check(t, SocketDir(with(map[string]File{path: {Mode: 0o644}}), us, path, 0), Error, "not a directory", "Set socket-dir")
	h.closed = map[string]bool{path: true}
	check(t, SocketDir(h, us, path, 0), Skipped, "this user can't look at", "Run doctor as root")
}

func TestReadable(t *testing.T) {
	const path = "/var/c.conf"
	check(t, Readable(with(map[string]File{path: {Mode: 0o640, GID: ourGID}}), us, "the configuration", path), OK, "can read it", "")
	check(t, Readable(with(map[string]File{path: {Mode: 0o600}}), us, "the configuration", path), Error, "can't read /var/c.conf", "chgrp haproxystats /var/c.conf && chmod g+r /var/c.conf")
	check(t, Readable(with(nil), us, "key-file", path), Error, "key-file can't be examined", "Create it")
	h := with(nil)
	h.closed = map[string]bool{path: true}
	check(t, Readable(h, us, "key-file", path), Skipped, "this user can't look at", "Run doctor as root")
}

func TestWritable(t *testing.T) {
	const path = "/var/lib/in"
	beside := Directory{Option: "dst-dir", Path: path, Beside: []string{".writer.lock"}}
	ours := dir(ourUID, ourGID, 0o750)
	for _, test := range []struct {
		name         string
		files        map[string]File
		verdict      Verdict
		text, remedy string
	}{
		{"ours", map[string]File{"/var/lib": ours, path: ours}, OK, "can use dst-dir", ""},
		{"another's", map[string]File{"/var/lib": dir(0, 0, 0o755), path: dir(0, 0, 0o755)}, Error, "can't use /var/lib/in", "chown -R haproxystats:haproxystats /var/lib/in"},
		{"nothing can be made beside it", map[string]File{"/var/lib": dir(0, 0, 0o755), path: ours}, Error, "in.writer.lock can't be made beside dst-dir", "chown haproxystats:haproxystats /var/lib"},
		{"nothing need be made beside it", map[string]File{"/var/lib": dir(0, 0, 0o755), path: ours, path + ".writer.lock": {Mode: 0o640, UID: ourUID}}, OK, "can use", ""},
		{"open to all", map[string]File{"/var/lib": ours, path: dir(ourUID, ourGID, 0o777)}, Warning, "everybody can write", "chmod 0750 /var/lib/in"},
		{"open to all, who can't remove what is another's", map[string]File{"/var/lib": ours, path: {Mode: fs.ModeDir | fs.ModeSticky | 0o777, UID: ourUID, GID: ourGID}}, OK, "can use dst-dir", ""},
		{"missing", map[string]File{"/var/lib": ours}, OK, "does not exist yet, and user haproxystats can make it", ""},
		{"missing, and can't be made", nil, Error, "does not exist and can't be made: user haproxystats can't use /var, which", "install -d -o haproxystats -g haproxystats -m 0750 /var/lib"},
		{"root over another's", map[string]File{"/var/lib": ours, path: ours}, Warning, "user root would write in dst-dir", "Run the programs as user 64103"},
		{"root makes it in another's", map[string]File{"/var/lib": ours}, Warning, "user root would write in /var/lib for dst-dir", "Run the programs as user 64103"},
		{"a file", map[string]File{"/var/lib": ours, path: {Mode: 0o644}}, Error, "not a directory", "Move it away"},
	} {
		t.Run(test.name, func(t *testing.T) {
			user := us
			if strings.HasPrefix(test.name, "root ") {
				user = User{Name: "root"}
			}
			check(t, Writable(with(test.files), user, beside), test.verdict, test.text, test.remedy)
		})
	}
	linked := with(map[string]File{"/var/lib": ours, path: ours, path + ".trash": ours})
	linked.real = map[string]string{path + ".trash": "/etc"}
	check(t, Writable(linked, us, Directory{Option: "src-dir", Path: path, Beside: []string{".trash"}}), Error, path+".trash is a link, to /etc, which the program refuses to follow", "Remove the link")
	linked.real = map[string]string{path + "/graphite": "/etc"}
	check(t, Writable(linked, us, Directory{Option: "queue-dir", Path: path, NoLinks: []string{path + "/graphite"}}), Error, "/graphite is a link", "Remove the link")
	h := with(nil)
	h.closed = map[string]bool{path: true}
	check(t, Writable(h, us, beside), Skipped, "this user can't look at", "Run doctor as root")
}
