package container

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/santhosh-tekuri/jsonschema/v6"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"haproxystats/test/real"
)

const kubernetesDir = source + "/contrib/kubernetes"

// manifest is what an example holds, as Kubernetes reads it.
type manifest struct {
	text    [][]byte
	configs map[string]corev1.ConfigMap
	pods    []corev1.PodTemplateSpec
	pod     corev1.PodTemplateSpec                  // the last one
	claims  map[string]corev1.PersistentVolumeClaim // of each pod
	// services are in the order of the file.
	services []corev1.Service
	// namespace is nil where the user chooses it.
	namespace *corev1.Namespace
}

// readManifest reads an example; a field that Kubernetes does not know is an error.
func readManifest(t *testing.T, name string) manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(kubernetesDir, name))
	must(t, err)
	return parseManifest(t, name, text)
}

func parseManifest(t *testing.T, name string, text []byte) manifest {
	t.Helper()
	m := manifest{configs: make(map[string]corev1.ConfigMap), claims: make(map[string]corev1.PersistentVolumeClaim)}
	for _, document := range bytes.Split(text, []byte("---\n")) {
		var kind struct{ Kind string }
		must(t, yaml.Unmarshal(document, &kind))
		switch kind.Kind {
		case "ConfigMap":
			var c corev1.ConfigMap
			must(t, yaml.UnmarshalStrict(document, &c))
			m.configs[c.Name] = c
		case "StatefulSet":
			var s appsv1.StatefulSet
			must(t, yaml.UnmarshalStrict(document, &s))
			m.add(s.Spec.Template)
			for _, c := range s.Spec.VolumeClaimTemplates {
				m.claims[c.Name] = c
			}
		case "DaemonSet":
			var d appsv1.DaemonSet
			must(t, yaml.UnmarshalStrict(document, &d))
			m.add(d.Spec.Template)
		case "Namespace":
			m.namespace = new(corev1.Namespace)
			must(t, yaml.UnmarshalStrict(document, m.namespace))
		case "Service":
			var s corev1.Service
			must(t, yaml.UnmarshalStrict(document, &s))
			m.services = append(m.services, s)
		default:
			object, ok := otherKinds[kind.Kind]
			if !ok {
				t.Fatalf("%s has a %q, which this test does not know", name, kind.Kind)
			}
			must(t, yaml.UnmarshalStrict(document, object()))
		}
		m.text = append(m.text, document)
	}
	return m
}

// otherKinds are kinds that a manifest may have, and of which these tests want no more than
// that Kubernetes takes them.
var otherKinds = map[string]func() any{
	"ServiceAccount":      func() any { return new(corev1.ServiceAccount) },
	"NetworkPolicy":       func() any { return new(networkingv1.NetworkPolicy) },
	"PodDisruptionBudget": func() any { return new(policyv1.PodDisruptionBudget) },
	"PodMonitor":          func() any { return new(monitoring.PodMonitor) },
	"ServiceMonitor":      func() any { return new(monitoring.ServiceMonitor) },
	"PrometheusRule":      func() any { return new(monitoring.PrometheusRule) },
}

func (m *manifest) add(pod corev1.PodTemplateSpec) {
	m.pods = append(m.pods, pod)
	m.pod = pod
}

var manifests = []string{"sidecar.yaml", "daemonset.yaml", "central.yaml"}

// schemaReleases are the releases of Kubernetes that the examples are checked
// against: the oldest and the newest whose schemas there are.
var schemaReleases = []string{"v1.25.0", "v1.37.0"}

// schemaBase is what the schemas call each other by.
const schemaBase = "https://kubernetes.io/api/"

func TestManifestsKeepToTheSchemas(t *testing.T) {
	all := make(map[string]manifest)
	for _, name := range manifests {
		all[name] = readManifest(t, name)
	}
	keepToTheSchemas(t, all)
}

// keepToTheSchemas checks the objects of manifests against the schemas of Kubernetes. The
// operator's objects have none there.
func keepToTheSchemas(t *testing.T, all map[string]manifest) {
	t.Helper()
	z, err := zip.OpenReader(needSchemas(t))
	must(t, err)
	defer z.Close()
	for _, release := range schemaReleases {
		dir, err := fs.Sub(z, "kubernetes_validate/kubernetes-json-schema/"+release+"-local-strict")
		must(t, err)
		load := func(name string) any {
			data, err := fs.ReadFile(dir, name)
			must(t, err)
			schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			must(t, err)
			return schema
		}
		compiler := jsonschema.NewCompiler()
		must(t, compiler.AddResource(schemaBase+"_definitions.json", load("_definitions.json")))
		for name, m := range all {
			for _, document := range m.text {
				var object map[string]any
				must(t, yaml.Unmarshal(document, &object))
				kind, version := object["kind"].(string), object["apiVersion"].(string)
				if version == "monitoring.coreos.com/v1" {
					continue
				}
				file := strings.ToLower(kind) + "-" + strings.ReplaceAll(strings.Replace(version, ".k8s.io/", "/", 1), "/", "-") + ".json"
				// A resource may be added once.
				_ = compiler.AddResource(schemaBase+file, load(file))
				schema, err := compiler.Compile(schemaBase + file)
				must(t, err)
				if err := schema.Validate(object); err != nil {
					t.Errorf("%s: %s against %s: %v", name, kind, release, err)
				}
				object["haproxystats"] = true
				if schema.Validate(object) == nil {
					t.Errorf("the schema of %s takes a field that does not exist", kind)
				}
			}
		}
	}
}

// The pods keep to the restricted level of the Pod Security Standards. The DaemonSet's
// break it for what they take from the node, and the manifest says so.
func TestPodsKeepToTheSecurityStandards(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, want := range map[string]string{
		"sidecar.yaml":   "",
		"central.yaml":   "",
		"daemonset.yaml": "host namespaces, restricted volume types",
	} {
		m := readManifest(t, name)
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &m.pod.ObjectMeta, &m.pod.Spec))
		if got := strings.Join(result.ForbiddenReasons, ", "); got != want {
			t.Errorf("%s breaks the standard by %q, want %q: %s", name, got, want, result.ForbiddenDetail())
		}
		if want != "" && (m.namespace == nil || m.namespace.Labels["pod-security.kubernetes.io/enforce"] != string(api.LevelPrivileged)) {
			t.Errorf("%s does not label its namespace as privileged", name)
		}
		for _, c := range m.pod.Spec.Containers {
			if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
				t.Errorf("%s: the root of %s can be written", name, c.Name)
			}
			if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
				t.Errorf("%s: %s has no limit of memory or asks for no processor", name, c.Name)
			}
			if c.Name != "haproxy" && (c.LivenessProbe == nil || c.ReadinessProbe != nil) {
				t.Errorf("%s: the probes of %s are not liveness alone", name, c.Name)
			}
		}
	}
}

// What the programs may take is below what evicts or kills them: the queue for
// Graphite leaves half of the volume to snapshots that wait, and the collector has
// room before the kernel's limit.
func TestPodsStayBelowTheirLimits(t *testing.T) {
	for _, name := range manifests {
		m := readManifest(t, name)
		limits, ours := 0, 0
		for _, c := range m.pod.Spec.Containers {
			if c.Name != "haproxy" {
				ours++
			}
			for _, e := range c.Env {
				if e.Name != "GOMEMLIMIT" {
					continue
				}
				limits++
				soft, err := resource.ParseQuantity(strings.TrimSuffix(e.Value, "B"))
				must(t, err)
				if hard := c.Resources.Limits.Memory(); soft.Cmp(*hard) >= 0 {
					t.Errorf("%s: GOMEMLIMIT of %s is %s, the limit %s", name, c.Name, e.Value, hard)
				}
			}
		}
		if limits != ours {
			t.Errorf("%s: %d containers have GOMEMLIMIT, want %d", name, limits, ours)
		}
		var conf string
		for _, c := range m.configs {
			conf += c.Data["haproxystats.conf"]
		}
		queue := regexp.MustCompile(`(?m)^queue-max-bytes = (\d+)$`).FindStringSubmatch(conf)
		if queue == nil {
			t.Fatalf("%s: the queue has the size of all", name)
		}
		bytes, err := resource.ParseQuantity(queue[1])
		must(t, err)
		spools := 0
		for _, v := range m.pod.Spec.Volumes {
			if v.Name == "spool" && v.EmptyDir != nil {
				spools++
				if size := v.EmptyDir.SizeLimit; size == nil || 2*bytes.Value() > size.Value() {
					t.Errorf("%s: the queue may have %s of the volume's %v", name, queue[1], size)
				}
			}
		}
		for _, c := range m.claims {
			spools++
			if size := c.Spec.Resources.Requests.Storage(); 2*bytes.Value() > size.Value() {
				t.Errorf("%s: the queue may have %s of the volume's %v", name, queue[1], size)
			}
		}
		if spools != 1 {
			t.Errorf("%s: %d spools", name, spools)
		}
	}
}

func TestManifestsConfigurationsAreTaken(t *testing.T) {
	haproxy := real.Need(t, "haproxy")
	for _, name := range manifests {
		m := readManifest(t, name)
		for _, c := range m.configs {
			for file, text := range c.Data {
				path := filepath.Join(t.TempDir(), file)
				must(t, os.WriteFile(path, []byte(text), 0o644))
				if file == "haproxystats.conf" {
					checkConf(t, path, programsOf(m)...)
				} else if out, err := exec.Command(haproxy, "-c", "-f", path).CombinedOutput(); err != nil {
					t.Errorf("haproxy -c: %v: %s", err, out)
				}
			}
		}
	}
}

// TestManifestsVariantsAreTaken has the examples of nodes with what they offer in comments:
// metrics to Kafka, and tables for haproxystats-central.
func TestManifestsVariantsAreTaken(t *testing.T) {
	for _, name := range []string{"sidecar.yaml", "daemonset.yaml"} {
		m := readManifest(t, name)
		text := regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(m.configs["haproxystats"].Data["haproxystats.conf"], "$1")
		sections := []string{"[kafka]", "[forward]", "[prometheus]"}
		for _, section := range sections {
			if !strings.Contains(text, "\n"+section+"\n") {
				t.Errorf("%s offers no section %s", name, section)
			}
		}
		path := filepath.Join(t.TempDir(), "haproxystats.conf")
		must(t, os.WriteFile(path, []byte(text), 0o644))
		checkConf(t, path, programsOf(m)...)
	}
}

// offered is what a manifest offers in comments, beside its configuration.
var offered = regexp.MustCompile(`(?m)^( *)#(annotations:|ports:|  [- a-z].*)$`)

// TestMonitors: the Prometheus Operator takes the monitors, and finds the pods, at the port and
// the path where haproxystats-process listens. So do scrapes by annotations.
func TestMonitors(t *testing.T) {
	read := func(name string, monitor any) {
		text, err := os.ReadFile(filepath.Join(kubernetesDir, name))
		must(t, err, yaml.UnmarshalStrict(text, monitor))
	}
	daemons, err := os.ReadFile(filepath.Join(kubernetesDir, "daemonset.yaml"))
	must(t, err)
	sidecar, daemonset := readManifest(t, "sidecar.yaml"), parseManifest(t, "daemonset.yaml", offered.ReplaceAll(daemons, []byte("$1$2")))

	var service monitoring.ServiceMonitor
	read("servicemonitor.yaml", &service)
	chosen := func(s metav1.LabelSelector, all map[string]string) bool {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		must(t, err)
		return selector.Matches(labels.Set(all))
	}
	found := 0
	for _, s := range sidecar.services {
		if !chosen(service.Spec.Selector, s.Labels) {
			continue
		}
		found++
		if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(sidecar.pod.Labels)) {
			t.Errorf("the service %s has no pods", s.Name)
		}
		for _, p := range s.Spec.Ports {
			if p.Name == service.Spec.Endpoints[0].Port {
				listens(t, "servicemonitor.yaml", sidecar, p.TargetPort.StrVal, service.Spec.Endpoints[0].Path)
				found++
			}
		}
	}
	if found != 2 {
		t.Errorf("servicemonitor.yaml finds %d services with its port, want one", found)
	}

	var pod monitoring.PodMonitor
	read("podmonitor.yaml", &pod)
	if !chosen(pod.Spec.Selector, daemonset.pod.Labels) || pod.Namespace != daemonset.namespace.Name {
		t.Error("podmonitor.yaml does not find the pods of daemonset.yaml")
	}
	listens(t, "podmonitor.yaml", daemonset, *pod.Spec.PodMetricsEndpoints[0].Port, pod.Spec.PodMetricsEndpoints[0].Path)

	// The file of rules is what the operator's object of rules specifies.
	rules, err := os.ReadFile(source + "/contrib/prometheus/haproxystats.yml")
	must(t, err)
	var spec monitoring.PrometheusRuleSpec
	must(t, yaml.UnmarshalStrict(rules, &spec))
	if len(spec.Groups) != 3 {
		t.Errorf("got %d groups of rules, want 3", len(spec.Groups))
	}

	for name, m := range map[string]manifest{"sidecar.yaml": sidecar, "daemonset.yaml": daemonset} {
		a := m.pod.Annotations
		if a["prometheus.io/scrape"] != "true" || a["prometheus.io/port"] != fmt.Sprint(portOf(m, "metrics")) || a["prometheus.io/path"] != "/metrics" {
			t.Errorf("%s: the annotations %q do not lead to the port %d", name, a, portOf(m, "metrics"))
		}
	}
}

// portOf returns the number of a port of haproxystats-process; 0 for none.
func portOf(m manifest, name string) int32 {
	for _, c := range m.pod.Spec.Containers {
		for _, p := range c.Ports {
			if c.Name == "process" && p.Name == name {
				return p.ContainerPort
			}
		}
	}
	return 0
}

// listens wants haproxystats-process to listen at a port of its container.
func listens(t *testing.T, monitor string, m manifest, port, path string) {
	t.Helper()
	text := strings.ReplaceAll(m.configs["haproxystats"].Data["haproxystats.conf"], "\n#", "\n")
	if want := fmt.Sprintf("\n[prometheus]\nlisten = :%d\n", portOf(m, port)); !strings.Contains(text, want) || path != "/metrics" {
		t.Errorf("%s asks at port %q and %s, and the configuration does not have %q", monitor, port, path, want)
	}
}

// programsOf returns the programs of haproxystats that run in a pod.
func programsOf(m manifest) (programs []string) {
	for _, c := range m.pod.Spec.Containers {
		if c.Name != "haproxy" {
			programs = append(programs, c.Command[0])
		}
	}
	return programs
}

// pod lays out what a kubelet gives a pod: its volumes, their owners and modes.
type pod struct {
	t        *testing.T
	manifest manifest
	volumes  map[string]string
}

// newPod makes the volumes. Those that a pod brings have its group, and what is
// made in them gets it, too.
func newPod(t *testing.T, m manifest) *pod {
	t.Helper()
	dir, err := os.MkdirTemp("", "hs-")
	must(t, err, os.Chmod(dir, 0o755))
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	p := &pod{t, m, make(map[string]string)}
	group := int(*m.pod.Spec.SecurityContext.FSGroup)
	for _, v := range m.pod.Spec.Volumes {
		path := filepath.Join(dir, v.Name)
		must(t, os.Mkdir(path, 0o755))
		p.volumes[v.Name] = path
		switch {
		case v.ConfigMap != nil:
			for name, text := range m.configs[v.ConfigMap.Name].Data {
				if name == "haproxystats.conf" {
					text = strings.Replace(text, "[pull]\n", "[pull]\npull-interval = 1\n", 1)
				}
				must(t, os.WriteFile(filepath.Join(path, name), []byte(text), 0o644))
			}
		case v.EmptyDir != nil:
			must(t, os.Chown(path, 0, group), os.Chmod(path, fs.ModeSetgid|0o777))
		case v.HostPath != nil:
			// As Debian's package of HAProxy makes it.
			must(t, os.Chown(path, 99, 99), os.Chmod(path, fs.ModeSetgid|0o775))
		default:
			t.Fatalf("the volume %s is of a kind that this test does not know", v.Name)
		}
	}
	return p
}

// spec returns how the kubelet would run a container of the pod.
func (p *pod) spec(name, hostname string) (spec, corev1.Container) {
	p.t.Helper()
	own := p.manifest.pod.Spec.SecurityContext
	for _, c := range p.manifest.pod.Spec.Containers {
		if c.Name != name {
			continue
		}
		user, group := own.RunAsUser, own.RunAsGroup
		if c.SecurityContext.RunAsUser != nil {
			user, group = c.SecurityContext.RunAsUser, c.SecurityContext.RunAsGroup
		}
		s := spec{
			image: c.Image, command: append(c.Command, c.Args...), user: fmt.Sprintf("%d:%d", *user, *group),
			hostname: hostname, nodeName: p.manifest.pod.Spec.HostNetwork, groups: []string{fmt.Sprint(*own.FSGroup)},
		}
		if strings.HasPrefix(c.Image, "registry.example.com/haproxystats:") {
			s.image = ourImage
		} else {
			s.mounts = haproxyMounts()
		}
		for _, g := range own.SupplementalGroups {
			s.groups = append(s.groups, fmt.Sprint(g))
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil {
				e.Value = map[string]string{"spec.nodeName": nodeName, "metadata.name": hostname}[e.ValueFrom.FieldRef.FieldPath]
			}
			s.env = append(s.env, e.Name+"="+e.Value)
		}
		for _, m := range c.VolumeMounts {
			s.mounts = append(s.mounts, p.volumes[m.Name]+":"+m.MountPath+access(m.ReadOnly))
		}
		return s, c
	}
	p.t.Fatalf("there is no container %s", name)
	return spec{}, corev1.Container{}
}

// nodeName is the name of the node that the pods run on.
const nodeName = "node-1.example.com"

// start starts both programs and wants them to be found alive.
func (p *pod) start(e *engine, hostname string) (pull, process *container) {
	p.t.Helper()
	s, pullSpec := p.spec(p.running("haproxystats-pull"), hostname)
	pull = e.start(p.t, "pull", s)
	s, processSpec := p.spec(p.running("haproxystats-process"), hostname)
	process = e.start(p.t, "process", s)
	healthy(p.t, process, append([]string{"CMD"}, processSpec.LivenessProbe.Exec.Command...))
	healthy(p.t, pull, append([]string{"CMD"}, pullSpec.LivenessProbe.Exec.Command...))
	return pull, process
}

// running returns the name of the container that runs a program.
func (p *pod) running(program string) string {
	p.t.Helper()
	for _, c := range p.manifest.pod.Spec.Containers {
		if len(c.Command) > 0 && c.Command[0] == program {
			return c.Name
		}
	}
	p.t.Fatalf("no container runs %s", program)
	return ""
}

func TestSidecarDelivers(t *testing.T) {
	e := needEngine(t)
	graphite := startGraphite(t)
	p := newPod(t, readManifest(t, "sidecar.yaml"))
	s, _ := p.spec("haproxy", "haproxy-0")
	haproxy := e.start(t, "haproxy", s)
	pull, process := p.start(e, "haproxy-0")
	visit(t, haproxy, "http://127.0.0.1:8080/", 3)
	graphite.wait(t, process, "loadbalancers.haproxy-0.haproxy.frontend.www.hrsp_5xx", 3)
	scraped(t, process, "http://127.0.0.1:9101/metrics")
	pull.end()
	process.end()
	haproxy.end()
}

// The DaemonSet's pods read the socket of a HAProxy that is no container, and name
// metrics after the node.
func TestDaemonSetDelivers(t *testing.T) {
	e := needEngine(t)
	graphite := startGraphite(t)
	p := newPod(t, readManifest(t, "daemonset.yaml"))
	node, err := os.Hostname()
	must(t, err)
	node, _, _ = strings.Cut(node, ".")
	haproxy := e.start(t, "haproxy", spec{
		image: haproxyImage, user: "99:99",
		mounts: append(haproxyMounts(), p.volumes["sockets"]+":/run/haproxy",
			abs(t, composeDir)+"/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"),
	})
	pull, process := p.start(e, "")
	visit(t, haproxy, "http://127.0.0.1:8080/", 3)
	graphite.wait(t, process, "loadbalancers."+node+".haproxy.frontend.www.hrsp_5xx", 3)
	pull.end()
	process.end()
	haproxy.end()
}
