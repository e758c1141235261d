package deploy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	pullDropIns    = "/etc/systemd/system/haproxystats-pull.service.d/"
	processDropIns = "/etc/systemd/system/haproxystats-process.service.d/"
	centralDropIns = "/etc/systemd/system/haproxystats-central.service.d/"
)

// checkInstalled looks at what is around a configuration of all samples: the
// package, the user, files and the units.
func checkInstalled(n *node) {
	n.t.Helper()
	for path, want := range map[string]string{
		"/etc/haproxystats.conf":              "-rw-r----- root:haproxystats",
		"/etc/haproxystats.exclude-frontends": "-rw-r----- root:haproxystats",
		"/etc/haproxystats.exclude-backends":  "-rw-r----- root:haproxystats",
		"/etc/haproxystats.include-servers":   "-rw-r----- root:haproxystats",
		"/srv/stats":                          "drwxr-x--- haproxystats:haproxystats",
		"/srv/queue":                          "drwxr-x--- haproxystats:haproxystats",
		pullDropIns + "tcp.conf":              "-rw-r--r-- root:root",
	} {
		if got := n.mode(path); got != want {
			n.t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if got := directives(n.read("/etc/haproxystats.exclude-frontends")); !slices.Equal(got, []string{"internal", "stats.local"}) {
		n.t.Errorf("frontends that are left out: %q", got)
	}
	if got := n.ask("id", "--groups", "--name", "haproxystats"); !slices.Contains(strings.Fields(got), "stats-sockets") {
		n.t.Errorf("groups of the user: %q", got)
	}
	if got := n.ask("getent", "passwd", "haproxystats"); !strings.HasSuffix(got, ":/var/lib/haproxystats:/usr/sbin/nologin\n") {
		n.t.Errorf("the user: %q", got)
	}
	checkDropIn(n, processDropIns+"cpu.conf", "CPUAffinity=0 2-3")
	checkDropIn(n, pullDropIns+"cpu.conf")
	checkDropIn(n, processDropIns+"spool.conf", "ReadWritePaths=/srv/stats /srv/queue")
	checkDropIn(n, pullDropIns+"spool.conf", "ReadWritePaths=/srv/stats /srv/queue")
	checkDropIn(n, centralDropIns+"spool.conf", "ReadWritePaths=/srv/stats /srv/queue")
	checkDropIn(n, pullDropIns+"tcp.conf", directives(read(n.t, "../../contrib/systemd/haproxystats-pull.service.d/tcp.conf"))[1:]...)
	checkCalls(n, "daemon-reload",
		"enable haproxystats-process", "enable haproxystats-pull", "start haproxystats-process", "start haproxystats-pull")
}

// checkDefaults looks at a node of so many CPUs where nothing is set any more.
func checkDefaults(n *node, cpus int) {
	n.t.Helper()
	for _, path := range []string{"/etc/haproxystats.exclude-frontends", "/etc/haproxystats.exclude-backends", "/etc/haproxystats.include-servers"} {
		if n.has(path) {
			n.t.Errorf("%s is still there", path)
		}
	}
	if got := directives(n.read("/etc/haproxystats.conf")); len(got) != 0 {
		n.t.Errorf("the configuration has %q though nothing is set", got)
	}
	if got := n.mode("/var/lib/haproxystats"); got != "drwxr-x--- haproxystats:haproxystats" {
		n.t.Errorf("/var/lib/haproxystats is %s", got)
	}
	var last []string
	for cpu := max(0, cpus-4); cpu < cpus; cpu++ {
		last = append(last, fmt.Sprint(cpu))
	}
	checkDropIn(n, processDropIns+"cpu.conf", "CPUAffinity="+strings.Join(last, " "))
	checkDropIn(n, pullDropIns+"cpu.conf", fmt.Sprint("CPUAffinity=", cpus-1))
	for _, path := range []string{processDropIns + "spool.conf", pullDropIns + "spool.conf", centralDropIns + "spool.conf", pullDropIns + "tcp.conf"} {
		checkDropIn(n, path)
	}
	checkCalls(n, "daemon-reload", "restart haproxystats-process", "restart haproxystats-pull")
}

// checkReloaded applies one configuration after another to a node where pull and process
// run, and looks at what the programs are told. apply takes the value of an option, whether
// a change restarts the programs, and whether the run is to fail.
func checkReloaded(n *node, apply func(timeout any, restart, fails bool)) {
	n.t.Helper()
	const status = "/run/fake-systemd/reload-status"
	reloaded := []string{"reload haproxystats-process", "reload haproxystats-pull"}
	restarted := []string{"restart haproxystats-process", "restart haproxystats-pull"}
	n.write("/etc/default/haproxystats", "# for the units\n\nOPTIONS=-d /etc/haproxystats.d\nA-B=c\nSECONDS_OF_NODE=\"2.5\"\n", 0o644)
	apply("${env:SECONDS_OF_NODE}", false, false)
	checkCalls(n, reloaded...)
	if got := directives(n.read("/etc/haproxystats.conf")); !slices.Contains(got, "timeout = ${env:SECONDS_OF_NODE}") {
		n.t.Errorf("the configuration has %q", got)
	}
	n.write(status, "2\n", 0o644) // an option needs a restart
	apply(2.75, false, false)
	checkCalls(n, append(restarted, reloaded...)...)
	n.write(status, "1\n", 0o644) // the program goes on with its old configuration
	apply(3.25, false, true)
	checkCalls(n, reloaded...)
	apply(3.5, true, false)
	checkCalls(n, restarted...)
	n.must(os.Remove(n.path(status)))
}

// checkStopped looks at a node whose services were wanted no more in a run that
// changed the configuration, too: that must not start them.
func checkStopped(n *node) {
	n.t.Helper()
	if got := directives(n.read("/etc/haproxystats.conf")); !slices.Equal(got, []string{"[DEFAULT]", "loglevel = debug"}) {
		n.t.Errorf("the configuration has %q", got)
	}
	checkCalls(n,
		"disable haproxystats-process", "disable haproxystats-pull", "stop haproxystats-process", "stop haproxystats-pull")
}

// checkCombining looks at a node that ran nothing, and now combines others to clusters.
func checkCombining(n *node) {
	n.t.Helper()
	checkInstances(n, printed(n))
	checkCalls(n, "daemon-reload",
		"enable haproxystats-central", "enable haproxystats-pull", "start haproxystats-central", "start haproxystats-pull")
}

// combining are the programs of such a node.
var combining = []string{"haproxystats-pull", "haproxystats-central"}

// checkRefused has a configuration applied that the programs refuse. What is in
// place must stay, and the message must say why.
func checkRefused(n *node, apply func() string) {
	n.t.Helper()
	before := n.read("/etc/haproxystats.conf")
	if out := apply(); !strings.Contains(out, "[graphite] group-namespace") {
		n.t.Errorf("the programs' message is lost:\n%s", out)
	}
	if got := n.read("/etc/haproxystats.conf"); got != before {
		n.t.Errorf("a bad configuration is in place:\n%s", got)
	}
	if calls := n.calls(); calls != nil {
		n.t.Errorf("the services were touched: %q", calls)
	}
}

// checkDropIn compares the lines below [Service]; without any, there must be no
// file.
func checkDropIn(n *node, path string, want ...string) {
	n.t.Helper()
	if len(want) == 0 {
		if n.has(path) {
			n.t.Errorf("%s is there", path)
		}
		return
	}
	if !n.has(path) {
		n.t.Errorf("%s is missing", path)
		return
	}
	if got := directives(n.read(path)); !slices.Equal(got, append([]string{"[Service]"}, want...)) {
		n.t.Errorf("%s has %q, want %q", path, got, want)
	}
}

// checkCalls compares what systemctl was told, in whatever order. A reload after a start or
// a restart of the unit has nothing to do, and is left out.
func checkCalls(n *node, want ...string) {
	n.t.Helper()
	var got []string
	for _, call := range n.calls() {
		verb, unit, _ := strings.Cut(call, " ")
		fresh := slices.Contains(got, "start "+unit) || slices.Contains(got, "restart "+unit)
		if verb != "unmask" && (verb != "reload" || !fresh) {
			got = append(got, call)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(slices.Compact(got), want) {
		n.t.Errorf("systemctl was told to\n%q, want\n%q", got, want)
	}
}

// directives returns the lines that are neither comments nor empty.
func directives(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// cpusOf counts the CPUs of this machine.
func cpusOf(t *testing.T) int {
	t.Helper()
	return len(found(read(t, "/proc/cpuinfo"), `(?m)^(processor)\s*:`))
}
