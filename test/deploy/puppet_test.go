package deploy

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/test/real"
)

// module is the Puppet module, which is called as its directory is.
const module = "../../contrib/puppet/haproxystats"

// What --detailed-exitcodes says of a run.
const (
	nothingChanged = 0
	changed        = 2
	someFailed     = 4
)

// TestPuppet lives through the life of a node: looked at, installed with every
// option set, looked after, brought back to the defaults, its services reloaded and stopped,
// and then given a configuration that the programs refuse.
func TestPuppet(t *testing.T) {
	t.Parallel()
	real.Need(t, "puppet-agent")
	n := newNode(t)
	n.copy(module, "/srv/modules/haproxystats")
	n.write("/srv/hiera.yaml", `{"version": 5, "hierarchy": [{"name": "all", "path": "/srv/data.json", "data_hash": "json_data"}]}`, 0o644)
	writeTLS(n)
	n.ask("groupadd", "--system", "stats-sockets")

	all := configuration("haproxystats::")
	all["haproxystats::package_source"] = "/srv/haproxystats.deb"
	all["haproxystats::groups"] = []string{"stats-sockets"}
	all["haproxystats::writable_dirs"] = []string{"/srv/queue"}
	all["haproxystats::process_cpu_affinity"] = "0 2-3"
	all["haproxystats::pull_cpu_affinity"] = "any"
	all["haproxystats::named"] = given()

	puppet(n, all, nothingChanged, "--noop")
	for _, path := range []string{"/etc/haproxystats.conf", "/usr/bin/haproxystats-pull", "/etc/systemd/system/haproxystats-pull.service.d"} {
		if n.has(path) {
			t.Errorf("%s is there after a run that must not do anything", path)
		}
	}
	if calls := n.calls(); calls != nil {
		t.Errorf("a run that must not do anything called systemctl: %q", calls)
	}

	puppet(n, all, changed)
	checkArrived(n)
	checkInstalled(n)
	if puppet(n, all, nothingChanged); n.calls() != nil {
		t.Error("the second run touched the services")
	}

	few := map[string]any{"haproxystats::manage_package": false}
	puppet(n, few, changed)
	checkDefaults(n, cpusOf(t))

	checkReloaded(n, func(timeout any, restart, fails bool) {
		data := map[string]any{
			"haproxystats::manage_package": false, "haproxystats::restart_on_change": restart,
			"haproxystats::configuration": only("pull", "timeout", timeout),
		}
		want := changed
		if fails {
			want = someFailed
		}
		puppet(n, data, want)
	})

	few["haproxystats::enable"], few["haproxystats::autostart"] = false, false
	few["haproxystats::configuration"] = only("DEFAULT", "loglevel", "debug")
	puppet(n, few, changed)
	checkStopped(n)

	few["haproxystats::configuration"] = only("paths", "base-dir", "/srv/stats")
	few["haproxystats::enable"], few["haproxystats::autostart"] = true, true
	few["haproxystats::programs"], few["haproxystats::named"] = combining, given()
	puppet(n, few, changed)
	checkCombining(n)

	few["haproxystats::configuration"] = only("graphite", "group-namespace", "site")
	checkRefused(n, func() string { return puppet(n, few, someFailed) })
}

// puppet applies the module with such data, and returns what Puppet says.
func puppet(n *node, data map[string]any, want int, flags ...string) string {
	n.t.Helper()
	text, err := json.Marshal(data)
	n.must(err)
	n.write("/srv/data.json", string(text), 0o644)
	out, status := n.run(append([]string{
		"puppet", "apply", "--detailed-exitcodes", "--color=false", "--strict=error", "--strict_variables", "--modulepath=/srv/modules", "--hiera_config=/srv/hiera.yaml", "--execute=include haproxystats",
	}, flags...)...)
	// A run may both change and fail.
	if status != want && status&^changed != want&^changed || want == changed && status != changed {
		n.t.Fatalf("puppet apply: status %d, want %d\n%s", status, want, out)
	}
	return out
}

// TestPuppetModule has Puppet's own tools look at the module.
func TestPuppetModule(t *testing.T) {
	t.Parallel()
	puppet := real.Need(t, "puppet-agent")
	lint := real.Need(t, "puppet-lint")
	dir := copied(t, module)
	templates, err := filepath.Glob(filepath.Join(dir, "templates/*.epp"))
	if err != nil || len(templates) == 0 {
		t.Fatal(templates, err)
	}
	for _, args := range [][]string{
		{puppet, "parser", "validate", "--strict=error", "manifests", "types", "functions", "examples"},
		append([]string{puppet, "epp", "validate", "--strict=error"}, templates...),
		{lint, "--fail-on-warnings", "."},
	} {
		if out, err := toolIn(t, dir, args...); err != nil || strings.TrimSpace(out) != "" {
			t.Errorf("%s: %v\n%s", strings.Join(args[1:], " "), err, out)
		}
	}
}

// TestPuppetMetadata has Puppet read what the module says of itself.
func TestPuppetMetadata(t *testing.T) {
	puppet := real.Need(t, "puppet-agent")
	dir := copied(t, module)
	out, err := toolIn(t, dir, puppet, "module", "list", "--color=false", "--modulepath", filepath.Dir(dir))
	if err != nil || !strings.Contains(out, "haproxystats-haproxystats (v") || strings.Contains(out, "Warning") {
		t.Errorf("puppet module list: %v\n%s", err, out)
	}
}

// TestPuppetCatalogs runs the module's specs.
func TestPuppetCatalogs(t *testing.T) {
	t.Parallel()
	rspec := real.Need(t, "ruby-rspec-puppet")
	out, err := toolIn(t, copied(t, module), rspec)
	if err != nil || !strings.Contains(out, " 0 failures") {
		t.Errorf("rspec: %v\n%s", err, out)
	}
}

// TestPuppetParameters compares the module's parameters with what its manifest
// and its README say of them.
func TestPuppetParameters(t *testing.T) {
	manifest := read(t, module+"/manifests/init.pp")
	parameters := found(manifest, `(?m)^  [A-Z]\S.* \$(\w+) += `)
	if len(parameters) == 0 {
		t.Fatal("the manifest has no parameters")
	}
	if documented := found(manifest, `(?m)^# @param (\w+)$`); !slices.Equal(documented, parameters) {
		t.Errorf("documented in the manifest: %q; there are %q", documented, parameters)
	}
	checkMentions(t, module+"/README.md", parameters)
}
