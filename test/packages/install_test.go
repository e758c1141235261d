package packages

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/test/systemd/machine"
)

const (
	pull    = "haproxystats-pull.service"
	process = "haproxystats-process.service"
	central = "haproxystats-central.service"
)

// host is a machine that gets packages, by one format's tool.
type host struct {
	t *testing.T
	*machine.Machine
	older, newer     string // paths of the packages there
	install, upgrade []string
	remove           []string
	plugins          string
	offered          string // what the upgrade's configuration is called beside the administrator's
}

func newHost(t *testing.T, older, newer string) host {
	t.Helper()
	machine.Need(t, "systemd-container")
	root := machine.Root(t)
	for _, from := range []string{older, newer} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(root, "opt", filepath.Base(from)), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return host{
		t: t, Machine: machine.Boot(t, root),
		older: "/opt/" + filepath.Base(older), newer: "/opt/" + filepath.Base(newer),
	}
}

func TestDeb(t *testing.T) {
	h := newHost(t, filepath.Join(dist(t, older), "haproxystats_1.0.0~rc.1-1_amd64.deb"), filepath.Join(dist(t, newer), "haproxystats_1.0.0-1_amd64.deb"))
	h.install, h.upgrade, h.remove = []string{"dpkg", "--install"}, []string{"dpkg", "--force-confold", "--install"}, []string{"dpkg", "--remove", "haproxystats"}
	h.plugins, h.offered = "/usr/lib/nagios/plugins", "haproxystats.conf.dpkg-dist"
	before := h.everything()
	h.life("dpkg", "--verify", "haproxystats")
	if got := h.Run("cat", "/etc/haproxystats.conf"); !strings.Contains(got, changed) {
		t.Errorf("the configuration after removal:\n%s", got)
	}
	h.again()
	h.Run("dpkg", "--purge", "haproxystats")
	for _, kind := range []string{"passwd", "group"} {
		if out, err := h.Try("getent", kind, "haproxystats"); err == nil {
			t.Errorf("purged, and there is still %s", out)
		}
	}
	if after := h.everything(); !slices.Equal(after, before) {
		t.Errorf("purged, and there is still %q", difference(after, before))
	}
}

// again installs the package after its removal, and finds what was left.
func (h host) again() {
	h.t.Helper()
	h.Run(append(slices.Clone(h.install), h.newer)...)
	if got := h.Run("cat", "/etc/haproxystats.conf"); !strings.Contains(got, changed) {
		h.t.Errorf("the configuration after a new installation:\n%s", got)
	}
	h.owners("/var/lib/haproxystats haproxystats:haproxystats 750", "/etc/haproxystats.conf root:haproxystats 640")
	h.Run("systemctl", "start", pull)
}

func TestRPM(t *testing.T) {
	h := newHost(t, filepath.Join(dist(t, older), "haproxystats-1.0.0~rc.1-1.x86_64.rpm"), filepath.Join(dist(t, newer), "haproxystats-1.0.0-1.x86_64.rpm"))
	// This is a Debian, whose rpm knows of nothing that is installed.
	h.install = []string{"rpm", "--force-debian", "--nodeps", "--install"}
	h.upgrade = []string{"rpm", "--force-debian", "--nodeps", "--upgrade"}
	h.remove = []string{"rpm", "--force-debian", "--erase", "haproxystats"}
	h.plugins, h.offered = "/usr/lib64/nagios/plugins", "haproxystats.conf.rpmnew"
	h.life("rpm", "--force-debian", "--verify", "--nodeps", "haproxystats")
	// rpm has no purge: what was changed stays beside where it was.
	if got := h.Run("cat", "/etc/haproxystats.conf.rpmsave"); !strings.Contains(got, changed) {
		t.Errorf("the configuration after removal:\n%s", got)
	}
	if got := h.Run("getent", "passwd", "haproxystats"); got == "" {
		t.Error("the user who owns the spool is gone")
	}
}

const changed = "socket-dir = /run/haproxy-of-ours"

// life is a package's, from its installation to its removal.
func (h host) life(verify ...string) {
	h.t.Helper()
	h.Run("groupadd", "--system", "haproxy")
	h.told(true, h.Run(append(slices.Clone(h.install), h.older)...))
	h.installed(verify)
	h.configure()
	h.Run("systemctl", "enable", "--now", pull)
	h.version("1.0.0-rc.1")
	first := h.Show(pull, "MainPID")
	if out := h.Run("find", "/proc", "-maxdepth", "1", "-user", "haproxystats"); strings.TrimSpace(out) != "/proc/"+first {
		h.t.Errorf("the user's processes: %q, want %s", out, first)
	}

	h.told(false, h.Run(append(slices.Clone(h.upgrade), h.newer)...))
	h.version("1.0.0")
	if after := h.Show(pull, "MainPID"); after == first || after == "0" {
		h.t.Errorf("haproxystats-pull was process %s, and is %s after the upgrade", first, after)
	}
	h.state(pull, "active", "enabled")
	h.state(process, "inactive", "disabled")
	h.state(central, "inactive", "disabled")
	h.kept("/etc/haproxystats.conf")
	h.owners("/etc/haproxystats.conf root:haproxystats 640", "/var/lib/haproxystats haproxystats:haproxystats 750")

	h.Run(h.remove...)
	for _, unit := range []string{pull, process, central} {
		if got := h.Show(unit, "LoadState"); got != "not-found" {
			h.t.Errorf("%s is %s after the removal", unit, got)
		}
	}
	if out := h.Run("find", "/proc", "-maxdepth", "1", "-user", "haproxystats"); out != "" {
		h.t.Errorf("processes after the removal: %s", out)
	}
	if out := h.Run("sh", "-c", "ls /usr/bin /usr/lib*/nagios/plugins | grep haproxystats || :"); out != "" {
		h.t.Errorf("programs after the removal:\n%s", out)
	}
	if got := h.Run("cat", "/var/lib/haproxystats/incoming/1700000000/a.sock_info"); got != "kept\n" {
		h.t.Errorf("the spool after the removal: %q", got)
	}
}

// told finds whether an installation has said what comes next.
func (h host) told(want bool, out string) {
	h.t.Helper()
	steps := strings.Contains(out, ": haproxystats config --graphite SERVER -o /etc/haproxystats.conf --force\n") &&
		strings.Contains(out, ": haproxystats doctor\n") && strings.Contains(out, "systemctl enable --now haproxystats-pull haproxystats-process\n")
	if steps != want {
		h.t.Errorf("the installation names the next steps: got %t, want %t:\n%s", steps, want, out)
	}
}

// installed looks at what the first installation has made.
func (h host) installed(verify []string) {
	h.t.Helper()
	if out := h.Run(verify...); out != "" {
		h.t.Errorf("%s:\n%s", strings.Join(verify, " "), out)
	}
	user := strings.Split(strings.TrimSpace(h.Run("getent", "passwd", "haproxystats")), ":")
	if len(user) != 7 || len(user[2]) > 3 || user[5] != "/var/lib/haproxystats" || !strings.HasSuffix(user[6], "/nologin") {
		h.t.Errorf("the user: %q", user)
	}
	groups := strings.Fields(h.Run("id", "-Gn", "haproxystats"))
	slices.Sort(groups)
	if !slices.Equal(groups, []string{"haproxy", "haproxystats"}) {
		h.t.Errorf("the user's groups: %q", groups)
	}
	h.owners(
		"/etc/haproxystats.conf root:haproxystats 640",
		"/var/lib/haproxystats haproxystats:haproxystats 750",
		"/usr/bin/haproxystats-pull root:root 755",
		"/usr/lib/systemd/system/"+pull+" root:root 644",
	)
	for _, unit := range []string{pull, process, central} {
		h.state(unit, "inactive", "disabled")
	}
	for _, command := range [][]string{
		{"haproxystats-pull", "-v"},
		{"haproxystats-process", "-v"},
		{"haproxystats-central", "-v"},
		{"haproxystats", "-v"},
		{h.plugins + "/check_haproxystats", "-V"},
		{h.plugins + "/check_haproxystats_queue_size.py", "-V"},
	} {
		out, err := h.Try(command...)
		if !strings.Contains(out, "1.0.0-rc.1") {
			h.t.Errorf("%s: %q, %v", strings.Join(command, " "), out, err)
		}
	}
}

// owners compares owners and modes: path user:group mode.
func (h host) owners(want ...string) {
	h.t.Helper()
	for _, w := range want {
		path, _, _ := strings.Cut(w, " ")
		if got := strings.TrimSpace(h.Run("stat", "-c", "%n %U:%G %a", path)); got != w {
			h.t.Errorf("got %q, want %q", got, w)
		}
	}
}

// state compares whether a unit runs, and whether it will.
func (h host) state(unit, active, enabled string) {
	h.t.Helper()
	if got := h.Show(unit, "ActiveState") + " " + h.Show(unit, "UnitFileState"); got != active+" "+enabled {
		h.t.Errorf("%s is %s, want %s %s", unit, got, active, enabled)
	}
}

// configure changes the configuration as an administrator does, and leaves a
// snapshot in the spool.
func (h host) configure() {
	h.t.Helper()
	h.Run("sh", "-c", fmt.Sprintf("sed -i 's,^#socket-dir = .*,%s,' /etc/haproxystats.conf && mkdir /run/haproxy-of-ours", changed))
	h.Run("sh", "-c", "d=/var/lib/haproxystats/incoming && install -d -o haproxystats -g haproxystats -m 0750 $d $d/1700000000 && echo kept >$d/1700000000/a.sock_info")
}

func (h host) kept(configuration string) {
	h.t.Helper()
	if got := h.Run("cat", configuration); !strings.Contains(got, changed) {
		h.t.Errorf("the configuration after the upgrade:\n%s", got)
	}
	if got := h.Run("sh", "-c", "ls /etc | grep haproxystats"); got != "haproxystats.conf\n"+h.offered+"\n" {
		h.t.Errorf("in /etc after the upgrade: %q", got)
	}
	if got := h.Run("cat", "/var/lib/haproxystats/incoming/1700000000/a.sock_info"); got != "kept\n" {
		h.t.Errorf("the spool after the upgrade: %q", got)
	}
}

// version compares what runs.
func (h host) version(want string) {
	h.t.Helper()
	pid := h.Show(pull, "MainPID")
	if out := h.Run("/proc/"+pid+"/exe", "-v"); !strings.HasPrefix(out, "haproxystats-pull "+want+" (") {
		h.t.Errorf("process %s is %q, want version %s", pid, out, want)
	}
}

// everything lists what has our name, on the disk and in the databases of users.
func (h host) everything() []string {
	h.t.Helper()
	found := h.Run("find", "/", "-xdev", "-name", "*haproxystats*", "-not", "-path", "/opt/*", "-not", "-path", "/var/log/*", "-not", "-path", "/tmp/*")
	return strings.Fields(found)
}

func difference(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// TestDebWithoutSystemd has no systemctl, as in a container.
func TestDebWithoutSystemd(t *testing.T) {
	machine.Need(t, "debootstrap")
	root := machine.Root(t)
	if err := os.Remove(filepath.Join(root, "usr/bin/systemctl")); err != nil {
		t.Fatal(err)
	}
	chroot := func(command ...string) string {
		t.Helper()
		out, err := machine.Chroot(t, root, command...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, p := range []struct{ version, name string }{
		{older, "haproxystats_1.0.0~rc.1-1_amd64.deb"},
		{newer, "haproxystats_1.0.0-1_amd64.deb"},
	} {
		content, err := os.ReadFile(filepath.Join(dist(t, p.version), p.name))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, "opt", p.name), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		chroot("dpkg", "--install", "/opt/"+p.name)
	}
	const want = "haproxystats:haproxystats 750\nroot:haproxystats 640\n"
	if got := chroot("stat", "-c", "%U:%G %a", "/var/lib/haproxystats", "/etc/haproxystats.conf"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The user can read it, and nobody else.
	if out := chroot("runuser", "-u", "haproxystats", "--", "haproxystats-pull", "-P"); !strings.Contains(out, "pull-interval") {
		t.Errorf("the configuration as the user sees it: %q", out)
	}
	if out, err := machine.Chroot(t, root, "runuser", "-u", "nobody", "--", "haproxystats-pull", "-P"); err == nil {
		t.Errorf("everyone may read the configuration: %q", out)
	}
	chroot("dpkg", "--purge", "haproxystats")
	if out := chroot("sh", "-c", "getent passwd haproxystats; find /etc /usr /var/lib -name '*haproxystats*'"); out != "" {
		t.Errorf("purged, and there is still:\n%s", out)
	}
}
