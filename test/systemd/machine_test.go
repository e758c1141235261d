package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"haproxystats/test/real"
	"haproxystats/test/systemd/machine"
)

// arrival bounds how long metrics of a running system may take.
const arrival = 3 * time.Minute

// fleet is a machine with all units, and the HAProxy and the Graphite that they
// work for.
type fleet struct {
	t *testing.T
	*machine.Machine
	root     string
	sockets  string // directory of the stats sockets
	tcp      string // address of a stats socket
	metrics  chan struct{}
	graphite int // port of the Graphite
}

// TestMachine lets systemd run the units, with all that they ask of it.
func TestMachine(t *testing.T) {
	f := newFleet(t)
	for _, c := range []struct {
		name string
		test func(fleet)
	}{
		{"nothing there", fleet.startsAlone},
		{"process first", fleet.processFirst},
		{"pull first", fleet.pullFirst},
		{"confined", fleet.confined},
		{"supervised", fleet.supervised},
		{"killed", fleet.killed},
		{"hung", fleet.hung},
		{"lasting fault", fleet.lastingFault},
		{"TCP", fleet.tcpSockets},
		{"another group", fleet.otherGroup},
		{"another directory", fleet.otherDirectory},
		{"CPUs", fleet.boundToCPUs},
		{"options", fleet.options},
		{"clusters", fleet.combines},
		{"reloads", fleet.reloads},
	} {
		ok := t.Run(c.name, func(t *testing.T) {
			g := f
			g.t, g.Machine = t, f.For(t)
			t.Cleanup(g.reset)
			c.test(g)
		})
		if !ok {
			t.Log(f.Run("journalctl", "--no-pager", "--lines=40", "--output=short-precise"))
			return
		}
	}
}

func newFleet(t *testing.T) fleet {
	t.Helper()
	machine.Need(t, "systemd-container")
	f := fleet{t: t, root: machine.Root(t), sockets: filepath.Join(shortDir(t), "haproxy"), metrics: make(chan struct{}, 1)}
	programs := build(t)
	for _, unit := range append(slices.Clone(units), central) {
		f.copyIn(filepath.Join(source, unit), "usr/lib/systemd/system/"+unit, 0o644)
		program := strings.TrimSuffix(unit, ".service")
		f.copyIn(filepath.Join(programs, program), "usr/bin/"+program, 0o755)
	}
	f.copyIn(filepath.Join(programs, "haproxystats"), "usr/bin/haproxystats", 0o755)
	for _, command := range [][]string{
		{"groupadd", "--system", "haproxystats"},
		{"useradd", "--system", "--gid=haproxystats", "--home-dir=/var/lib/haproxystats", "haproxystats"},
	} {
		if _, err := machine.Chroot(t, f.root, command...); err != nil {
			t.Fatal(err)
		}
	}
	receiver, err := real.StartReceiver(func(real.Point) {
		select {
		case f.metrics <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := receiver.Stop(); err != nil {
			t.Error(err)
		}
	})
	f.graphite = receiver.Port
	f.put("etc/haproxystats.conf", fmt.Sprintf("[pull]\nsocket-dir = /run/haproxy\npull-interval = 1\n[graphite]\nport = %d\n", receiver.Port))
	if err := os.Mkdir(f.sockets, 0o755); err != nil {
		t.Fatal(err)
	}
	f.Machine = machine.Boot(t, f.root, f.sockets+":/run/haproxy")
	return f
}

func (f fleet) copyIn(from, to string, mode os.FileMode) {
	f.t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(f.root, to), content, mode)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// put writes a file of the machine's.
func (f fleet) put(path, text string) {
	f.t.Helper()
	path = filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	write(f.t, path, text)
}

// dropIn installs a drop-in of contrib/systemd, with other values of this
// machine's.
func (f fleet) dropIn(name string, replace ...string) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(source, name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.put("etc/systemd/system/"+name, strings.NewReplacer(replace...).Replace(string(text)))
}

// reset stops everything and takes all drop-ins away.
func (f fleet) reset() {
	f.Run("systemctl", "stop", units[0], units[1], central)
	f.Run("sh", "-c", "rm -rf /etc/systemd/system/haproxystats-* /etc/default/haproxystats* /etc/haproxystats.d /var/lib/haproxystats && systemctl daemon-reload")
}

func (f fleet) start(units ...string) {
	f.t.Helper()
	f.Run(append([]string{"systemctl", "start"}, units...)...)
}

// haproxy opens the stats sockets to a group.
func (f *fleet) haproxy(group string) {
	f.t.Helper()
	gid := strings.Split(f.Run("getent", "group", group), ":")[2]
	n, err := strconv.Atoi(gid)
	if err != nil {
		f.t.Fatal(err)
	}
	f.tcp = serveStats(f.t, f.sockets)
	entries, err := os.ReadDir(f.sockets)
	if err != nil || len(entries) == 0 {
		f.t.Fatal(entries, err)
	}
	for _, e := range entries {
		path := filepath.Join(f.sockets, e.Name())
		if err := os.Chown(path, 0, n); err != nil {
			f.t.Fatal(err)
		}
		if err := os.Chmod(path, 0o660); err != nil {
			f.t.Fatal(err)
		}
	}
}

// arrive waits for metrics that were sent after the call.
func (f fleet) arrive() {
	f.t.Helper()
	select {
	case <-f.metrics: // from before
	default:
	}
	select {
	case <-f.metrics:
	case <-time.After(arrival):
		f.t.Fatalf("no metrics after %v:\n%s", arrival, f.Run("journalctl", "--no-pager", "--lines=30"))
	}
}

// startsAlone needs neither HAProxy nor a spool.
func (f fleet) startsAlone() {
	f.start(units[0])
	f.start(units[1])
	for _, unit := range units {
		if got := f.Show(unit, "ActiveState"); got != "active" {
			f.t.Errorf("%s is %s", unit, got)
		}
	}
	if got := strings.TrimSpace(f.Run("stat", "-c", "%U:%G %a", "/var/lib/haproxystats")); got != "haproxystats:haproxystats 750" {
		f.t.Errorf("/var/lib/haproxystats is %s", got)
	}
	f.haproxy("haproxystats")
	f.arrive()
}

// combines runs haproxystats-central, which asks a node over TCP, with a configuration of
// its own.
func (f fleet) combines() {
	f.haproxy("haproxystats")
	f.put("etc/haproxystats-central.conf", fmt.Sprintf("[graphite]\nport = %d\n[node lb1]\ncluster = eu\nservers = tcp://%s\n[cluster]\ninterval = 1\ngrace = 0\n", f.graphite, f.tcp))
	f.put("etc/default/haproxystats-central", "CONFIG=/etc/haproxystats-central.conf\n")
	f.start(central)
	f.arrive()
	if got := strings.TrimSpace(f.Run("stat", "-c", "%U:%G %a", "/var/lib/haproxystats/central")); got != "haproxystats:haproxystats 750" {
		f.t.Errorf("got %s of /var/lib/haproxystats/central, want haproxystats:haproxystats 750", got)
	}
}

func (f fleet) processFirst() {
	f.haproxy("haproxystats")
	f.start(units[1])
	f.start(units[0])
	f.arrive()
}

func (f fleet) pullFirst() {
	f.haproxy("haproxystats")
	f.start(units[0])
	f.start(units[1])
	f.arrive()
	if got := f.Run("find", "/var/lib/haproxystats", "(", "-perm", "/o=rwx", "-o", "!", "-user", "haproxystats", ")", "!", "-type", "l"); got != "" {
		f.t.Errorf("others may read, or own:\n%s", got)
	}
}

// confined looks at the processes themselves.
func (f fleet) confined() {
	f.start(units...)
	for _, unit := range units {
		pid := f.Show(unit, "MainPID")
		status := f.Run("cat", "/proc/"+pid+"/status")
		for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n"} {
			if !strings.Contains(status, want) {
				f.t.Errorf("%s: no %q in\n%s", unit, want, status)
			}
		}
		environment := f.Run("cat", "/proc/"+pid+"/environ")
		if !strings.Contains(environment, "GOMEMLIMIT=512MiB\x00") {
			f.t.Errorf("%s: environment %q", unit, environment)
		}
		own := f.Run("readlink", "/proc/"+pid+"/ns/net") == f.Run("readlink", "/proc/1/ns/net")
		if want := unit == units[1]; own != want {
			f.t.Errorf("%s: has the machine's network: %v", unit, own)
		}
	}
}

func (f fleet) killed() {
	f.put("etc/systemd/system/"+units[1]+".d/soon.conf", "[Service]\nRestartSec=100ms\n")
	f.Run("systemctl", "daemon-reload")
	for _, unit := range units {
		f.start(unit)
		before := f.Show(unit, "MainPID")
		journal := f.Follow(unit)
		f.Run("systemctl", "kill", "--signal=KILL", unit)
		journal.Wait("Started " + unit)
		if after := f.Show(unit, "MainPID"); after == before || after == "0" || f.Show(unit, "NRestarts") != "1" {
			f.t.Errorf("%s: process %s after %s, %s restarts", unit, after, before, f.Show(unit, "NRestarts"))
		}
	}
}

// hung lets the watchdog find a process that does nothing.
func (f fleet) hung() {
	for _, unit := range units {
		f.put("etc/systemd/system/"+unit+".d/soon.conf", "[Service]\nWatchdogSec=1s\nTimeoutAbortSec=200ms\nRestartSec=100ms\n")
	}
	f.Run("systemctl", "daemon-reload")
	f.start(units...)
	for _, unit := range units {
		journal := f.Follow(unit)
		f.Run("systemctl", "kill", "--signal=STOP", unit)
		journal.Wait("Watchdog timeout")
		journal.Wait("Started " + unit)
	}
}

// lastingFault is one that systemd would have given up long ago by itself.
func (f fleet) lastingFault() {
	const more = 8 // than the five within 10 seconds that are usual
	f.put("etc/refused.conf", "[pull]\npull-interval = never\n[process]\nworkers = none\n")
	f.put("etc/default/haproxystats", "CONFIG=/etc/refused.conf\n")
	for _, unit := range units {
		f.put("etc/systemd/system/"+unit+".d/soon.conf", "[Service]\nRestartSec=100ms\n")
	}
	f.Run("systemctl", "daemon-reload")
	for _, unit := range units {
		journal := f.Follow(unit)
		f.Run("systemctl", "start", "--no-block", unit)
		journal.Wait(fmt.Sprintf("restart counter is at %d.", more))
	}
	f.Run("rm", "/etc/default/haproxystats")
	f.haproxy("haproxystats")
	f.arrive()
}

// tcpSockets can't be reached without the drop-in.
func (f fleet) tcpSockets() {
	f.haproxy("haproxystats")
	f.put("etc/haproxystats.d/tcp.conf", "[pull]\nservers = tcp://"+f.tcp+"\n")
	f.put("etc/default/haproxystats", "OPTIONS=-d /etc/haproxystats.d\n")
	journal := f.Follow(units[0])
	f.start(units...)
	journal.Wait(f.tcp)
	f.dropIn(units[0] + ".d/tcp.conf")
	f.Run("systemctl", "daemon-reload")
	f.Run("systemctl", "restart", units[0])
	f.arrive()
}

// otherGroup must be given by the drop-in.
func (f fleet) otherGroup() {
	f.haproxy("www-data")
	journal := f.Follow(units[0])
	f.start(units...)
	journal.Wait("permission denied")
	f.dropIn(units[0] + ".d/group.conf")
	f.Run("systemctl", "daemon-reload")
	f.Run("systemctl", "restart", units[0])
	f.arrive()
}

// otherDirectory is read-only without the drop-in.
func (f fleet) otherDirectory() {
	f.Run("install", "-d", "-o", "haproxystats", "-g", "haproxystats", "-m", "0750", "/srv/haproxystats")
	f.put("etc/haproxystats.d/tcp.conf", "[paths]\nbase-dir = /srv/haproxystats\n")
	f.put("etc/default/haproxystats", "OPTIONS=-d /etc/haproxystats.d\n")
	f.haproxy("haproxystats")
	journal := f.Follow(units[0])
	f.Run("systemctl", "start", "--no-block", units[0])
	journal.Wait("read-only file system")
	for _, unit := range units {
		f.dropIn(unit + ".d/spool.conf")
	}
	f.Run("systemctl", "daemon-reload")
	f.Run("systemctl", "restart", units[0], units[1])
	f.arrive()
}

func (f fleet) boundToCPUs() {
	f.dropIn(units[0]+".d/cpu.conf", "CPUAffinity=3", "CPUAffinity=0")
	f.dropIn(units[1]+".d/cpu.conf", "CPUAffinity=2 3", "CPUAffinity=0")
	f.Run("systemctl", "daemon-reload")
	f.start(units...)
	for _, unit := range units {
		status := f.Run("cat", "/proc/"+f.Show(unit, "MainPID")+"/status")
		if !strings.Contains(status, "Cpus_allowed_list:\t0\n") {
			f.t.Errorf("%s:\n%s", unit, status)
		}
	}
}

// options come from the environment's file, several as words of their own.
func (f fleet) options() {
	f.put("etc/other.conf", "[paths]\nbase-dir = /var/lib/haproxystats/other\n")
	f.put("etc/haproxystats.d/more.conf", "[pull]\nsocket-dir = /run/haproxy\n")
	f.put("etc/default/haproxystats", "CONFIG=/etc/other.conf\nOPTIONS=-d /etc/haproxystats.d\n")
	f.start(units[0])
	command := f.Run("cat", "/proc/"+f.Show(units[0], "MainPID")+"/cmdline")
	if want := "/usr/bin/haproxystats-pull\x00-f\x00/etc/other.conf\x00-d\x00/etc/haproxystats.d\x00"; command != want {
		f.t.Errorf("got %q, want %q", command, want)
	}
}
