package container

import (
	"fmt"
	"io"
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
	"sigs.k8s.io/yaml"

	"haproxystats/test/real"
)

const composeDir = source + "/contrib/container"

// clusterDir has the example of a cluster.
const clusterDir = composeDir + "/cluster"

// kafkaDir has the example of a cluster through Kafka.
const kafkaDir = composeDir + "/kafka"

// loadCompose reads the Compose file of a directory as docker compose does: the schema,
// what refers to what, and all values in their long form.
func loadCompose(t *testing.T, dir string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{dir + "/compose.yaml"}, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	must(t, err)
	project, err := options.LoadProject(t.Context())
	must(t, err)
	return project
}

func TestComposeFileIsValid(t *testing.T) {
	for dir, want := range map[string][]string{
		composeDir: {"graphite", "haproxy", "process", "prometheus", "pull"},
		clusterDir: {"central", "graphite", "haproxy1", "haproxy2"},
		kafkaDir:   {"central", "graphite", "haproxy1", "haproxy2", "kafka", "process1", "process2", "pull1", "pull2"},
	} {
		p := loadCompose(t, dir)
		if got := slices.Sorted(maps.Keys(p.Services)); !slices.Equal(got, want) {
			t.Errorf("%s: the services are %q, want %q", dir, got, want)
		}
		checkServices(t, p)
	}
}

// checkServices wants the services of an example to be hardened, and to mount and build
// what there is.
func checkServices(t *testing.T, p *types.Project) {
	t.Helper()
	for name, s := range p.Services {
		if name == "graphite" || name == "kafka" {
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
	for dir, programs := range map[string][]string{composeDir: onNodes, clusterDir: {"haproxystats-central"}} {
		if out, err := exec.Command(haproxy, "-c", "-f", dir+"/haproxy.cfg").CombinedOutput(); err != nil {
			t.Errorf("haproxy -c: %v: %s", err, out)
		}
		checkConf(t, dir+"/haproxystats.conf", programs...)
	}
	checkConf(t, kafkaDir+"/node.conf", onNodes...)
	checkConf(t, kafkaDir+"/central.conf", "haproxystats-central")
}

// TestComposedPrometheus: promtool takes its configuration and the rules, and the target is
// the service that listens there.
func TestComposedPrometheus(t *testing.T) {
	promtool := real.Need(t, "prometheus")
	p := loadCompose(t, composeDir)
	dir := t.TempDir()
	for _, v := range p.Services["prometheus"].Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		name, ok := strings.CutPrefix(v.Target, "/etc/prometheus/")
		if !ok {
			t.Errorf("the container gets %s, which Prometheus does not read", v.Target)
			continue
		}
		text, err := os.ReadFile(v.Source)
		must(t, err, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	if out, err := exec.Command(promtool, "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput(); err != nil {
		t.Errorf("promtool check config: %v: %s", err, out)
	}
	var scraped struct {
		Configs []struct {
			Targets []struct {
				Targets []string
				Labels  map[string]string
			} `json:"static_configs"`
		} `json:"scrape_configs"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "prometheus.yml"))
	must(t, err, yaml.Unmarshal(text, &scraped))
	conf, err := os.ReadFile(composeDir + "/haproxystats.conf")
	must(t, err)
	target := scraped.Configs[0].Targets[0]
	service, port, _ := strings.Cut(target.Targets[0], ":")
	if s, ok := p.Services[service]; !ok || s.Hostname != target.Labels["instance"] || !strings.Contains(string(conf), "\n[prometheus]\nlisten = :"+port+"\n") {
		t.Errorf("%s with the labels %v is not where a service listens", target.Targets[0], target.Labels)
	}
}

// scraped wants an endpoint to show the series of HAProxy.
func scraped(t *testing.T, process *container, url string) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	until(t, "series at "+url, process, func() bool {
		response, err := client.Get(url)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && strings.Contains(string(text), "\nhaproxy_up 1\n") && strings.Contains(string(text), "\nhaproxy_frontend_http_responses_total{proxy=\"www\",code=\"5xx\"} 3\n")
	})
}

// TestComposedKafka: what the nodes and haproxystats-central say of each other in the
// example through Kafka.
func TestComposedKafka(t *testing.T) {
	p := loadCompose(t, kafkaDir)
	broker := p.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"]
	if broker == nil {
		t.Fatal("the broker tells no address")
	}
	_, address, _ := strings.Cut(*broker, "://")
	for _, conf := range []string{"node.conf", "central.conf"} {
		text, err := os.ReadFile(filepath.Join(kafkaDir, conf))
		must(t, err)
		if !strings.Contains(string(text), "brokers = "+address+"\n") {
			t.Errorf("%s has other brokers than %s", conf, address)
		}
	}
	for _, n := range []string{"1", "2"} {
		haproxy, pull, process := p.Services["haproxy"+n], p.Services["pull"+n], p.Services["process"+n]
		if process.Hostname != "lb"+n {
			t.Errorf("node %s is named %q, want %q", n, process.Hostname, "lb"+n)
		}
		for volume, services := range map[string][]types.ServiceConfig{"sockets" + n: {haproxy, pull}, "spool" + n: {pull, process}} {
			for _, s := range services {
				if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == volume }) {
					t.Errorf("%s does not mount %s", s.Name, volume)
				}
			}
		}
	}
}

// onNodes are the programs that run beside HAProxy.
var onNodes = []string{"haproxystats-pull", "haproxystats-process"}

// checkConf wants programs to take a configuration without a word.
func checkConf(t *testing.T, conf string, programs ...string) {
	t.Helper()
	for _, program := range programs {
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
	p := loadCompose(t, composeDir)
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
	scraped(t, process, "http://127.0.0.1:9101/metrics")
	for name, c := range map[string]*container{"pull": pull, "process": process} {
		healthy(t, c, p.Services[name].HealthCheck.Test)
	}
	pull.end()
	process.end()
	haproxy.end()
}

// The cluster of the example is the sum of its nodes. Both names lead to one HAProxy here,
// since containers share the network of the tests, so the sum is twice what it has.
func TestComposedClusterDelivers(t *testing.T) {
	e := needEngine(t)
	p := loadCompose(t, clusterDir)
	graphite := startGraphite(t)
	text, err := os.ReadFile(clusterDir + "/haproxystats.conf")
	must(t, err)
	conf := oftenText(t, string(text)+"[cluster]\ninterval = 1\ngrace = 1\n")
	volume := t.Name() + "-work"
	e.run(t, "volume", "create", volume)
	t.Cleanup(func() { e.run(t, "volume", "rm", "--force", volume) })
	s := p.Services["central"]
	central := e.start(t, "central", spec{
		image: ourImage, command: s.Command, hostname: s.Hostname,
		mounts: []string{conf + ":/etc/haproxystats.conf:ro", volume + ":/var/lib/haproxystats"},
	})
	haproxy := e.start(t, "haproxy", spec{
		image: haproxyImage, user: p.Services["haproxy1"].User,
		mounts: append(haproxyMounts(), abs(t, clusterDir)+"/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"),
	})
	visit(t, haproxy, "http://127.0.0.1:8080/", 3)
	graphite.wait(t, central, "loadbalancers.clusters.demo.haproxy.haproxystats.NodesReporting", 2)
	graphite.wait(t, central, "loadbalancers.clusters.demo.haproxy.frontend.www.hrsp_5xx", 6)
	graphite.wait(t, central, "loadbalancers.lb1.haproxy.frontend.www.hrsp_5xx", 3)
	graphite.wait(t, central, "loadbalancers.central.haproxy.haproxystats.CentralSnapshotsDone", 2)
	healthy(t, central, s.HealthCheck.Test)
	central.end()
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
