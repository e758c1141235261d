package container

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"haproxystats/test/real"
)

const composeDir = source + "/contrib/container"

// loadCompose reads the Compose file as docker compose does: the schema, what
// refers to what, and all values in their long form.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{composeDir + "/compose.yaml"}, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	must(t, err)
	project, err := options.LoadProject(t.Context())
	must(t, err)
	return project
}

func TestComposeFileIsValid(t *testing.T) {
	p := loadCompose(t)
	if got, want := slices.Sorted(maps.Keys(p.Services)), []string{"graphite", "haproxy", "process", "pull"}; !slices.Equal(got, want) {
		t.Errorf("the services are %q, want %q", got, want)
	}
	for name, s := range p.Services {
		if name == "graphite" {
			continue
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || len(s.CapAdd) > 0 || s.Privileged {
			t.Errorf("%s is not hardened", name)
		}
		if s.Build != nil {
			if root := abs(t, source); s.Build.Context != root || !exists(filepath.Join(root, s.Build.Dockerfile)) {
				t.Errorf("%s is built from %s in %s", name, s.Build.Dockerfile, s.Build.Context)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && !exists(v.Source) {
				t.Errorf("%s mounts %s, which does not exist", name, v.Source)
			}
		}
	}
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	must(t, err)
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// HAProxy itself takes the example's configuration, and so do our programs.
func TestComposeConfigurationsAreTaken(t *testing.T) {
	haproxy := real.Need(t, "haproxy")
	if out, err := exec.Command(haproxy, "-c", "-f", composeDir+"/haproxy.cfg").CombinedOutput(); err != nil {
		t.Errorf("haproxy -c: %v: %s", err, out)
	}
	checkConf(t, composeDir+"/haproxystats.conf")
}

// checkConf wants both programs to take a configuration without a word.
func checkConf(t *testing.T, conf string) {
	t.Helper()
	for _, program := range []string{"haproxystats-pull", "haproxystats-process"} {
		var said strings.Builder
		cmd := exec.Command("go", "run", "./cmd/"+program, "-P", "-f", abs(t, conf))
		cmd.Dir, cmd.Stderr = source, &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s -P -f %s: %v: %s", program, conf, err, said.String())
		}
	}
}

// The services run together as the Compose file says, on the networks and ports
// of the tests' own loopback.
func TestComposedServicesDeliver(t *testing.T) {
	e := needEngine(t)
	p := loadCompose(t)
	graphite := startGraphite(t)

	volumes := make(map[string]string)
	for name, v := range p.Volumes {
		volumes[name] = t.Name() + "-" + name
		args := []string{"volume", "create"}
		for k, o := range v.DriverOpts {
			args = append(args, "--opt", k+"="+o)
		}
		e.run(t, append(args, volumes[name])...)
		t.Cleanup(func() { e.run(t, "volume", "rm", "--force", volumes[name]) })
	}
	conf := often(t, composeDir+"/haproxystats.conf")
	service := func(name string) spec {
		s := p.Services[name]
		c := spec{
			image: s.Image, command: s.Command, user: s.User, groups: s.GroupAdd, hostname: s.Hostname,
			alone: s.NetworkMode == "none",
		}
		if s.Build != nil {
			c.image = ourImage
		}
		for _, v := range s.Volumes {
			from := v.Source
			switch {
			case v.Type == types.VolumeTypeVolume:
				from = volumes[v.Source]
			case filepath.Base(v.Source) == "haproxystats.conf":
				from = conf
			}
			c.mounts = append(c.mounts, from+":"+v.Target+access(v.ReadOnly))
		}
		if s.Build == nil {
			c.mounts = append(c.mounts, haproxyMounts()...)
		}
		return c
	}

	// Whichever is first.
	process := e.start(t, "process", service("process"))
	pull := e.start(t, "pull", service("pull"))
	haproxy := e.start(t, "haproxy", service("haproxy"))

	visit(t, haproxy, "http://127.0.0.1:8080/", 3)
	graphite.wait(t, process, "loadbalancers.lb1.haproxy.frontend.www.hrsp_5xx", 3)
	for name, c := range map[string]*container{"pull": pull, "process": process} {
		healthy(t, c, p.Services[name].HealthCheck.Test)
	}
	pull.end()
	process.end()
	haproxy.end()
}

func access(readOnly bool) string {
	if readOnly {
		return ":ro"
	}
	return ""
}

// often returns a copy of a configuration with a round a second, lest the tests
// wait for ten.
func often(t *testing.T, conf string) string {
	t.Helper()
	text, err := os.ReadFile(conf)
	must(t, err)
	return oftenText(t, string(text))
}

func oftenText(t *testing.T, text string) string {
	t.Helper()
	before, after, ok := strings.Cut(text, "[pull]\n")
	if !ok {
		t.Fatalf("there is no section [pull] in\n%s", text)
	}
	path := filepath.Join(t.TempDir(), "haproxystats.conf")
	must(t, os.WriteFile(path, []byte(before+"[pull]\npull-interval = 1\n"+after), 0o644))
	// The directories of tests are root's alone.
	for dir := filepath.Dir(path); dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	return path
}

// visit makes requests that HAProxy answers, whatever with.
func visit(t *testing.T, haproxy *container, url string, times int) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	until(t, "an answer from "+url, haproxy, func() bool {
		response, err := client.Get(url)
		if err != nil {
			return false
		}
		must(t, response.Body.Close())
		times--
		return times == 0
	})
}

// healthy wants a check, in the form of an image's or a service's health check,
// to be passed soon.
func healthy(t *testing.T, c *container, check []string) {
	t.Helper()
	if len(check) < 2 || check[0] != "CMD" {
		t.Fatalf("the health check is %q: there is no shell", check)
	}
	var last string
	until(t, fmt.Sprintf("success of %q", check[1:]), c, func() bool {
		status, out := c.exec(check[1:]...)
		if out != last {
			t.Logf("%s: %q: status %d: %s", c.name, check[1:], status, out)
			last = out
		}
		return status == 0
	})
}
