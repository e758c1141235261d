package container

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A platform may give the container any user, in group 0, and the volume is as
// the image says. The image's health check finds out which program it is for, and
// which files that was told to read. It is passed while the program works, and only
// then.
func TestAnyUserMayRunTheImage(t *testing.T) {
	e := needEngine(t)
	graphite := startGraphite(t)
	for _, name := range []string{"sockets", "spool"} {
		args := []string{"volume", "create"}
		if name == "sockets" {
			args = append(args, "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=uid=99,gid=99,mode=0750")
		}
		e.run(t, append(args, t.Name()+"-"+name)...)
		t.Cleanup(func() { e.run(t, "volume", "rm", "--force", t.Name()+"-"+name) })
	}
	sockets := t.Name() + "-sockets:/run/haproxy"
	text, err := os.ReadFile(composeDir + "/haproxystats.conf")
	must(t, err)
	conf := oftenText(t, string(text)+"[paths]\nbase-dir = /var/lib/haproxystats/own\n")
	ours := func(program string) spec {
		return spec{
			image: ourImage, command: []string{program, "-f", "/my.conf"}, user: "1000650000:0", groups: []string{"99"}, hostname: "lb1",
			mounts: []string{
				conf + ":/my.conf:ro", sockets,
				t.Name() + "-spool:/var/lib/haproxystats",
			},
		}
	}
	pull := e.start(t, "pull", ours("haproxystats-pull"))
	process := e.start(t, "process", ours("haproxystats-process"))
	haproxy := e.start(t, "haproxy", spec{
		image: haproxyImage, user: "99:99",
		mounts: append(haproxyMounts(), sockets, abs(t, composeDir)+"/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"),
	})
	visit(t, haproxy, "http://127.0.0.1:8080/", 3)
	graphite.wait(t, process, "loadbalancers.lb1.haproxy.frontend.www.hrsp_5xx", 3)

	file, err := images(t)[runtime.GOARCH].ConfigFile()
	must(t, err)
	check := file.Config.Healthcheck.Test
	for _, c := range []*container{pull, process} {
		healthy(t, c, check)
		c.signal(syscall.SIGSTOP)
		if status, out := c.exec(slices.Concat(check[1:], []string{"-t", "1"})...); status != 2 {
			t.Errorf("%s does not move, and the health check ends with status %d, want 2: %s", c.name, status, out)
		}
		c.signal(syscall.SIGCONT)
		healthy(t, c, check)
	}

	// It moves and gets nothing done. The limit is shorter than usual, lest the test
	// waits for it.
	haproxy.end()
	until(t, "a stall of haproxystats-pull", pull, func() bool {
		status, _ := pull.exec(slices.Concat(check[1:], []string{"-c", "3"})...)
		return status == 2
	})
	healthy(t, process, check)
	for _, c := range []*container{pull, process} {
		c.end()
	}
}

// A container of another program has no health that this check knows of.
func TestHealthCheckIsForOurProgramsOnly(t *testing.T) {
	e := needEngine(t)
	file, err := images(t)[runtime.GOARCH].ConfigFile()
	must(t, err)
	line := file.Config.Healthcheck.Test[1:]
	c := e.start(t, "check", spec{image: ourImage, command: line, alone: true}) // it is process 1 itself
	<-c.Done()
	if want := `CONTAINER UNKNOWN: process 1 is "check_haproxystats": expected haproxystats-pull, haproxystats-process or haproxystats-central: `; c.Err() == nil || !strings.Contains(c.Output(), want) {
		t.Errorf("it ended with %v and said %s, want %s", c.Err(), c.Output(), want)
	}
}

// signal signals the program behind the engine's back, which would let it pass
// only such signals as can be heeded.
func (c *container) signal(s syscall.Signal) {
	c.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(c.e.run(c.t, "inspect", "--format", "{{.State.Pid}}", c.name)))
	must(c.t, err)
	must(c.t, syscall.Kill(pid, s))
}

// An engine takes the archive of all architectures, too, and finds its own there.
func TestEngineTakesTheIndex(t *testing.T) {
	e := needEngine(t)
	e.run(t, "rmi", "--force", ourImage)
	if out := e.run(t, "load", "--quiet", "--input", archive(".oci.tar")); !strings.Contains(out, ourImage) {
		t.Errorf("podman load says %s, want %s", out, ourImage)
	}
	got := strings.TrimSpace(e.run(t, "inspect", "--format", "{{.Architecture}} {{.Id}}", ourImage))
	id, err := images(t)[runtime.GOARCH].ConfigName()
	must(t, err)
	if want := runtime.GOARCH + " " + id.Hex; got != want {
		t.Errorf("the image is %s, want %s", got, want)
	}
}

// Without any volume the image's own one is there to write to.
func TestImageBringsItsVolume(t *testing.T) {
	e := needEngine(t)
	c := e.start(t, "process", spec{image: ourImage, command: []string{"haproxystats-process"}, volumes: true})
	until(t, "a start", c, func() bool { return strings.Contains(c.Output(), "version=") })
	c.end()
}

// A root that can't be written and no volume end a program at once, and it says why.
func TestProgramsSayThatTheyCanNotWrite(t *testing.T) {
	e := needEngine(t)
	for _, program := range []string{"haproxystats-pull", "haproxystats-process"} {
		c := e.start(t, program, spec{
			image: ourImage, command: []string{program},
			mounts: []string{abs(t, composeDir) + "/haproxystats.conf:/etc/haproxystats.conf:ro"},
		})
		<-c.Done()
		if c.Err() == nil || !strings.Contains(c.Output(), "read-only file system") {
			t.Errorf("%s ended with %v and said:\n%s", program, c.Err(), c.Output())
		}
	}
}
