package container

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/real"
)

// The images that the tests load, by the names under which the examples use them.
const (
	ourImage     = "localhost/haproxystats:" + testVersion
	haproxyImage = "docker.io/library/haproxy:3.2"
	golangImage  = "docker.io/library/golang:1.26"
)

// endLimit is how long a program may take to end after a signal.
const endLimit = 5 * time.Second

// engine is a podman with nothing in common with the machine's own.
type engine struct {
	podman string
	dir    string
}

// containersConf leaves limits as they are: raising them needs a right that a
// sandbox may lack.
const containersConf = `[containers]
default_ulimits = []
[engine]
events_logger = "none"
cgroup_manager = "cgroupfs"
`

// loaded is the one engine of all tests.
var loaded = sync.OnceValues(func() (*engine, error) {
	podman, err := exec.LookPath("podman")
	if err != nil {
		return nil, err
	}
	e := &engine{podman: podman, dir: filepath.Join(work, "engine")}
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"containers.conf": containersConf,
		"registries.conf": "unqualified-search-registries = []\n",
		"storage.conf": fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n",
			filepath.Join(e.dir, "store"), filepath.Join(e.dir, "run")),
	} {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	_, err = e.try("load", "--quiet", "--input", archive("_"+runtime.GOARCH+".tar"))
	if err != nil {
		return nil, err
	}
	return e, errors.Join(e.standInHAProxy(), e.standInGo())
})

func startEngine(t *testing.T) *engine {
	t.Helper()
	e, err := loaded()
	must(t, err)
	return e
}

// command returns the command line of the engine.
func (e *engine) command(args ...string) []string {
	return append([]string{e.podman, "--tmpdir", filepath.Join(e.dir, "tmp")}, args...)
}

func (e *engine) env() []string {
	return append(os.Environ(),
		"CONTAINERS_CONF="+filepath.Join(e.dir, "containers.conf"),
		"CONTAINERS_REGISTRIES_CONF="+filepath.Join(e.dir, "registries.conf"),
		"CONTAINERS_STORAGE_CONF="+filepath.Join(e.dir, "storage.conf"))
}

func (e *engine) try(args ...string) (string, error) {
	line := e.command(args...)
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = e.env(), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("podman %s: %w: %s%s", strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String(), nil
}

func (e *engine) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.try(args...)
	must(t, err)
	return out
}

// spec says how a container runs. Whatever it says, the container has a root that
// can't be written, no capabilities and no way to more rights: the examples ask
// for that, and a test of each wants them to.
type spec struct {
	image    string
	command  []string
	user     string
	groups   []string
	hostname string
	nodeName bool     // has the hostname of the machine
	alone    bool     // has no network
	mounts   []string // SOURCE:TARGET[:ro]
	env      []string
	volumes  bool // those that the image declares are made
}

// container is one at work.
type container struct {
	*real.Process
	t    *testing.T
	e    *engine
	name string
}

// start starts a container, which the test's end removes.
func (e *engine) start(t *testing.T, name string, s spec) *container {
	t.Helper()
	name = strings.ReplaceAll(t.Name(), "/", "-") + "-" + name
	args := []string{
		"run", "--rm", "--name", name, "--pull", "never", "--cgroups", "disabled",
		"--read-only", "--read-only-tmpfs=false", "--cap-drop", "all", "--security-opt", "no-new-privileges",
	}
	if s.alone {
		args = append(args, "--network", "none")
	} else {
		// Names are in the container's file of hosts, and nobody answers for others.
		args = append(args, "--network", "host", "--dns", "127.0.0.1", "--add-host", "graphite:127.0.0.1",
			"--add-host", "haproxy1:127.0.0.1", "--add-host", "haproxy2:127.0.0.1",
			"--add-host", "graphite.monitoring.svc.cluster.local:127.0.0.1")
	}
	if s.user != "" {
		args = append(args, "--user", s.user)
	}
	if s.hostname != "" {
		args = append(args, "--hostname", s.hostname)
	}
	if s.nodeName {
		args = append(args, "--uts", "host")
	}
	if !s.volumes {
		args = append(args, "--image-volume", "ignore")
	}
	for _, g := range s.groups {
		args = append(args, "--group-add", g)
	}
	for _, m := range s.mounts {
		args = append(args, "--volume", m)
	}
	for _, v := range s.env {
		args = append(args, "--env", v)
	}
	pid := filepath.Join(t.TempDir(), "pid")
	args = append(args, "--pidfile", pid)
	line := e.command(append(append(args, s.image), s.command...)...)
	p, err := real.StartProcess(real.Command{Name: name, Path: line[0], Args: line[1:], Env: e.env()})
	must(t, err)
	c := &container{Process: p, t: t, e: e, name: name}
	t.Cleanup(func() {
		select {
		case <-p.Done():
		default:
			_, _ = e.try("rm", "--force", "--time", "0", name) // it may end meanwhile
			<-p.Done()
		}
		if t.Failed() {
			said := p.Output()
			t.Logf("%s said at last:\n%s", name, said[max(0, len(said)-2000):])
		}
	})
	c.started(pid)
	return c
}

// started waits until the container has started, which writes a file, or has ended. The
// engine may lock itself up where containers that share volumes start at the same time.
func (c *container) started(pidFile string) {
	c.t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(pidFile); err == nil && len(text) > 0 {
			return
		}
		select {
		case <-c.Done():
			return
		case <-late:
			c.t.Fatalf("%s has not started in %v", c.name, patience)
		case <-tick.C:
		}
	}
}

// exec runs a program in the container and returns its exit status.
func (c *container) exec(command ...string) (status int, out string) {
	c.t.Helper()
	out, err := c.e.try(append([]string{"exec", c.name}, command...)...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	if err != nil {
		return exit.ExitCode(), err.Error()
	}
	return 0, out
}

// end signals the program, which is process 1 in its container, and wants it to
// end with status 0 in time.
func (c *container) end() {
	c.t.Helper()
	late := time.NewTimer(real.Loaded(endLimit))
	defer late.Stop()
	must(c.t, c.Signal(syscall.SIGTERM))
	select {
	case <-c.Done():
		if err := c.Err(); err != nil {
			c.t.Errorf("%s ended after SIGTERM with %v, want status 0", c.name, err)
		}
	case <-late.C:
		c.t.Errorf("%s has not ended %v after SIGTERM", c.name, endLimit)
	}
}

// patience bounds the wait for something that will come where nothing is broken.
const patience = 5 * time.Minute

// until waits for something that only asking tells.
func until(t *testing.T, what string, c *container, is func() bool) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-c.Done():
			t.Fatalf("%s ended while the test waited for %s: %v: %s", c.name, what, c.Err(), c.Output())
		case <-late:
			t.Fatalf("%s has not come in %v", what, patience)
		case <-tick.C:
		}
	}
}
