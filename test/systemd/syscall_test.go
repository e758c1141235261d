package systemd

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// TestSystemCalls runs the programs from start to stop, with everything on that
// makes them call the kernel, and compares what they call with what the units
// allow: there a forbidden call would only fail, and the program might go on
// without a word.
func TestSystemCalls(t *testing.T) {
	strace, analyze := real.Need(t, "strace"), real.Need(t, "systemd")
	programs := build(t)
	for _, c := range []struct {
		program, until string
	}{
		{program: "haproxystats-pull", until: "last snapshot stored"},
		{program: "haproxystats-process", until: "last snapshot done"},
		{program: "haproxystats-central", until: "last window "},
	} {
		t.Run(c.program, func(t *testing.T) {
			may := allowed(t, analyze, c.program+".service")
			if !slices.Contains(may, "openat") || slices.Contains(may, "reboot") || slices.Contains(may, "setpriority") {
				t.Fatalf("the unit's filter was not understood: %q", may)
			}
			called := trace(t, strace, filepath.Join(programs, c.program), c.until)
			if !slices.Contains(called, "openat") || !slices.Contains(called, "exit_group") {
				t.Fatalf("strace has not seen a whole run: %q", called)
			}
			for _, name := range called {
				if !slices.Contains(may, name) {
					t.Errorf("%s calls %s, which its unit forbids", c.program, name)
				}
			}
			t.Logf("%d system calls, %d allowed", len(called), len(may))
		})
	}
}

// allowed returns the system calls that a unit's SystemCallFilter= lets through.
func allowed(t *testing.T, analyze, unit string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, unit))
	if err != nil {
		t.Fatal(err)
	}
	// What systemd always allows.
	set := map[string]bool{}
	for name := range group(t, analyze, "@default") {
		set[name] = true
	}
	for line := range strings.Lines(string(text)) {
		filter, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		filter, deny := strings.CutPrefix(filter, "~")
		for _, g := range strings.Fields(filter) {
			for name := range group(t, analyze, g) {
				set[name] = !deny
			}
		}
	}
	var names []string
	for name, may := range set {
		if may {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// group returns the system calls of a group, with those of the groups in it.
func group(t *testing.T, analyze, name string) map[string]bool {
	t.Helper()
	out, err := exec.Command(analyze, "--no-pager", "syscall-filter", name).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s: %v", name, err)
	}
	calls := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		word := strings.TrimSpace(line)
		switch {
		case word == "" || strings.HasPrefix(word, "#") || word == name:
		case strings.HasPrefix(word, "@"):
			for c := range group(t, analyze, word) {
				calls[c] = true
			}
		default:
			calls[word] = true
		}
	}
	return calls
}

var callForm = regexp.MustCompile(`^(?:\d+ +)?(?:[0-9:.]+ )?([a-z0-9_]+)\(`)

// trace runs a program under strace until it tells systemd that it has done its
// work, ends it by SIGTERM, and returns the system calls that it has made.
func trace(t *testing.T, strace, program, until string) []string {
	t.Helper()
	dir := shortDir(t)
	configuration := tracedConfiguration(t, dir)
	told := listen(t, filepath.Join(dir, "notify"))
	calls := filepath.Join(dir, "calls")
	cmd := exec.Command(strace, "-f", "-qq", "-o", calls, program, "-f", configuration)
	cmd.Env = []string{"NOTIFY_SOCKET=" + filepath.Join(dir, "notify"), "WATCHDOG_USEC=1500000", "GOMEMLIMIT=512MiB"}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case message := <-told:
			if strings.Contains(message, until) {
				// strace passes the signal of its own on to nobody.
				if err := syscall.Kill(child(t, cmd.Process.Pid), syscall.SIGTERM); err != nil {
					t.Error(err)
				}
				until = "STOPPING=1 has been sent"
			}
			continue
		case err := <-ended:
			if err != nil {
				t.Fatalf("%s: %v\n%s", program, err, said.String())
			}
		}
		break
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if m := callForm.FindStringSubmatch(line); m != nil {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// child returns the one child of a process.
func child(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	c, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatalf("children of strace: %q: %v", text, err)
	}
	return c
}

// tracedConfiguration turns on what calls the kernel: UNIX and TCP sockets, a
// name to resolve, TLS with its files, files of metrics, names to leave out.
func tracedConfiguration(t *testing.T, dir string) string {
	t.Helper()
	tcp := serveStats(t, filepath.Join(dir, "sockets"))
	ca, graphite := serveTLS(t, dir)
	excluded := filepath.Join(dir, "excluded")
	write(t, excluded, "nobody\n")
	hand(t, filepath.Join(dir, "incoming"))
	path := filepath.Join(dir, "haproxystats.conf")
	write(t, path, fmt.Sprintf(`[paths]
base-dir = %[1]s
[pull]
socket-dir = %[1]s/sockets
servers = tcp://%[2]s
pull-interval = 1
[process]
exclude-frontends = %[3]s
[graphite]
server = localhost
port = %[4]s
tls = true
ca-file = %[5]s
server-name = example.com
[local-store]
dir = %[1]s/local-store
[node lb1]
cluster = eu
servers = tcp://%[2]s
[cluster]
interval = 1
grace = 0
`, dir, tcp, excluded, graphite, ca))
	return path
}

// serveTLS stands in for a Graphite that wants TLS, and returns the file of its
// authority's certificate and its port.
func serveTLS(t *testing.T, dir string) (string, string) {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	web.Close()
	ca := filepath.Join(dir, "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
				_, _ = io.Copy(io.Discard, c) // what comes is not looked at
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		connections.Wait()
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return ca, port
}
