// Package receivers tests the outputs that post metrics with receivers that Debian does not have:
// Prometheus 3, the OpenTelemetry Collector and telegraf. Each is a module of its own below, which
// the tests build when they need it. That takes minutes, so `make receivers` runs these tests.
package receivers

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
	"haproxystats/test/push/posted"
	"haproxystats/test/real"
)

func TestMain(m *testing.M) { harness.Main(m) }

// receivers have the packages that the modules are built from, and their tags.
var receivers = map[string]*struct {
	source, tags string

	once sync.Once
	err  error
}{
	// The tag leaves out what finds targets.
	"prometheus": {source: "github.com/prometheus/prometheus/cmd/prometheus", tags: "remove_all_sd"},
	"collector":  {source: "."},
	// The tag leaves out what migrates old configurations.
	"telegraf": {source: ".", tags: "custom"},
}

// built returns the program of a receiver, which it builds unless bin has it. The test is skipped
// where the modules can't be had, unless the environment says CI=true.
func built(t *testing.T, name string) string {
	t.Helper()
	r := receivers[name]
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "receivers", name))
	if err != nil {
		t.Fatal(err)
	}
	run := func(command string, args ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, "go", append([]string{"-C", name, command, "-tags", r.tags}, args...)...)
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		// As the programs, so that the standard library is compiled once for all of them.
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Logf("go %s: %s", strings.Join(c.Args[1:], " "), out)
		}
		return err
	}
	r.once.Do(func() {
		if r.err = run("list", "-deps", r.source); r.err != nil && os.Getenv("CI") != "true" {
			return
		}
		start := time.Now()
		if err := run("build", "-ldflags", "-s -w", "-o", program, r.source); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s was built in %v", name, time.Since(start).Round(time.Second))
	})
	if r.err != nil {
		t.Skipf("no modules for %s: %v", name, r.err)
	}
	return program
}

// start starts a program, and returns when it takes connections at an address.
func start(s *harness.Site, address string, c real.Command) *real.Process {
	s.T.Helper()
	p, err := real.StartProcess(c)
	s.Must(err)
	s.T.Cleanup(func() { s.Must(p.Stop()) })
	s.Until(c.Name, 2*time.Minute, func() bool {
		select {
		case <-p.Done():
			s.T.Fatalf("%s has ended: %v\n%s", c.Name, p.Err(), p.Output())
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

// tapped returns a tap before a server, and the tap's own address.
func tapped(s *harness.Site, address string) (*posted.Tap, string) {
	s.T.Helper()
	tap, err := posted.NewTap(address)
	s.Must(err)
	server := httptest.NewServer(tap)
	s.T.Cleanup(server.Close)
	return tap, server.URL
}

var startTime = regexp.MustCompile(`(?m)^Start_time_sec: \d+`)

// recording returns the replies of a recording, of an HAProxy that started at that time. Where
// HAProxy does not say when, nothing does.
func recording(t *testing.T, name, started string) map[string][]byte {
	t.Helper()
	files := posted.Recording(t, name)
	for file, text := range files {
		files[file] = startTime.ReplaceAll(text, []byte("Start_time_sec: "+started))
	}
	return files
}
