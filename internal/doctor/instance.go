package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// Instance describes a program that should run.
type Instance struct {
	Program string
	// Dir is the queue whose lock the program holds while it runs; Holder returns the
	// process that holds it.
	Dir    string
	Holder func(dir string) (spool.LockOwner, error)
	// Socket is its status socket; empty if it has none.
	Socket string
	// Ask asks the status socket.
	Ask func(ctx context.Context, path string) (status.Document, error)
	// SHA256 is the hash of the present configuration; empty if it is not known.
	SHA256 string
	// Totals reports whether haproxystats-pull should keep totals, and Hold whether it
	// should hold connections to HAProxy's workers.
	Totals, Hold bool
}

const ownSocket = "Set status-socket of each program to a path of its own"

// Running judges whether the program runs, and whether another process is in its
// way. Root is the root of the host's files.
func Running(ctx context.Context, root fs.FS, i Instance) []Finding {
	a := about{"running", i.Program}
	if i.Socket != "" {
		said, err := i.Ask(ctx, i.Socket)
		switch {
		case err == nil && said.Program == i.Program:
			return slices.Concat(judgeStatus(a, said), workers(said, i), stale(a, said, i))
		case err == nil:
			other := a.warning(fmt.Sprintf("%s belongs to another program, %.40q", i.Socket, said.Program), ownSocket)
			return []Finding{other, holds(root, a, i)}
		case errors.Is(err, fs.ErrPermission):
			return []Finding{a.closed("this user may not connect to %s", i.Socket)}
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EAGAIN): // EAGAIN: too many connections wait already
			return []Finding{a.error("it runs, but does not answer at "+i.Socket, "Look at its log, then run: systemctl restart "+i.Program)}
		case errors.Is(err, status.ErrFormat):
			return []Finding{a.warning(fmt.Sprintf("its status can't be read: %v", err), "If it was upgraded since its start, run: systemctl restart "+i.Program), holds(root, a, i)}
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED):
			return []Finding{a.warning(fmt.Sprintf("its status can't be read: %v", err), ownSocket), holds(root, a, i)}
		}
	}
	return []Finding{holds(root, a, i)}
}

// holds judges by the lock whether the program runs.
func holds(root fs.FS, a about, i Instance) Finding {
	h, err := i.Holder(i.Dir)
	name := command(root, h.PID)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return a.closed("this user may not look at the lock of %s", i.Dir)
	case err != nil:
		return a.skipped("the holder of the lock is not known: %v", err)
	case !h.Held:
		return a.warning("it does not run", "Run: systemctl start "+i.Program+". If it ends again, its log says why")
	case name == "": // the process has ended, or is hidden from this user
		return a.closed("pid %d has the lock of %s; it may be another program", h.PID, i.Dir)
	case strings.HasPrefix(i.Program, name):
		return a.ok("it runs (pid %d)", h.PID)
	}
	return a.error(fmt.Sprintf("it can't start: the lock of %s is held by pid %d (%s)", i.Dir, h.PID, name), "Stop that process, or use another directory")
}

// stale judges whether the program runs with the present configuration.
func stale(a about, said status.Document, i Instance) []Finding {
	if said.ConfigSHA256 == "" || i.SHA256 == "" || said.ConfigSHA256 == i.SHA256 {
		return nil
	}
	if said.NeedsRestart() {
		return []Finding{a.warning("some options of its configuration take effect after a restart only, and its log names them",
			"Run: systemctl restart "+i.Program)}
	}
	return []Finding{a.warning("it runs with a configuration other than the one that doctor has read",
		"If the files have changed since it read them, run: systemctl reload "+i.Program+". If it uses other files, run doctor with its -f and -d")}
}

// command returns the name of a process, which the kernel cuts to 15 bytes.
func command(root fs.FS, pid int) string {
	text, err := fs.ReadFile(root, fmt.Sprintf("proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// judgeStatus judges a program by its status document.
func judgeStatus(a about, d status.Document) []Finding {
	version, _, _ := strings.Cut(d.Version, " ")
	text := fmt.Sprintf("it runs (pid %d, version %s)", d.PID, version)
	switch {
	case d.Pull != nil:
		return []Finding{pulls(a, text, d)}
	case d.Central != nil && d.Process != nil:
		return centralSays(a, text, d)
	case d.Process != nil:
		return processes(a, text, d)
	}
	return []Finding{a.ok("%s and is %s", text, d.State)}
}

// A program that has stored nothing for silentRounds rounds, each of at least
// shortRound, has a fault.
const (
	silentRounds = 10
	shortRound   = 10 * time.Second
)

const (
	// recentFailure is the time for which a failed account is a fault.
	recentFailure = 10 * time.Minute
	// oldWorker is the time since a worker was replaced from which it is one that does not
	// end.
	oldWorker = time.Hour
)

func pulls(a about, text string, d status.Document) Finding {
	last := d.Pull.Last
	silent := d.Since(max(d.Started, d.Pull.Stored)).Duration()
	switch {
	case last != nil && (last.Outcome == "dropped" || last.Outcome == "skipped"):
		return a.error(fmt.Sprintf("%s, but the last round was %s: %s", text, last.Outcome, last.Cause), "See the findings about sockets and directories in this report")
	case silent > silentRounds*max(d.Pull.Interval.Duration(), shortRound):
		return a.error(fmt.Sprintf("%s, but has stored no snapshot for %s", text, lasting(silent)), "Set pull-timeout if it is 0, because a round does not end. See the findings about sockets in this report, and the log of haproxystats-pull")
	case last == nil:
		return a.ok("%s, no round has ended yet", text)
	case last.Outcome == "partial":
		return a.warning(fmt.Sprintf("%s, but %d of %d sockets failed in the last round", text, last.Failed, last.Sockets), "See the findings about sockets in this report")
	}
	return a.ok("%s, the last snapshot was stored %s ago", text, ago(d, d.Pull.Stored))
}

func processes(a about, text string, d status.Document) []Finding {
	p := d.Process
	var found []Finding
	if p.SpoolCause != "" {
		found = append(found, a.error(text+", but can't read the spool: "+p.SpoolCause, "See the findings about src-dir in this report"))
	}
	if p.Workers.Alive < p.Workers.Configured {
		found = append(found, a.error(fmt.Sprintf("%s, but only %d of %d workers make progress", text, p.Workers.Alive, p.Workers.Configured), "Look at its log"))
	}
	for _, s := range p.Sinks {
		sink := about{"sink", s.Name}
		if !s.Reachable {
			found = append(found, sink.error(fmt.Sprintf("%s has delivered nothing for %s: %s", d.Program, ago(d, s.Down), s.Cause), "See the findings about this sink in this report"))
		}
		if s.Queue != nil && s.Queue.Dropped > 0 {
			found = append(found, sink.warning(fmt.Sprintf("%s lost since the start of %s, because the queue was full", count(s.Queue.Dropped, "metric"), d.Program), "Raise queue-size and queue-max-bytes"))
		}
	}
	if len(found) == 0 {
		found = append(found, a.ok("%s, %s done, %d waiting", text, count(p.Done, "snapshot"), p.Waiting))
	}
	return found
}

// ago returns how long before the status document was made t was.
func ago(d status.Document, t status.Time) string {
	return lasting(d.Since(t).Duration())
}
