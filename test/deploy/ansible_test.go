package deploy

import (
	"encoding/json"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"haproxystats/test/real"
)

const (
	playbooks = "../../contrib/ansible"
	role      = playbooks + "/roles/haproxystats"
)

// TestAnsible lives through the life of a node: looked at, installed with every
// option set, looked after, brought back to the defaults, its services reloaded and stopped,
// moved to a machine of many CPUs without systemd, and then given a configuration
// that the programs refuse.
func TestAnsible(t *testing.T) {
	t.Parallel()
	real.Need(t, "ansible-core")
	real.Need(t, "python3-apt")
	n := newNode(t)
	n.copy(playbooks, "/srv/ansible")
	writeTLS(n)
	n.ask("groupadd", "--system", "stats-sockets")

	all := configuration("haproxystats_")
	all["haproxystats_package_source"] = "/srv/haproxystats.deb"
	all["haproxystats_groups"] = []string{"stats-sockets"}
	all["haproxystats_writable_dirs"] = []string{"/srv/queue"}
	all["haproxystats_process_cpu_affinity"] = "0 2-3"
	all["haproxystats_pull_cpu_affinity"] = "any"
	maps.Copy(all["haproxystats_configuration"].(map[string]any), flat())

	ansible(n, all, "--check", "--diff").passed(t)
	for _, path := range []string{"/etc/haproxystats.conf", "/usr/bin/haproxystats-pull", "/etc/systemd/system/haproxystats-pull.service.d"} {
		if n.has(path) {
			t.Errorf("%s is there after a run that must not do anything", path)
		}
	}
	if calls := n.calls(); calls != nil {
		t.Errorf("a run that must not do anything called systemctl: %q", calls)
	}

	ansible(n, all).passed(t)
	checkArrived(n)
	checkInstalled(n)
	if second := ansible(n, all).passed(t); second.changed != 0 || n.calls() != nil {
		t.Errorf("the second run changed %d things\n%s", second.changed, second.output)
	}

	few := map[string]any{
		"haproxystats_manage_package": false,
		"haproxystats_configuration": map[string]any{
			"pull":  map[string]any{"servers": []string{}, "socket-dir": "", "retries": nil},
			"paths": nil,
		},
	}
	ansible(n, few).passed(t)
	checkDefaults(n, runtime.NumCPU())

	const there = "--start-at-task=haproxystats : Write the configuration"
	checkReloaded(n, func(timeout any, restart, fails bool) {
		run := ansible(n, map[string]any{
			"haproxystats_manage_package": false, "haproxystats_restart_on_change": restart,
			"haproxystats_configuration": only("pull", "timeout", timeout),
		}, there)
		if (run.failed != 0) != fails {
			t.Errorf("got %d failures, want some: %v\n%s", run.failed, fails, run.output)
		}
	})

	few["haproxystats_enable"], few["haproxystats_autostart"] = false, false
	few["haproxystats_configuration"] = only("DEFAULT", "loglevel", "debug")
	ansible(n, few, there).passed(t)
	checkStopped(n)

	combined := map[string]any{
		"haproxystats_manage_package": false, "haproxystats_programs": combining,
		"haproxystats_configuration": flat(),
	}
	combined["haproxystats_configuration"].(map[string]any)["paths"] = map[string]any{"base-dir": "/srv/stats"}
	ansible(n, combined, there).passed(t)
	checkCombining(n)
	combined["haproxystats_programs"] = []string{"haproxystats-process", "haproxystats-central"}
	if both := ansible(n, combined); both.failed != 1 || !strings.Contains(both.output, "need the same queue for Graphite") {
		t.Errorf("got %d failures with two programs that need one queue, want 1:\n%s", both.failed, both.output)
	}
	ansible(n, few, there).passed(t)
	n.calls()

	const facts = "/srv/facts/localhost"
	kept := n.read(facts)
	other := regexp.MustCompile(`("ansible_service_mgr":) *"systemd"`).ReplaceAllString(kept, `$1 "openrc"`)
	other = regexp.MustCompile(`("ansible_processor_nproc":) *\d+`).ReplaceAllString(other, `$1 1008`)
	n.write(facts, other, 0o600)
	few["haproxystats_enable"], few["haproxystats_configuration"] = true, only("DEFAULT", "loglevel", "error")
	if run := ansible(n, few, there).passed(t); n.calls() != nil {
		t.Errorf("services were touched where systemd does not run:\n%s", run.output)
	}
	if got := printed(n)["process loglevel"]; got != "error" {
		t.Errorf("the log level is %q", got)
	}
	checkDropIn(n, processDropIns+"cpu.conf", "CPUAffinity=1004 1005 1006 1007")
	checkDropIn(n, pullDropIns+"cpu.conf", "CPUAffinity=1007")
	n.write(facts, kept, 0o600)

	few["haproxystats_configuration"] = map[string]any{
		"pull":         map[string]any{"socket_dir": "/run/haproxy"},
		"node lb1":     map[string]any{"source": "/srv/lb1", "cluster": "eu"},
		"node":         map[string]any{"cluster": "eu"},
		"cluster a/b":  map[string]any{"interval": 10},
		"cluster eu.1": map[string]any{"interval": 10},
		"pull lb1":     map[string]any{"interval": 10},
	}
	refused := ansible(n, few)
	if want := "do not know: [cluster a/b], [node], [node lb1] source, [pull] socket_dir, [pull lb1];"; refused.failed != 1 || !strings.Contains(refused.output, want) {
		t.Errorf("got %d failures with unknown sections and options, want 1 and %q:\n%s", refused.failed, want, refused.output)
	}
	few["haproxystats_configuration"] = only("graphite", "group-namespace", "site")
	checkRefused(n, func() string {
		refused := ansible(n, few, there)
		if refused.failed != 1 {
			t.Errorf("a bad configuration passed:\n%s", refused.output)
		}
		return refused.output
	})
}

// play is what came of a playbook.
type play struct {
	output          string
	changed, failed int
}

func (p play) passed(t *testing.T) play {
	t.Helper()
	if p.failed != 0 {
		t.Fatalf("ansible-playbook:\n%s", p.output)
	}
	return p
}

var recap = regexp.MustCompile(`localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)`)

// ansible runs the playbook on the node itself, with such variables.
func ansible(n *node, variables map[string]any, flags ...string) play {
	n.t.Helper()
	text, err := json.Marshal(variables)
	n.must(err)
	n.write("/srv/variables.json", string(text), 0o644)
	n.write("/srv/inventory", "[haproxy]\nlocalhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n", 0o644)
	// With kept facts only the first run gathers them.
	out, status := n.run(append([]string{
		"env", "ANSIBLE_CACHE_PLUGIN=jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION=/srv/facts", "ANSIBLE_PIPELINING=1", "ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=0",
		"ansible-playbook", "--inventory=/srv/inventory", "--extra-vars=@/srv/variables.json", "/srv/ansible/site.yml",
	}, flags...)...)
	match := recap.FindStringSubmatch(out)
	if match == nil {
		n.t.Fatalf("ansible-playbook: status %d\n%s", status, out)
	}
	p := play{output: out}
	p.changed, err = strconv.Atoi(match[1])
	n.must(err)
	p.failed, err = strconv.Atoi(match[2])
	n.must(err)
	if (status == 0) != (p.failed == 0) {
		n.t.Errorf("ansible-playbook: status %d with %d failures", status, p.failed)
	}
	return p
}

// TestAnsibleLint has Ansible's own tools look at the playbook and the role.
func TestAnsibleLint(t *testing.T) {
	t.Parallel()
	lint := real.Need(t, "ansible-lint")
	dir := copied(t, playbooks)
	out, err := toolIn(t, dir, lint, "--offline", "--profile=production", "site.yml", "inventory.example.yml", "roles/haproxystats")
	if err != nil || !strings.Contains(out, "Passed") {
		t.Errorf("ansible-lint: %v\n%s", err, out)
	}
}

// TestAnsibleVariables compares the variables that the role sets, checks and
// describes.
func TestAnsibleVariables(t *testing.T) {
	set := found(read(t, role+"/defaults/main.yml"), `(?m)^haproxystats_(\w+): `)
	specified := found(read(t, role+"/meta/argument_specs.yml"), `(?m)^      haproxystats_(\w+):$`)
	if len(set) == 0 || !slices.Equal(set, specified) {
		t.Errorf("the role sets %q and specifies %q", set, specified)
	}
	checkMentions(t, playbooks+"/README.md", specified)
}
