package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"haproxystats/test/systemd/machine"
)

// TestByHand does on a machine what the document says of an installation without a
// package.
func TestByHand(t *testing.T) {
	machine.Need(t, "systemd-container")
	root := machine.Root(t)
	source := filepath.Join(t.TempDir(), "source")
	if err := copySource(source); err != nil {
		t.Fatal(err)
	}
	install := func(path string) {
		t.Helper()
		cmd := exec.Command("make", "-C", source, "install", "DESTDIR="+root)
		cmd.Env = append(os.Environ(), "PATH="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make install with PATH=%s: %v\n%s", path, err, out)
		}
	}
	install(os.Getenv("PATH"))
	m := machine.Boot(t, root)
	for _, command := range byHand(t) {
		m.Run("sh", "-ec", command)
	}
	m.Run("sh", "-c", "sed -i 's,^#socket-dir = .*,"+changed+",' /etc/haproxystats.conf")
	for _, unit := range []string{pull, process} {
		m.Run("systemctl", "start", unit)
		pid := m.Show(unit, "MainPID")
		if got, want := strings.TrimSpace(m.Run("readlink", "/proc/"+pid+"/exe")), "/usr/local/bin/"+strings.TrimSuffix(unit, ".service"); got != want {
			t.Errorf("%s runs %s, want %s", unit, got, want)
		}
	}
	const want = "haproxystats:haproxystats 750\nroot:haproxystats 640\n"
	if got := m.Run("stat", "-c", "%U:%G %a", "/var/lib/haproxystats", "/etc/haproxystats.conf"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, name := range []string{
		"bin/haproxystats", "bin/haproxystats-central", "lib/systemd/system/haproxystats-central.service", "lib/nagios/plugins/check_haproxystats", "lib/nagios/plugins/check_haproxystats_queue_size.py",
		"share/man/man1/haproxystats-pull.1", "share/man/man5/haproxystats.conf.5",
		"share/doc/haproxystats/README.md", "share/doc/haproxystats/docs/configuration.md",
		"share/bash-completion/completions/haproxystats", "share/zsh/site-functions/_haproxystats", "share/fish/vendor_completions.d/haproxystats.fish",
	} {
		m.Run("test", "-s", "/usr/local/"+name)
	}
	if out, err := m.Try("/usr/local/lib/nagios/plugins/check_haproxystats_process.sh"); err != nil {
		t.Errorf("the check of the process: %v: %s", err, out)
	}
	install("/usr/sbin:/usr/bin:/sbin:/bin") // as sudo does, without go
	if got := m.Run("cat", "/etc/haproxystats.conf"); !strings.Contains(got, changed) {
		t.Errorf("the configuration after another installation:\n%s", got)
	}
}

// byHand returns the document's commands behind `make install`.
func byHand(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)\n### By hand\n.*?\n```sh\nmake install\n(.*?)```\n").FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/operations.md has no commands for an installation by hand")
	}
	return strings.Split(strings.TrimSpace(string(m[1])), "\n")
}
