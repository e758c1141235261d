// Package nagios has real Nagios, Icinga and NRPE read what is in contrib/nagios
// and contrib/alerts, together, and run the plugin by it.
package nagios

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"haproxystats/test/real"
)

const (
	contrib = "../../contrib/nagios"
	// What is there is for the same hosts.
	alerts = "../../contrib/alerts"
)

// place returns a directory that any user may enter.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nagios")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(contrib, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func me(t *testing.T) *user.User {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// rules counts what a file of contrib/alerts has, by how each begins.
func rules(t *testing.T, name, begin string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(alerts, name))
	if err != nil {
		t.Fatal(err)
	}
	n := strings.Count(string(text), begin)
	if n < 10 {
		t.Fatalf("only %d rules in %s", n, name)
	}
	return n
}

// modes are what the plugin can check of a host that runs all programs.
var modes = []string{"process", "workers", "pull", "queue", "age", "sink", "sockets", "reloads", "central", "cluster", "lag"}

func TestNagiosTakesTheServices(t *testing.T) {
	nagios := real.Need(t, "nagios4-core")
	dir := place(t)
	hosts := write(t, dir, "hosts.cfg", `define timeperiod {
  timeperiod_name 24x7
  alias always
  monday 00:00-24:00
}
define contact {
  contact_name me
  host_notification_period 24x7
  service_notification_period 24x7
  host_notification_commands haproxystats
  service_notification_commands haproxystats
}
define host {
  host_name lb1
  address 127.0.0.1
  hostgroups haproxystats-hosts,haproxystats-central-hosts,haproxystats-kafka-hosts,haproxystats,haproxystats-central
  _HAPROXYSTATS loadbalancers.lb1
  _HAPROXYSTATS_CENTRAL loadbalancers.lb1
  _HAPROXYSTATS_CLUSTERS loadbalancers.clusters.*
  check_period 24x7
  max_check_attempts 3
  notification_period 24x7
  contacts me
}
`)
	resources := write(t, dir, "resource.cfg", "$USER1$=/usr/lib/nagios/plugins\n")
	main := write(t, dir, "nagios.cfg", strings.NewReplacer("DIR", dir, "USER", me(t).Username, "GROUP", me(t).Gid).Replace(
		"cfg_file="+absolute(t, contrib)+"/nagios.cfg\ncfg_file="+absolute(t, alerts)+"/nagios.cfg\ncfg_file="+hosts+"\nresource_file="+resources+`
log_file=DIR/log
object_cache_file=DIR/objects
status_file=DIR/status
check_result_path=DIR
temp_path=DIR
lock_file=DIR/lock
command_file=DIR/command
illegal_macro_output_chars='~$&|<>
nagios_user=USER
nagios_group=GROUP
`))
	out, err := exec.CommandContext(t.Context(), nagios, "-v", main).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("Checked %d services", len(modes)+rules(t, "nagios.cfg", "service_description "))) ||
		!strings.Contains(string(out), "Total Warnings: 0") || !strings.Contains(string(out), "Total Errors:   0") {
		t.Errorf("%v: %s", err, out)
	}
	for _, mode := range modes {
		if !strings.Contains(read(t, "nagios.cfg"), "haproxystats_nrpe!"+mode+"\n") {
			t.Errorf("nagios.cfg has no service for %s", mode)
		}
	}
}

func TestIcingaTakesTheServices(t *testing.T) {
	icinga := real.Need(t, "icinga2-bin")
	dir := place(t)
	for _, sub := range []string{"data", "cache", "log", "spool", "run"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := write(t, dir, "icinga2.conf", `const PluginDir = "/usr/lib/nagios/plugins"
const NodeName = "lb1"
object CheckCommand "alive" { command = [ "/bin/true" ] }
object Host "lb1" {
  check_command = "alive"
  vars.haproxystats = "loadbalancers.lb1"
  vars.haproxystats_central = "loadbalancers.lb1"
  vars.haproxystats_kafka = true
  vars.haproxystats_clusters = "loadbalancers.clusters.*"
}
include "`+absolute(t, contrib)+`/icinga2.conf"
include "`+absolute(t, alerts)+`/icinga2.conf"
`)
	group, err := user.LookupGroupId(me(t).Gid)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), icinga, "daemon", "-C", "-c", conf,
		"-DDataDir="+dir+"/data", "-DCacheDir="+dir+"/cache", "-DLogDir="+dir+"/log", "-DSpoolDir="+dir+"/spool", "-DInitRunDir="+dir+"/run",
		"-DRunAsUser="+me(t).Username, "-DRunAsGroup="+group.Name).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("Instantiated %d Services", len(modes)+rules(t, "icinga2.conf", "apply Service "))) || strings.Contains(string(out), "warning/") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestNRPERunsThePlugin has NRPE, as a user with no rights, check a spool in
// which a snapshot is too old.
func TestNRPERunsThePlugin(t *testing.T) {
	server, client := real.Need(t, "nagios-nrpe-server"), real.Need(t, "nagios-nrpe-plugin")
	dir := place(t)
	plugin, conf := oldSnapshot(t, dir)
	const installed = "/usr/lib/nagios/plugins/check_haproxystats"
	commands := strings.ReplaceAll(read(t, "nrpe.cfg"), installed, plugin+" -f "+conf)
	runAs := me(t).Username
	if runAs == "root" {
		runAs = "nobody" // NRPE does not run as root
	}
	port := freePort(t)
	main := write(t, dir, "main.cfg", fmt.Sprintf("server_port=%d\nserver_address=127.0.0.1\nallowed_hosts=127.0.0.1\nnrpe_user=%s\nnrpe_group=nogroup\npid_file=%s/pid\n%s",
		port, runAs, dir, commands))
	p, err := real.StartProcess(real.Command{Name: "nrpe", Path: server, Args: []string{"-c", main, "-n", "-f"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	// As Nagios asks, but at the test's port and without TLS.
	line := nagiosCommand(t, "haproxystats_nrpe")
	if !strings.HasPrefix(line, "$USER1$/check_nrpe ") {
		t.Fatalf("Nagios runs %q", line)
	}
	ask := func(mode string) (int, string) {
		asked := strings.NewReplacer("$USER1$/check_nrpe", client, "$HOSTADDRESS$", "127.0.0.1", "$ARG1$", mode).Replace(line)
		return run(t, append(strings.Fields(asked), "-p", fmt.Sprint(port), "-n", "-2"))
	}
	ready, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		if status, out := run(t, []string{client, "-H", "127.0.0.1", "-p", fmt.Sprint(port), "-n", "-2"}); status == 0 {
			break
		} else if ready.Err() != nil {
			t.Fatalf("nrpe does not answer: %d %s", status, out)
		}
		pause(ready)
	}
	for mode, want := range map[string]struct {
		status int
		out    string
	}{
		"all":     {2, `^ALL CRITICAL: 7 of 8 checks are not OK: process \(CRITICAL\), workers \(CRITICAL\), .*\|'queue_queue'=1;60;120;0 'age_age'=[0-9.]+s;120;600;0`},
		"queue":   {0, `^QUEUE OK: 1 snapshot in \S+/base/incoming, counted by listing it: .*\|'queue'=1;60;120;0`},
		"age":     {2, `^AGE CRITICAL: the oldest of 1 snapshot in `},
		"process": {2, `^PROCESS CRITICAL: haproxystats-process is not running`},
		"workers": {2, `^WORKERS CRITICAL: haproxystats-process is not running`},
		"pull":    {2, `^PULL CRITICAL: haproxystats-pull is not running`},
		"sink":    {2, `^SINK CRITICAL: haproxystats-process is not running`},
		"sockets": {2, `^SOCKETS CRITICAL: haproxystats-pull is not running`},
		"reloads": {2, `^RELOADS CRITICAL: haproxystats-pull is not running`},
		"central": {2, `^CENTRAL CRITICAL: haproxystats-central is not running`},
		"cluster": {2, `^CLUSTER CRITICAL: haproxystats-central is not running`},
		"lag":     {2, `^LAG CRITICAL: haproxystats-central is not running`},
	} {
		status, out := ask(mode)
		if status != want.status || !regexp.MustCompile(want.out).MatchString(strings.ReplaceAll(out, " | ", "|")) {
			t.Errorf("%s: status %d: %s", mode, status, out)
		}
	}
}

// pause waits a moment, or until ctx ends.
func pause(ctx context.Context) {
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
