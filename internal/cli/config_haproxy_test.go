package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"haproxystats/internal/cli"
	"haproxystats/internal/doctor/asked"
	"haproxystats/test/real"
)

// TestConfigOnRealHAProxy finds the sockets that a running HAProxy's configuration names,
// and their levels.
func TestConfigOnRealHAProxy(t *testing.T) {
	dir, _ := startRealHAProxy(t, real.Need(t, "haproxy"), " stats socket @a.sock mode 600 level user\n"+
		" stats socket @b.sock mode 600 level operator\n")
	run := func(args ...string) (string, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if status := cli.Tool(append([]string{"config"}, args...), &stdout, &stderr, asked.New("haproxystats"), nil); status != 0 {
			t.Fatal(status, stderr.String())
		}
		return strings.ReplaceAll(stdout.String(), "\n# ", " "), stderr.String()
	}

	// Other HAProxies may run on the host, too.
	text, _ := run("--graphite", "g")
	file := filepath.Join(dir, "haproxy.cfg")
	for _, want := range []string{
		"unix://" + dir + "/a.sock, found at " + file + ":2: HAProxy ",
		"unix://" + dir + "/b.sock, found at " + file + ":3: HAProxy ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s, want %q in it", text, want)
		}
	}

	text, warnings := run("--socket-dir", dir, "--graphite", "g")
	for _, want := range []string{", level user.", ", level operator.", "socket-dir = " + dir, "The level user suffices"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s, want %q in it", text, want)
		}
	}
	if want := "may be sockets of one process of HAProxy"; !strings.Contains(warnings, want) {
		t.Errorf("got %s, want %q in it", warnings, want)
	}
}
