package packages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/test/systemd/machine"
)

// TestDebAfterOriginal installs the package where the original haproxystats was: it
// finds a user, a spool and a configuration of the administrator's.
func TestDebAfterOriginal(t *testing.T) {
	machine.Need(t, "debootstrap")
	root := machine.Root(t)
	const deb = "haproxystats_1.0.0-1_amd64.deb"
	content, err := os.ReadFile(filepath.Join(dist(t, newer), deb))
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "opt", deb), content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(script string) string {
		t.Helper()
		out, err := machine.Chroot(t, root, "sh", "-ec", script)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	run(`groupadd --system haproxy
		useradd --create-home haproxystats
		install -d -o haproxystats -g haproxystats /var/lib/haproxystats /var/lib/haproxystats/incoming
		echo '[pull]
		socket-dir = /run/haproxy-of-ours' >/etc/haproxystats.conf`)
	before := run("getent passwd haproxystats; ls -a /home/haproxystats")
	run("dpkg --force-confold --install /opt/" + deb)
	if after := run("getent passwd haproxystats; ls -a /home/haproxystats"); after != before {
		t.Errorf("the user was\n%sand is\n%s", before, after)
	}
	const want = "haproxystats:haproxystats 755\nroot:haproxystats 644\nhaproxystats haproxy\n"
	if got := run("stat -c '%U:%G %a' /var/lib/haproxystats /etc/haproxystats.conf; id -Gn haproxystats"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if out := run("runuser -u haproxystats -- haproxystats-pull -P"); !strings.Contains(out, "haproxy-of-ours") {
		t.Errorf("the configuration as the user sees it: %q", out)
	}
	run("dpkg --purge haproxystats")
	if after := run("getent passwd haproxystats; ls -a /home/haproxystats"); after != before {
		t.Errorf("the user was\n%sand after the purge is\n%s", before, after)
	}
}
