package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

func silent(context.Context, string) (status.Document, error) {
	return status.Document{}, fmt.Errorf("ask: %w", fs.ErrNotExist)
}

// TestRunningByItsLock has programs without a status socket. The lock shows whether they
// run.
func TestRunningByItsLock(t *testing.T) {
	comm := func(name string) fstest.MapFS { return fstest.MapFS{"proc/712/comm": {Data: []byte(name + "\n")}} }
	held := spool.LockOwner{Held: true, PID: 712}
	for _, test := range []struct {
		name         string
		root         fstest.MapFS
		holder       spool.LockOwner
		err          error
		verdict      Verdict
		text, remedy string
	}{
		{"ours", comm("haproxystats-pu"), held, nil, OK, "it runs (pid 712)", ""},
		{"the other one", comm("haproxystats-pr"), held, nil, Error, "the lock of /var/in is held by pid 712 (haproxystats-pr)", "Stop that process"},
		{"nobody", comm("haproxystats-pu"), spool.LockOwner{PID: 712}, nil, Warning, "it does not run", "systemctl start haproxystats-pull"},
		{"a process that is gone, or hidden", fstest.MapFS{}, held, nil, Skipped, "pid 712 has the lock of /var/in", "Run doctor as root"},
		{"a closed directory", comm("haproxystats-pu"), spool.LockOwner{}, fs.ErrPermission, Skipped, "may not look at the lock of /var/in", "Run doctor as root"},
		{"a broken disk", comm("haproxystats-pu"), spool.LockOwner{}, syscall.EIO, Skipped, "holder of the lock is not known: look: input/output error", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			look := func(dir string) (spool.LockOwner, error) {
				if dir != "/var/in" {
					t.Errorf("looked at %s", dir)
				}
				if test.err != nil {
					return spool.LockOwner{}, fmt.Errorf("look: %w", test.err)
				}
				return test.holder, nil
			}
			for _, socket := range []string{"", "/var/pull.status"} {
				found := Running(t.Context(), test.root, Instance{Program: "haproxystats-pull", Dir: "/var/in", Holder: look, Socket: socket, Ask: silent})
				if len(found) != 1 {
					t.Fatal(found)
				}
				check(t, found[0], test.verdict, test.text, test.remedy)
			}
		})
	}
}

func nobody(string) (spool.LockOwner, error) { return spool.LockOwner{}, nil }

func TestRunningByItsWord(t *testing.T) {
	now := status.At(time.Unix(1700000100, 0))
	said := func(pull *status.Pull, process *status.Process) status.Document {
		return status.Document{Program: "haproxystats-pull", PID: 7, Version: "1.0.0 (commit x)", Now: now, Started: now - 100, State: status.Starting, Pull: pull, Process: process}
	}
	round := func(outcome string) *status.Pull {
		return &status.Pull{Stored: now - 8, Last: &status.Round{Outcome: outcome, Cause: "no socket", Sockets: 3, Failed: 1}}
	}
	sinks := func(s status.Sink) *status.Process {
		return &status.Process{Done: 5, Waiting: 2, Workers: status.Workers{Configured: 4, Alive: 4}, Sinks: []status.Sink{s}}
	}
	for _, test := range []struct {
		name         string
		said         status.Document
		err          error
		verdict      Verdict
		text, remedy string
	}{
		{"starts", said(nil, nil), nil, OK, "it runs (pid 7, version 1.0.0) and is starting", ""},
		{"no round yet", said(&status.Pull{}, nil), nil, OK, "no round has ended yet", ""},
		{"stored", said(round("stored"), nil), nil, OK, "the last snapshot was stored 8s ago", ""},
		{"silent since its start", func() status.Document {
			d := said(&status.Pull{Interval: 1}, nil)
			d.Started--
			return d
		}(), nil, Error, "has stored no snapshot for 1m41s", "Set pull-timeout if it is 0, because a round does not end"},
		{"silent for ten rounds", said(&status.Pull{Interval: 1, Stored: now - 100, Last: &status.Round{Outcome: "stored"}}, nil), nil, OK, "stored 1m40s ago", ""},
		{"silent for ten long rounds", said(&status.Pull{Interval: 60, Stored: now - 99, Last: &status.Round{Outcome: "stored"}}, nil), nil, OK, "stored 1m39s ago", ""},
		{"in part", said(round("partial"), nil), nil, Warning, "1 of 3 sockets failed", "sockets"},
		{"dropped", said(round("dropped"), nil), nil, Error, "the last round was dropped: no socket", "sockets"},
		{"works", said(nil, sinks(status.Sink{Reachable: true, Queue: &status.Queue{}})), nil, OK, "5 snapshots done, 2 waiting", ""},
		{"a worker is stuck", said(nil, &status.Process{Workers: status.Workers{Configured: 4, Alive: 3}}), nil, Error, "only 3 of 4 workers make progress", "its log"},
		{"a sink is down", said(nil, sinks(status.Sink{Name: "graphite", Down: now - 90, Cause: "refused"})), nil, Error, "delivered nothing for 1m30s: refused", "in this report"},
		{"lost metrics", said(nil, sinks(status.Sink{Reachable: true, Queue: &status.Queue{Dropped: 9}})), nil, Warning, "9 metrics lost", "queue-size"},
		{"can't read the spool", said(nil, &status.Process{SpoolCause: "input/output error"}), nil, Error, "can't read the spool: input/output error", "src-dir"},
		{"may not ask", status.Document{}, fs.ErrPermission, Skipped, "may not connect to /var/pull.status", "Run doctor as root"},
		{"hangs", status.Document{}, os.ErrDeadlineExceeded, Error, "does not answer at /var/pull.status", "its log"},
		{"hangs, by the context", status.Document{}, context.DeadlineExceeded, Error, "does not answer", "its log"},
		{"hangs, and many ask", status.Document{}, syscall.EAGAIN, Error, "does not answer", "its log"},
		{"nobody listens", status.Document{}, syscall.ECONNREFUSED, Warning, "it does not run", "systemctl start"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask := func(_ context.Context, path string) (status.Document, error) {
				if path != "/var/pull.status" {
					t.Errorf("asked %s", path)
				}
				if test.err != nil {
					return status.Document{}, fmt.Errorf("ask: %w", test.err)
				}
				return test.said, nil
			}
			found := Running(t.Context(), fstest.MapFS{}, Instance{Program: "haproxystats-pull", Dir: "/var/in", Holder: nobody, Socket: "/var/pull.status", Ask: ask})
			if len(found) != 1 {
				t.Fatal(found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
}

// TestRunsWithAnOlderConfiguration compares the hashes of the configurations.
func TestRunsWithAnOlderConfiguration(t *testing.T) {
	for _, c := range []struct {
		runs, present string
		text, remedy  string // empty for no finding
	}{
		{"aa", "aa", "", ""},
		{"aa", "", "", ""},
		{"aa", "bb", "configuration other than", "systemctl reload haproxystats-pull"},
		{"partly bb", "bb", "take effect after a restart only", "systemctl restart haproxystats-pull"},
	} {
		ask := func(context.Context, string) (status.Document, error) {
			return status.Document{Program: "haproxystats-pull", PID: 7, ConfigSHA256: c.runs, Pull: &status.Pull{}}, nil
		}
		found := Running(t.Context(), fstest.MapFS{}, Instance{Program: "haproxystats-pull", Socket: "/s", Ask: ask, SHA256: c.present})
		if want := 1 + min(1, len(c.text)); len(found) != want {
			t.Fatalf("runs with %q, present %q: got %v, want %d findings", c.runs, c.present, found, want)
		}
		if c.text != "" {
			check(t, found[1], Warning, c.text, c.remedy)
		}
	}
}

// TestAnotherAnswers has two programs with one status socket, which has two names.
func TestAnotherAnswers(t *testing.T) {
	ask := func(context.Context, string) (status.Document, error) {
		return status.Document{Program: "haproxystats-pull", PID: 7, State: status.Running, Pull: &status.Pull{}}, nil
	}
	found := Running(t.Context(), fstest.MapFS{}, Instance{Program: "haproxystats-process", Dir: "/var/in", Holder: nobody, Socket: "/var/a.status", Ask: ask})
	if len(found) != 2 {
		t.Fatal(found)
	}
	check(t, found[0], Warning, `/var/a.status belongs to another program, "haproxystats-pull"`, "a path of its own")
	check(t, found[1], Warning, "it does not run", "systemctl start haproxystats-process")
}

// TestNoStatusAnswers has another server at the status socket. Then the lock shows whether
// the program runs.
func TestNoStatusAnswers(t *testing.T) {
	for err, remedy := range map[error]string{
		errors.New("invalid character"): "a path of its own",
		syscall.ENOTDIR:                 "a path of its own",
		status.ErrFormat:                "systemctl restart haproxystats-pull",
	} {
		ask := func(context.Context, string) (status.Document, error) {
			return status.Document{}, fmt.Errorf("ask: %w", err)
		}
		found := Running(t.Context(), fstest.MapFS{}, Instance{Program: "haproxystats-pull", Dir: "/var/in", Holder: nobody, Socket: "/var/a.status", Ask: ask})
		if len(found) != 2 {
			t.Fatal(found)
		}
		check(t, found[0], Warning, "its status can't be read: ask: "+err.Error(), remedy)
		check(t, found[1], Warning, "it does not run", "systemctl start haproxystats-pull")
	}
}
