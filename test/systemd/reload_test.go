package systemd

import (
	"fmt"
	"slices"
	"strings"
)

// reloads has systemctl reload each unit. It succeeds when the program has taken the whole
// configuration, and fails when not, while the program goes on.
func (f fleet) reloads() {
	f.haproxy("haproxystats")
	all := append(slices.Clone(units), central)
	f.put("etc/default/haproxystats-central", "CONFIG=/etc/haproxystats-central.conf\n")
	// The configurations get more options of [pull], [process] and [central], of which
	// NAME stands for the program, and of [graphite].
	configure := func(more, graphite string) {
		f.t.Helper()
		of := func(name string) string { return "[" + name + "]\n" + strings.ReplaceAll(more, "NAME", name) }
		graphite = fmt.Sprintf("[graphite]\nport = %d\n%s", f.graphite, graphite)
		f.put("etc/haproxystats.conf", of("pull")+"socket-dir = /run/haproxy\npull-interval = 1\n"+of("process")+graphite)
		if !strings.Contains(graphite, "queue-dir") {
			graphite += "queue-dir = /var/lib/haproxystats/central-queue\n"
		}
		f.put("etc/haproxystats-central.conf", of("central")+"[node lb1]\ncluster = eu\nservers = tcp://"+f.tcp+"\n[cluster]\ninterval = 1\ngrace = 0\n"+graphite)
	}
	configure("", "")
	f.start(all...)
	f.Run("systemctl", "log-level", "debug") // says what notifications systemd takes
	defer f.Run("systemctl", "log-level", "info")
	pids := make(map[string]string)
	for _, unit := range all {
		pids[unit] = f.Show(unit, "MainPID")
	}
	check := func(unit, result, status string) {
		f.t.Helper()
		for property, want := range map[string]string{"ActiveState": "active", "SubState": "running", "ReloadResult": result, "MainPID": pids[unit], "NRestarts": "0"} {
			if got := f.Show(unit, property); got != want {
				f.t.Errorf("%s: %s=%s, want %s", unit, property, got, want)
			}
		}
		if got := f.Show(unit, "ExecReload"); !strings.HasSuffix(got, "; code=exited ; status="+status+" }") {
			f.t.Errorf("%s: ExecReload=%s, want status %s", unit, got, status)
		}
	}
	fails := func(unit string) {
		f.t.Helper()
		if _, err := f.Try("systemctl", "reload", unit); err == nil {
			f.t.Errorf("%s: systemctl reload succeeds", unit)
		}
	}

	// systemctl returns when the program has the new configuration, and not before.
	configure("loglevel = debug\n", "")
	for _, unit := range all {
		journal := f.Follow(unit)
		f.Run("systemctl", "reload", unit)
		check(unit, "success", "0")
		journal.Wait("Got notification message from PID " + pids[unit] + " (RELOADING=1, MONOTONIC_USEC=")
		journal.Wait("Got notification message from PID " + pids[unit] + " (READY=1)")
		journal.Wait("Reloaded " + unit)
	}
	f.arrive()

	// The signal alone makes systemd see the same states, by the notifications.
	for _, unit := range all {
		journal := f.Follow(unit)
		f.Run("systemctl", "kill", "--kill-whom=main", "--signal=USR1", unit)
		journal.Wait(unit + ": Changed running -> reload")
		journal.Wait(unit + ": Changed reload -> running")
	}

	// Errors: the program is not even asked.
	configure("loglevel = loud\n", "")
	for _, unit := range all {
		journal := f.Follow(unit)
		fails(unit)
		check(unit, "exit-code", "1")
		journal.Wait("loglevel = \"loud\"")
	}
	f.arrive()

	// Options that need a restart.
	configure("loglevel = info\nstatus-socket = /var/lib/haproxystats/NAME-other.status\n", "")
	for _, unit := range all {
		journal := f.Follow(unit)
		fails(unit)
		check(unit, "exit-code", "2")
		journal.Wait("configuration reloaded")
		f.Run("systemctl", "restart", unit)
		pids[unit] = f.Show(unit, "MainPID")
		f.Run("systemctl", "reload", unit)
		check(unit, "success", "0")
	}

	// What can't be used: a file is where a directory should be.
	f.put("etc/not-a-directory", "")
	configure("loglevel = info\nstatus-socket = /var/lib/haproxystats/NAME-other.status\n", "queue-dir = /etc/not-a-directory\n")
	for _, unit := range all[1:] {
		fails(unit)
		check(unit, "exit-code", "1")
	}
	f.arrive()
}
