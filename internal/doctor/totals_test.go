package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/status"
)

func TestTotals(t *testing.T) {
	whole := config.Pull{StateDir: "/var/truth", HoldWorkers: true}
	check(t, Totals(&whole, false), OK, "counters go on over reloads", "")
	check(t, Totals(&config.Pull{}, true), OK, "counters are raw, as counters or metric-set", "")
	check(t, Totals(&config.Pull{HoldWorkers: true}, false), Warning, "state-dir in [pull] is empty", "set counters = raw in [process]")
	check(t, Totals(&config.Pull{StateDir: "/var/truth"}, false), Warning, "none of the bytes of sessions that are open then", "set `option contstats`")
}

func TestMasterThatIsConfigured(t *testing.T) {
	for option, want := range map[string]string{"": "", config.MasterAuto: "", config.MasterNone: "", "/run/m.sock": "/run/m.sock"} {
		if got := masterSocket(&config.Pull{MasterSocket: option}); got != want {
			t.Errorf("master-socket = %s: got path %q, want %q", option, got, want)
		}
	}
}

func TestLinked(t *testing.T) {
	h := with(map[string]File{"/var/in": dir(0, 0, 0o755), "/mnt": dir(0, 0, 0o755)})
	h.disks = map[string]Disk{"/var/in": {ID: "1"}, "/var": {ID: "1"}, "/mnt": {ID: "2"}}
	check(t, Linked(h, h, "/var/truth", "/var/in"), OK, "state-dir is on the file system of dst-dir", "")
	check(t, Linked(h, h, "/mnt/truth", "/var/in"), Warning, "replies are copied in each round", "Put both on one file system")
	check(t, Linked(h, h, "/run/truth", "/var/in"), Skipped, "input/output error", "")
}

func TestMasterSocket(t *testing.T) {
	const path = "/run/master.sock"
	for _, test := range []struct {
		name         string
		file         *File
		verdict      Verdict
		text, remedy string
	}{
		{"ours", &File{Mode: fs.ModeSocket | 0o660, GID: ourGID}, OK, "user haproxystats may connect", ""},
		{"closed", &File{Mode: fs.ModeSocket | 0o600}, Warning, "can't connect to", "-S /run/master.sock,level,operator,mode,660,group,haproxystats"},
		{"gone", nil, Warning, "no such file", "or unset master-socket"},
		{"a file", &File{Mode: 0o666}, Warning, "not a socket", "option -S"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]File{}
			if test.file != nil {
				files[path] = *test.file
			}
			check(t, MasterAccess(with(files), us, path), test.verdict, test.text, test.remedy)
		})
	}
	hidden := with(nil)
	hidden.closed = map[string]bool{path: true}
	check(t, MasterAccess(hidden, us, path), Skipped, "can't look at it", "Run doctor as root")

	check(t, Master(path, haproxy.Processes{Workers: []int{1, 2}}, nil), OK, "it lists 2 workers, and no failed reload", "")
	check(t, Master(path, haproxy.Processes{Workers: []int{1}, Failed: 1}, nil), Warning, "it lists 1 worker; 1 failed reload since", "Run haproxy -c")
	check(t, Master(path, haproxy.Processes{}, fmt.Errorf("dial: %w", fs.ErrPermission)), Skipped, "can't connect", "Run doctor as root")
	check(t, Master(path, haproxy.Processes{}, &haproxy.SocketError{Op: "read show proc from", Socket: path, Err: errors.New("not a list"), Hint: "Set master-socket"}), Warning, "read show proc: not a list", "Set master-socket")
	check(t, Master(path, haproxy.Processes{}, &haproxy.SocketError{Op: "connect", Socket: path, Err: syscall.ECONNREFUSED}), Warning, "connection refused", "Start HAProxy")
	check(t, Master(path, haproxy.Processes{}, errors.New("time-out")), Warning, "time-out", "A worker that hangs")
}

// TestWorkers judges what haproxystats-pull says of HAProxy's workers.
func TestWorkers(t *testing.T) {
	now := status.At(time.Unix(1700000100, 0))
	for _, test := range []struct {
		name         string
		workers      *status.HAProxyWorkers
		verdict      Verdict
		text, remedy string
	}{
		{"none kept", nil, Warning, "it keeps no totals, although state-dir is set", "systemctl restart haproxystats-pull"},
		{"all is well", &status.HAProxyWorkers{Held: 2, Reloads: 1}, OK, "connections are held to 2 workers, no old worker; 1 reload and 0 restarts since the start", ""},
		{"an old worker", &status.HAProxyWorkers{Held: 3, Old: 1, OldConns: 4, OldestAge: 3600}, OK, "1 old worker with 4 connections, the oldest replaced 1h ago", ""},
		{"an old worker that stays", &status.HAProxyWorkers{Held: 3, Old: 1, OldestAge: 3601}, Warning, "1 old worker with 0 connections, the oldest replaced 1h0m1s ago", "hard-stop-after"},
		{"some is lost", &status.HAProxyWorkers{Held: 2, SecondsUnaccounted: 3, RequestsUnaccounted: 1}, OK, "of which 3 seconds and about 1 request were not counted", ""},
		{"a failed reload", &status.HAProxyWorkers{Held: 2, FailedReload: now - 90}, Warning, "has failed 1m30s ago", "Run haproxy -c"},
		{"a crash", &status.HAProxyWorkers{Held: 2, Crash: now - 599}, Warning, "a worker of HAProxy has crashed 9m59s ago", "coredumpctl"},
		{"a crash long ago", &status.HAProxyWorkers{Held: 2, Crash: now - 600}, OK, "held to 2 workers", ""},
		{"raw counters", &status.HAProxyWorkers{Held: 2, AccountFailed: now - 599}, Warning, "counters were raw 9m59s ago", "state-dir"},
		{"raw counters long ago", &status.HAProxyWorkers{Held: 2, AccountFailed: now - 600}, OK, "held to 2 workers", ""},
		{"one not held", &status.HAProxyWorkers{Held: 2, Old: 1}, Warning, "connections are held to the workers of 1 of 2 sockets", "raise `stats maxconn`"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask := func(context.Context, string) (status.Document, error) {
				return status.Document{
					Program: "haproxystats-pull", Now: now, Started: now - 100,
					Pull: &status.Pull{Interval: 10, Stored: now, Last: &status.Round{Outcome: "stored", Sockets: 3, Failed: 1}, Workers: test.workers},
				}, nil
			}
			found := Running(t.Context(), fstest.MapFS{}, Instance{Program: "haproxystats-pull", Socket: "/s", Ask: ask, Totals: true, Hold: true})
			if len(found) != 2 {
				t.Fatalf("got %v, want two findings", found)
			}
			check(t, found[1], test.verdict, test.text, test.remedy)
			for _, off := range []Instance{{Totals: true}, {}} {
				off.Program, off.Socket, off.Ask = "haproxystats-pull", "/s", ask
				found := Running(t.Context(), fstest.MapFS{}, off)
				if want := map[bool]int{true: 2, false: 1}[off.Totals]; len(found) != want || test.name == "one not held" && off.Totals && found[1].Verdict != OK {
					t.Errorf("got %v, want %d findings, and none about connections that should not be held", found, want)
				}
			}
		})
	}
}
