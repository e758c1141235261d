package nagios

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"haproxystats/test/programs"
)

// oldSnapshot builds the plugin into a directory, with a spool in which a snapshot
// is too old.
func oldSnapshot(t *testing.T, dir string) (plugin, conf string) {
	t.Helper()
	if err := programs.Build(t.Context(), dir, "check_haproxystats"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "base/incoming/1500000000"), 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "check_haproxystats"), write(t, dir, "haproxystats.conf", "[paths]\nbase-dir = "+dir+"/base\n")
}

// run returns the exit status of a command and what it says.
func run(t *testing.T, line []string) (int, string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), line[0], line[1:]...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, string(out)
	case errors.As(err, &exit):
		return exit.ExitCode(), string(out)
	}
	t.Fatal(err)
	return 0, ""
}

// nagiosCommand returns the line of a command in nagios.cfg.
func nagiosCommand(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`command_name ` + name + `\n +command_line (.+)\n`).FindStringSubmatch(read(t, "nagios.cfg"))
	if m == nil {
		t.Fatalf("nagios.cfg has no command %s", name)
	}
	return m[1]
}

// TestPluginTakesTheArguments runs it as Nagios does on the load balancer itself,
// and with every argument that Icinga may give it: neither looks at them when it
// reads its files.
func TestPluginTakesTheArguments(t *testing.T) {
	dir := place(t)
	plugin, conf := oldSnapshot(t, dir)
	local := strings.NewReplacer("$USER1$", dir, "/etc/haproxystats.conf", conf, "$ARG1$", "age").Replace(nagiosCommand(t, "haproxystats"))
	if status, out := run(t, strings.Fields(local)); status != 2 || !strings.HasPrefix(out, "AGE CRITICAL: ") {
		t.Errorf("%s: status %d: %s", local, status, out)
	}

	icinga := read(t, "icinga2.conf")
	values := map[string]string{"mode": "age", "file": conf, "warning": "5", "critical": "~:", "sink": "graphite", "cluster": "eu", "timeout": "9"}
	line := []string{plugin}
	for _, m := range regexp.MustCompile(`(?m)^    "(--[a-z]+)" = "\$haproxystats_([a-z]+)\$"$`).FindAllStringSubmatch(icinga, -1) {
		line = append(line, m[1], values[m[2]])
		delete(values, m[2])
	}
	more := regexp.MustCompile(`(?m)^    "(--[a-z]+)" = \{ set_if = "\$haproxystats_verbose\$" \}$`).FindStringSubmatch(icinga)
	if len(values) > 0 || more == nil {
		t.Fatalf("icinga2.conf has no argument for %v, or none to say more", values)
	}
	line = append(line, more[1])
	if status, out := run(t, line); status != 1 || !strings.HasPrefix(out, "AGE WARNING: ") {
		t.Errorf("%q: status %d: %s", line, status, out)
	}
}
