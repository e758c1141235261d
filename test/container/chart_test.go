package container

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	templates "helm.sh/helm/v4/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"haproxystats/internal/config"
)

const (
	chartDir = source + "/contrib/helm/haproxystats"
	// chartCases has files of values, and what the chart makes of each.
	chartCases = "testdata/chart"
)

// loadChart reads the chart as Helm does.
func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	must(t, err)
	return c
}

// readValues reads values as Helm does.
func readValues(t *testing.T, text string) map[string]any {
	t.Helper()
	values, err := loader.LoadValues(strings.NewReader(text))
	must(t, err)
	return values
}

// render makes what `helm install lb` would give to Kubernetes, and the notes that it prints.
func render(c *chart.Chart, values map[string]any) (manifests []byte, notes string, err error) {
	return renderAs("lb", c, values)
}

// renderAs is render for a release of that name.
func renderAs(release string, c *chart.Chart, values map[string]any) (manifests []byte, notes string, err error) {
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, "", err
	}
	options := common.ReleaseOptions{Name: release, Namespace: "edge", Revision: 1, IsInstall: true}
	all, err := commonutil.ToRenderValues(c, values, options, nil)
	if err != nil {
		return nil, "", err
	}
	files, err := templates.Render(c, all)
	if err != nil {
		return nil, "", err
	}
	var documents []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := strings.TrimSpace(files[name])
		switch {
		case strings.HasSuffix(name, "/NOTES.txt"):
			notes += text
		case text != "":
			documents = append(documents, strings.TrimPrefix(text, "---\n")+"\n")
		}
	}
	return []byte(strings.Join(documents, "---\n")), notes, nil
}

// chartCase is a file of values that the chart renders.
type chartCase struct {
	values   string
	text     []byte
	notes    string
	manifest manifest
}

// renderCases renders each file of values.
func renderCases(t *testing.T) map[string]chartCase {
	t.Helper()
	files, err := filepath.Glob(chartCases + "/*.yaml")
	must(t, err)
	cases := make(map[string]chartCase)
	for _, f := range files {
		if strings.HasSuffix(f, ".golden.yaml") {
			continue
		}
		values, err := os.ReadFile(f)
		must(t, err)
		c := chartCase{values: string(values)}
		c.text, c.notes, err = render(loadChart(t), readValues(t, c.values))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		c.manifest = parseManifest(t, f, c.text)
		cases[strings.TrimSuffix(filepath.Base(f), ".yaml")] = c
	}
	if len(cases) < 6 {
		t.Fatalf("%d files of values, want 6 or more", len(cases))
	}
	return cases
}

// TestChartLints: `helm lint` finds nothing, with the default values and with those of each
// case. The chart has no icon, because the project has none.
func TestChartLints(t *testing.T) {
	all := map[string]string{"values.yaml": ""}
	for name, c := range renderCases(t) {
		all[name] = c.values
	}
	for name, text := range all {
		for _, m := range lint.RunAll(chartDir, readValues(t, text), "edge").Messages {
			if m.Severity > support.InfoSev || !strings.Contains(m.Error(), "icon is recommended") {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

// TestChartGolden compares what the chart renders with files. UPDATE_GOLDEN=1 writes them.
func TestChartGolden(t *testing.T) {
	for name, c := range renderCases(t) {
		golden := filepath.Join(chartCases, name+".golden.yaml")
		if os.Getenv("UPDATE_GOLDEN") != "" {
			must(t, os.WriteFile(golden, c.text, 0o644))
		}
		want, err := os.ReadFile(golden)
		must(t, err)
		if !bytes.Equal(c.text, want) {
			t.Errorf("%s: the chart renders another %s; UPDATE_GOLDEN=1 writes it:\n%s", name, golden, c.text)
		}
	}
}

func TestChartKeepsToTheSchemas(t *testing.T) {
	all := make(map[string]manifest)
	for name, c := range renderCases(t) {
		all[name] = c.manifest
	}
	keepToTheSchemas(t, all)
}

// TestChartPods: the pods keep to the restricted level of the Pod Security Standards, but for
// the directories of the node that a DaemonSet mounts, and stay below their limits.
func TestChartPods(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	pods := 0
	for name, c := range renderCases(t) {
		for _, p := range c.manifest.pods {
			pods++
			want := ""
			for _, v := range p.Spec.Volumes {
				if v.HostPath != nil {
					want = "restricted volume types"
				}
			}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &p.ObjectMeta, &p.Spec))
			if got := strings.Join(result.ForbiddenReasons, ", "); got != want {
				t.Errorf("%s breaks the standard by %q, want %q: %s", name, got, want, result.ForbiddenDetail())
			}
			if token := p.Spec.AutomountServiceAccountToken; token == nil || *token {
				t.Errorf("%s: the pod has a token", name)
			}
			for _, c := range p.Spec.Containers {
				if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
					t.Errorf("%s: the root of %s can be written", name, c.Name)
				}
				if c.LivenessProbe == nil || c.ReadinessProbe == nil {
					t.Errorf("%s: %s has not both probes", name, c.Name)
				}
				if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
					t.Errorf("%s: %s asks for no processor or no memory", name, c.Name)
				}
				soft, err := resource.ParseQuantity(strings.TrimSuffix(c.Env[0].Value, "B"))
				must(t, err)
				hard := c.Resources.Limits.Memory().Value()
				if share := 100 * soft.Value() / hard; c.Env[0].Name != "GOMEMLIMIT" || share < 79 || share > 80 {
					t.Errorf("%s: %s has %s=%s, want 80 %% of %d", name, c.Name, c.Env[0].Name, c.Env[0].Value, hard)
				}
			}
		}
	}
	if pods < 5 {
		t.Errorf("%d pods, want 5 or more", pods)
	}
}

// programsOfImage returns a directory with the programs of the image that is tested.
func programsOfImage(t *testing.T) (dir string) {
	t.Helper()
	image, err := tarball.ImageFromPath(archive("_"+runtime.GOARCH+".tar"), nil)
	must(t, err)
	layers, err := image.Layers()
	must(t, err)
	layer, err := layers[0].Uncompressed()
	must(t, err)
	defer layer.Close()
	dir = t.TempDir()
	for files := tar.NewReader(layer); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(t, err)
		if header.Typeflag != tar.TypeReg || !strings.HasPrefix(filepath.Base(header.Name), "haproxystats-") {
			continue
		}
		program, err := io.ReadAll(files)
		must(t, err, os.WriteFile(filepath.Join(dir, filepath.Base(header.Name)), program, 0o755))
	}
}

// TestChartConfigurations: the programs that read a configuration have not even a warning
// about it.
func TestChartConfigurations(t *testing.T) {
	tested, programs := 0, programsOfImage(t)
	for name, c := range renderCases(t) {
		for config, data := range c.manifest.configs {
			readers := []string{"haproxystats-pull", "haproxystats-process"}
			if strings.HasSuffix(config, "-central") {
				readers = []string{"haproxystats-central"}
			}
			for _, p := range readers {
				tested++
				// Status 2 is a warning.
				if out, err := testConfiguration(t, filepath.Join(programs, p), data.Data); err != nil {
					t.Errorf("%s: %s -t: %v: %s\n%s", name, p, err, out, data.Data["haproxystats.conf"])
				}
			}
		}
	}
	if tested < 8 {
		t.Errorf("%d configurations were tested, want 8 or more", tested)
	}
}

// testConfiguration has a program test the data of a ConfigMap, as a container has them, and
// returns what it says.
func testConfiguration(t *testing.T, program string, data map[string]string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range data {
		if name == "haproxystats.conf" {
			text = strings.ReplaceAll(text, "/etc/haproxystats/", dir+"/")
			for _, secret := range regexp.MustCompile(`/run/secrets/haproxystats/\S+`).FindAllString(text, -1) {
				path := dir + secret
				must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("secret\n"), 0o600))
				text = strings.ReplaceAll(text, secret, path)
			}
		}
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	run := exec.Command(program, "-t", "-f", filepath.Join(dir, "haproxystats.conf"))
	run.Env = append(os.Environ(), "NODE_NAME="+nodeName, "POD_NAME=lb-0", "SITE=ams1")
	out, err := run.CombinedOutput()
	return string(out), err
}

// minimalWith returns the smallest values, with more of node.configuration.
func minimalWith(t *testing.T, configuration map[string]any) map[string]any {
	t.Helper()
	values := readValues(t, "image: {repository: registry.example.com/haproxystats, tag: 1.0.0}\nnode: {sockets: {group: 99}}\n")
	values["node"].(map[string]any)["configuration"] = configuration
	return values
}

// configurationOf returns the file that the chart renders for nodes.
func configurationOf(t *testing.T, values map[string]any) string {
	t.Helper()
	text, _, err := render(loadChart(t), values)
	must(t, err)
	return parseManifest(t, "the chart", text).configs["lb-haproxystats"].Data["haproxystats.conf"]
}

// TestChartOptions: the chart takes every option, and each value stands in the file as it was
// given.
func TestChartOptions(t *testing.T) {
	given, want := make(map[string]any), make(map[string][]string)
	for _, s := range config.Sections() {
		name := s.Name
		if s.Named == config.OnlyNamed {
			name += s.Separator + "one"
		}
		if s.Groups {
			given[name] = []any{map[string]any{"z": "^a$"}, map[string]any{"a": "b|$"}}
			want[name] = []string{"z = ^a$$", "a = b|$$"}
			continue
		}
		options := make(map[string]any)
		for _, o := range config.Options() {
			if o.Section != s.Name {
				continue
			}
			text := o.Default
			if text == "" {
				text = "${env:NODE_NAME}"
			}
			var value any = text
			if o.Kind == "word" {
				value = text
			} else if n, err := strconv.ParseFloat(text, 64); err == nil {
				value = n // as Helm reads numbers
				text = strconv.FormatFloat(n, 'f', -1, 64)
			} else if b, err := strconv.ParseBool(text); err == nil {
				value = b
			}
			options[o.Name] = value
			want[name] = append(want[name], o.Name+" = "+text)
		}
		slices.Sort(want[name])
		given[name] = options
	}
	text := configurationOf(t, minimalWith(t, given))
	for _, section := range strings.Split("\n"+text, "\n[")[1:] {
		header, body, _ := strings.Cut(section, "]\n")
		got := strings.Split(strings.TrimSpace(body), "\n")
		if !slices.Contains([]string{"frontend-groups", "backend-groups", "server-groups"}, header) {
			slices.Sort(got)
		}
		if !slices.Equal(got, want[header]) {
			t.Errorf("[%s] has %q, want %q", header, got, want[header])
		}
		delete(want, header)
	}
	if len(want) > 0 {
		t.Errorf("sections are missing: %v", slices.Sorted(maps.Keys(want)))
	}
}

// TestChartRefuses: the chart refuses what can't work, and the message names the value.
func TestChartRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ values, want string }{
		"no image":           {"image: {repository: ''}", "image.repository is not set: push the image"},
		"no version":         {"image: {tag: ''}", "image.tag is not set, and a chart from a checkout"},
		"no group":           {"node: {sockets: {group: null}}", "node.sockets.group is not set: set the number"},
		"unknown value":      {"node: {colour: red}", "at '/node': additional properties 'colour' not allowed"},
		"unknown top":        {"nodes: {}", "additional properties 'nodes' not allowed"},
		"kind":               {"node: {kind: Deployment}", "at '/node/kind': value must be one of 'DaemonSet', 'StatefulSet', 'Sidecar'"},
		"section":            {"node: {configuration: {graphit: {}}}", "at '/node/configuration': additional properties 'graphit' not allowed"},
		"option":             {"node: {configuration: {pull: {queue: 1}}}", "at '/node/configuration/pull': additional properties 'queue' not allowed"},
		"type of an option":  {"node: {configuration: {pull: {queue-size: many}}}", "at '/node/configuration/pull/queue-size': got string, want integer"},
		"word":               {"node: {configuration: {pull: {on-partial: perhaps}}}", "at '/node/configuration/pull/on-partial': value must be one of 'discard', 'keep'"},
		"two lines":          {`node: {configuration: {graphite: {server: "a\nport = 1"}}}`, "at '/node/configuration/graphite/server'"},
		"separator of lines": {`node: {configuration: {graphite: {server: "a\u2028  x: b"}}}`, "at '/node/configuration/graphite/server'"},
		"next line":          {`node: {configuration: {graphite: {server: "a\u0085b"}}}`, "at '/node/configuration/graphite/server'"},
		"line in a variable": {`node: {configuration: {pull: {workers: "${env:A}\u2029b"}}}`, "at '/node/configuration/pull/workers'"},
		"line in a name":     {`node: {configuration: {server-groups: [{"a\u2028b": c}]}}`, "at '/node/configuration/server-groups/0'"},
		"line in a path":     {`node: {sockets: {hostPath: "/run\u0085a"}}`, "at '/node/sockets/hostPath'"},
		"dot in the name":    {"fullnameOverride: a.b", "at '/fullnameOverride'"},
		"volume's name":      {"node: {sockets: {volumeName: a.b}}", "at '/node/sockets/volumeName'"},
		"groups as a map":    {"node: {configuration: {server-groups: {a: b}}}", "at '/node/configuration/server-groups': got object, want array"},
		"group twice":        {"node: {configuration: {server-groups: [{a: b}, {A: c}]}}", "configuration.server-groups: the group A is there twice: keep one of them"},
		"claim of DaemonSet": {"node: {spool: {kind: claim}}", "node.spool.kind is claim, which a DaemonSet does not have"},
		"hostPath elsewhere": {"node: {kind: StatefulSet, spool: {kind: hostPath}}", "node.spool.kind is hostPath, which a StatefulSet would leave behind"},
		"sidecar's hostPath": {"node: {kind: Sidecar, spool: {kind: hostPath}}", "node.spool.kind is hostPath, which pods of a Sidecar would share"},
		"size":               {"node: {spool: {size: 5}}", "at '/node/spool/size': got number, want string"},
		"limit":              {"node: {resources: {pull: {limits: {memory: 512M}}}}", "at '/node/resources/pull/limits/memory': '512M' does not match pattern"},
		"root":               {"security: {runAsUser: 0}", "at '/security/runAsUser': minimum: got 0, want 1"},
		"own variable":       {"node: {env: [{name: NODE_NAME, value: a}]}", "at '/node/env/0/name'"},
		"own configuration":  {"node: {files: {haproxystats.conf: a}}", "at '/node/files/haproxystats.conf': false schema"},
		"monitor":            {"monitor: {kind: PodMonitor}\nnode: {configuration: {prometheus: null}}", "monitor.kind is PodMonitor, and node.configuration.prometheus has no address that other pods reach"},
		"loopback":           {"monitor: {kind: PodMonitor}\nnode: {configuration: {prometheus: {listen: '127.0.0.1:9101, [::1]:9101'}}}", "has no address that other pods reach"},
		"sidecar's selector": {"monitor: {kind: PodMonitor}\nnode: {kind: Sidecar}", "node.selector is not set: set the labels of HAProxy's pods"},
		"own relabelings":    {"monitor: {endpoint: {relabelings: []}}", "at '/monitor/endpoint/relabelings': false schema"},
		"own label":          {"node: {labels: {app.kubernetes.io/name: a}}", "at '/node/labels/app.kubernetes.io~1name': false schema"},
		"name of a group":    {"node: {configuration: {server-groups: [{'a b': c}]}}", "at '/node/configuration/server-groups/0': additional properties 'a b' not allowed"},
		"number as a word":   {"node: {configuration: {remote-write: {protocol: 2.0}}}", "at '/node/configuration/remote-write/protocol': got number, want string"},
		"replicas":           {"central: {enabled: true, replicas: 2, configuration: {central: {kafka: false}}}", "central.replicas is above 1 and kafka of [central] is not true"},
		"no directory":       {"node: {configuration: {pull: {socket-dir: null}}}", "node.configuration.pull.socket-dir is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			values := readValues(t, "image: {repository: registry.example.com/haproxystats, tag: 1.0.0}\nnode: {sockets: {group: 99}}\n")
			values = loader.MergeMaps(values, readValues(t, tt.values))
			if _, _, err := render(loadChart(t), values); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestChartNames: Kubernetes takes the names of all objects, volumes and files, whatever those
// are that were given.
func TestChartNames(t *testing.T) {
	long := strings.Repeat("long-name.", 5) + "end" // Helm takes 53 characters
	secret := strings.Repeat("a.b-", 50) + "c"
	values := readValues(t, fmt.Sprintf(`
image: {repository: registry.example.com/haproxystats, tag: 1.0.0, pullSecrets: ["1e3"]}
node:
  kind: StatefulSet
  secrets: ["123", %q]
  files: {"1e3": a, "null": b}
  configuration: {prometheus: {path: "/a: b #c"}}
central: {enabled: true, secrets: ["true"]}
monitor: {kind: ServiceMonitor}
`, secret))
	text, _, err := renderAs(long, loadChart(t), values)
	must(t, err)
	m := parseManifest(t, "the chart", text)
	var refused []string
	for _, document := range m.text {
		var object metav1.PartialObjectMetadata
		must(t, yaml.Unmarshal(document, &object))
		switch object.Kind {
		case "Service":
			refused = append(refused, validation.IsDNS1035Label(object.Name)...)
		case "StatefulSet":
			if len(object.Name) > 52 {
				t.Errorf("the StatefulSet %s has %d characters, want 52 at most", object.Name, len(object.Name))
			}
		}
	}
	names := make(map[string]bool)
	for _, p := range m.pods {
		for _, v := range p.Spec.Volumes {
			refused = append(refused, validation.IsDNS1123Label(v.Name)...)
			if v.Secret != nil {
				names[v.Secret.SecretName] = true
			}
		}
		for _, s := range p.Spec.ImagePullSecrets {
			names[s.Name] = true
		}
	}
	if len(refused) > 0 {
		t.Errorf("Kubernetes refuses names: %q", refused)
	}
	for _, name := range []string{"1e3", "123", "true", secret} {
		if !names[name] {
			t.Errorf("no pod has the Secret %s: %v", name, names)
		}
	}
	for name, want := range map[string]string{"1e3": "a", "null": "b"} {
		for config, data := range m.configs {
			if !strings.HasSuffix(config, "-central") && data.Data[name] != want {
				t.Errorf("the file %s has %q, want %q", name, data.Data[name], want)
			}
		}
	}
}

// TestChartRolls: pods are replaced when their configuration or files change, and only then.
func TestChartRolls(t *testing.T) {
	sum := func(more string) string {
		values := readValues(t, "image: {repository: registry.example.com/haproxystats, tag: 1.0.0}\nnode: {sockets: {group: 99}}\n")
		text, _, err := render(loadChart(t), loader.MergeMaps(values, readValues(t, more)))
		must(t, err)
		return parseManifest(t, "the chart", text).pod.Annotations["checksum/configuration"]
	}
	was := sum("")
	for more, same := range map[string]bool{
		"monitor: {interval: 60s}":                                true,
		"node: {configuration: {pull: {queue-size: 181}}}":        false,
		"node: {files: {names: a}}":                               false,
		"node: {configuration: {graphite: {namespace: lb}}}":      false,
		"node: {configuration: {pull: {queue-size: 180}}}":        true,
		"central: {configuration: {cluster: {interval: 20}}}":     true,
		"node: {configuration: {DEFAULT: {hostname: load-bal}}}":  false,
		"node: {configuration: {local-store: {}}}":                false,
		"node: {configuration: {process: {server-metrics: [a]}}}": false,
	} {
		if got := sum(more) == was; got != same || was == "" {
			t.Errorf("%s leaves the pods: %t, want %t", more, got, same)
		}
	}
}

// TestChartMonitors: a monitor finds the pods or the Service, at the port where the program
// listens.
func TestChartMonitors(t *testing.T) {
	for _, name := range []string{"daemonset", "central"} {
		m := renderCases(t)[name].manifest
		monitorFindsPods(t, name, m)
	}
}

// TestChartRules: the operator takes the rules, which are those of contrib/prometheus.
func TestChartRules(t *testing.T) {
	text, _, err := render(loadChart(t), readValues(t, "image: {repository: r, tag: 1.0.0}\nnode: {sockets: {group: 99}}\nrules: {enabled: true, labels: {release: prometheus}}\n"))
	must(t, err)
	file, err := os.ReadFile(source + "/contrib/prometheus/haproxystats.yml")
	must(t, err)
	var want monitoring.PrometheusRuleSpec
	must(t, yaml.UnmarshalStrict(file, &want))
	for _, document := range parseManifest(t, "the chart", text).text {
		var got monitoring.PrometheusRule
		must(t, yaml.Unmarshal(document, &got))
		if got.Kind != "PrometheusRule" {
			continue
		}
		if !reflect.DeepEqual(got.Spec, want) || got.Labels["release"] != "prometheus" {
			t.Error("the rules of the chart are not those of contrib/prometheus")
		}
		return
	}
	t.Error("the chart renders no rules")
}

// umbrella returns the chart of a user, which depends on ours.
func umbrella(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartCases + "/umbrella")
	must(t, err)
	c.AddDependency(loadChart(t))
	return c
}

// TestChartSidecarDelivers: a chart whose pods have HAProxy takes the containers from ours,
// and they deliver.
func TestChartSidecarDelivers(t *testing.T) {
	text, _, err := render(umbrella(t), map[string]any{})
	must(t, err)
	m := parseManifest(t, "umbrella", text)
	keepToTheSchemas(t, map[string]manifest{"umbrella": m})

	// Without our chart its own pod is what is left.
	alone, _, err := render(umbrella(t), map[string]any{"haproxystats": map[string]any{"enabled": false}})
	must(t, err)
	if got := parseManifest(t, "umbrella", alone).pod.Spec.Containers; len(got) != 1 {
		t.Errorf("%d containers without haproxystats, want 1", len(got))
	}

	e := needEngine(t)
	graphite := startGraphite(t)
	p := newPod(t, m)
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

// TestChartDaemonSetDelivers: its metrics have the name of the node, although the pods have
// names of their own.
func TestChartDaemonSetDelivers(t *testing.T) {
	text, _, err := render(loadChart(t), minimalWith(t, map[string]any{
		"graphite": map[string]any{"enabled": true, "server": "graphite.monitoring.svc.cluster.local", "port": 2003},
	}))
	must(t, err)
	e := needEngine(t)
	graphite := startGraphite(t)
	p := newPod(t, parseManifest(t, "the chart", text))
	haproxy := e.start(t, "haproxy", spec{
		image: haproxyImage, user: "99:99",
		mounts: append(haproxyMounts(), p.volumes["sockets"]+":/run/haproxy",
			abs(t, composeDir)+"/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"),
	})
	pull, process := p.start(e, "lb-haproxystats-x7k2p")
	visit(t, haproxy, "http://127.0.0.1:8080/", 3)
	graphite.wait(t, process, "loadbalancers.node-1.haproxy.frontend.www.hrsp_5xx", 3)
	scraped(t, process, "http://127.0.0.1:9101/metrics")
	pull.end()
	process.end()
	haproxy.end()
}

// monitorFindsPods looks up what a monitor selects.
func monitorFindsPods(t *testing.T, name string, m manifest) {
	t.Helper()
	found := 0
	for _, document := range m.text {
		var object struct {
			Kind string
			Spec struct {
				Selector            metav1.LabelSelector
				PodMetricsEndpoints []struct{ Port, Path string }
				Endpoints           []struct{ Port, Path string }
			}
		}
		must(t, yaml.Unmarshal(document, &object))
		endpoints := slices.Concat(object.Spec.PodMetricsEndpoints, object.Spec.Endpoints)
		if len(endpoints) == 0 {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(&object.Spec.Selector)
		must(t, err)
		port := endpoints[0].Port
		if object.Kind == "ServiceMonitor" {
			service := m.services[0]
			if !selector.Matches(labels.Set(service.Labels)) || service.Spec.Ports[0].Name != port {
				t.Errorf("%s: the monitor does not find the service %s at its port", name, service.Name)
			}
			selector, port = labels.SelectorFromSet(service.Spec.Selector), service.Spec.Ports[0].TargetPort.StrVal
		}
		if !selector.Matches(labels.Set(m.pod.Labels)) {
			t.Errorf("%s: the monitor does not find the pods", name)
		}
		for _, c := range m.pod.Spec.Containers {
			for _, p := range c.Ports {
				for _, data := range m.configs {
					if p.Name == port && strings.Contains(data.Data["haproxystats.conf"], fmt.Sprintf("\n[prometheus]\nlisten = :%d\n", p.ContainerPort)) {
						found++
					}
				}
			}
		}
	}
	if found != 1 {
		t.Errorf("%s: %d monitors lead to a port where a program listens, want 1", name, found)
	}
}

// TestChartArchive: Helm reads what a release packs, and takes the image of the release from
// it without a tag.
func TestChartArchive(t *testing.T) {
	dir := t.TempDir()
	pack := exec.Command("go", "run", "./packaging/chart", "-version", "1.2.3-rc.1", "-date", testCreated, "-homepage", "https://example.com/", "-out", dir)
	pack.Dir = source
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("pack the chart: %v: %s", err, out)
	}
	packed, err := loader.LoadFile(filepath.Join(dir, "haproxystats-1.2.3-rc.1.tgz"))
	must(t, err)
	must(t, packed.Validate())
	if m := packed.Metadata; m.Version != "1.2.3-rc.1" || m.AppVersion != "1.2.3-rc.1" || m.Home != "https://example.com/" {
		t.Errorf("the archive has the versions %s and %s, and the home %s", m.Version, m.AppVersion, m.Home)
	}
	values := readValues(t, "image: {repository: registry.example.com/haproxystats}\nnode: {sockets: {group: 99}}\nrules: {enabled: true}\n")
	got, notes, err := render(packed, values)
	must(t, err)
	plain := loadChart(t)
	plain.Metadata.Version, plain.Metadata.AppVersion = "1.2.3-rc.1", "1.2.3-rc.1"
	want, wantNotes, err := render(plain, values)
	must(t, err)
	if !bytes.Equal(got, want) || notes != wantNotes {
		t.Errorf("the archive renders something else than the checkout:\n%s", got)
	}
	if image := parseManifest(t, "the archive", got).pod.Spec.Containers[0].Image; image != "registry.example.com/haproxystats:1.2.3-rc.1" {
		t.Errorf("the image is %s, want that of the release", image)
	}
}

// TestChartNotes: the notes name objects that there are, and for a Sidecar they have what its
// pods need.
func TestChartNotes(t *testing.T) {
	cases := renderCases(t)
	for name, want := range map[string]string{
		"daemonset":   "rollout status daemonset/lb-haproxystats\n",
		"statefulset": "rollout status statefulset/edge-statistics\n",
		"central":     "rollout status statefulset/lb-haproxystats-central\n",
	} {
		notes := cases[name].notes
		if !strings.Contains(notes, want) || !strings.Contains(notes, "check_haproxystats all") {
			t.Errorf("%s: the notes have no %q:\n%s", name, want, notes)
		}
		container := regexp.MustCompile(`-c (\S+) --`).FindStringSubmatch(notes)
		if container == nil || !slices.ContainsFunc(cases[name].manifest.pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == container[1] }) {
			t.Errorf("%s: the notes name the container %q, which the pod does not have", name, container)
		}
	}
	_, snippet, _ := strings.Cut(cases["sidecar"].notes, "\n\n")
	snippet, _, _ = strings.Cut(snippet, "\n\n2. ")
	var got corev1.PodSpec
	must(t, yaml.UnmarshalStrict([]byte(snippet), &got))
	text, _, err := render(umbrella(t), map[string]any{})
	must(t, err)
	want := parseManifest(t, "umbrella", text).pod.Spec
	if !reflect.DeepEqual(got.Containers, want.Containers[1:]) || got.Volumes[1].Name != want.Volumes[3].Name {
		t.Errorf("the notes have other containers or volumes than the templates for charts:\n%s", snippet)
	}
}
