package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// Instance is what is known of a program that should run.
type Instance struct {
	Program string
	// Dir is the queue whose lock it holds while it runs; Holder returns who holds
	// it.
	Dir    string
	Holder func(dir string) (spool.Holder, error)
	// Socket is its status socket; empty if it has none.
	Socket string
	// Ask asks the status socket.
	Ask func(ctx context.Context, path string) (status.Document, error)
	// SHA256 is the hash of the configuration of now; empty if it is not known.
	SHA256 string
}

const ownSocket = "set status-socket of each program to a path of its own"

// Running judges whether the program runs, and whether another one is in its
// way. Root is the root of the host's files.
func Running(ctx context.Context, root fs.FS, i Instance) []Finding {
	a := about{"running", i.Program}
	if i.Socket != "" {
		said, err := i.Ask(ctx, i.Socket)
		switch {
		case err == nil && said.Program == i.Program:
			return append(judgeStatus(a, said), stale(a, said, i)...)
		case err == nil:
			other := a.warning(fmt.Sprintf("it can't be asked: at %s answers %.40q", i.Socket, said.Program), ownSocket)
			return []Finding{other, holds(root, a, i)}
		case errors.Is(err, fs.ErrPermission):
			return []Finding{a.skipped("this user may not ask it at %s: run doctor as root", i.Socket)}
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EAGAIN): // the last: too many wait for an answer
			return []Finding{a.error("it runs, but does not answer at "+i.Socket, "look at its log; systemctl restart "+i.Program)}
		case errors.Is(err, status.ErrFormat):
			return []Finding{a.warning(fmt.Sprintf("it can't be asked: %v", err), "if it was upgraded since its start: systemctl restart "+i.Program), holds(root, a, i)}
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED):
			return []Finding{a.warning(fmt.Sprintf("it can't be asked: %v", err), ownSocket), holds(root, a, i)}
		}
	}
	return []Finding{holds(root, a, i)}
}

// holds judges by its lock whether the program runs.
func holds(root fs.FS, a about, i Instance) Finding {
	h, err := i.Holder(i.Dir)
	name := command(root, h.PID)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return a.skipped("this user may not look for the lock of %s: run doctor as root", i.Dir)
	case err != nil:
		return a.skipped("who has the lock can't be told: %v", err)
	case !h.Held:
		return a.warning("it does not run", "systemctl start "+i.Program+"; its log says why it has ended")
	case name == "": // gone by now, or hidden from this user
		f := a.skipped("pid %d has the lock of %s, and whether that is this program can't be told", h.PID, i.Dir)
		f.Remedy = "run doctor as root"
		return f
	case strings.HasPrefix(i.Program, name):
		return a.ok("it runs (pid %d)", h.PID)
	}
	return a.error(fmt.Sprintf("it can't start: the lock of %s is held by pid %d (%s)", i.Dir, h.PID, name), "stop that process, or use another directory")
}

// stale judges whether the program has read the configuration of now.
func stale(a about, said status.Document, i Instance) []Finding {
	if said.ConfigSHA256 == "" || i.SHA256 == "" || said.ConfigSHA256 == i.SHA256 {
		return nil
	}
	return []Finding{a.warning("it runs with another configuration than the one that doctor has read",
		"if the files have changed since its start: systemctl restart "+i.Program+"; if it was started with other files: run doctor with its -f and -d")}
}

// command returns the name of a process, of which the kernel keeps 15 bytes.
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
	case d.Process != nil:
		return processes(a, text, d)
	}
	return []Finding{a.ok("%s and is %s", text, d.State)}
}

// silentRounds is for how many rounds, of at least shortRound, nothing need be
// stored until something is wrong.
const (
	silentRounds = 10
	shortRound   = 10 * time.Second
)

func pulls(a about, text string, d status.Document) Finding {
	last := d.Pull.Last
	silent := d.Since(max(d.Started, d.Pull.Stored)).Duration()
	switch {
	case last != nil && (last.Outcome == "dropped" || last.Outcome == "skipped"):
		return a.error(fmt.Sprintf("%s, but the last round was %s: %s", text, last.Outcome, last.Cause), "see what is said of the sockets and directories here")
	case silent > silentRounds*max(d.Pull.Interval.Duration(), shortRound):
		return a.error(fmt.Sprintf("%s, but has stored no snapshot for %s", text, lasting(silent)), "a round does not end: set pull-timeout if it is 0; see what is said of the sockets here, and its log")
	case last == nil:
		return a.ok("%s, no round has ended yet", text)
	case last.Outcome == "partial":
		return a.warning(fmt.Sprintf("%s, but %d of %d sockets have failed in the last round", text, last.Failed, last.Sockets), "see what is said of the sockets here")
	}
	return a.ok("%s, the last snapshot was stored %s ago", text, ago(d, d.Pull.Stored))
}

func processes(a about, text string, d status.Document) []Finding {
	p := d.Process
	var found []Finding
	if p.SpoolCause != "" {
		found = append(found, a.error(text+", but can't read the spool: "+p.SpoolCause, "see what is said of src-dir here"))
	}
	if p.Workers.Alive < p.Workers.Configured {
		found = append(found, a.error(fmt.Sprintf("%s, but only %d of %d workers get on", text, p.Workers.Alive, p.Workers.Configured), "look at its log"))
	}
	for _, s := range p.Sinks {
		sink := about{"sink", s.Name}
		if !s.Reachable {
			found = append(found, sink.error(fmt.Sprintf("haproxystats-process has delivered nothing for %s: %s", ago(d, s.Down), s.Cause), "see what is said of it here"))
		}
		if s.Queue != nil && s.Queue.Dropped > 0 {
			found = append(found, sink.warning(fmt.Sprintf("%s lost since the start of haproxystats-process, because the queue was full", count(s.Queue.Dropped, "metric")), "raise queue-size and queue-max-bytes"))
		}
	}
	if len(found) == 0 {
		found = append(found, a.ok("%s, %s done, %d waiting", text, count(p.Done, "snapshot"), p.Waiting))
	}
	return found
}

// ago is how long a point of time was ago when the program said it.
func ago(d status.Document, t status.Time) string {
	return lasting(d.Since(t).Duration())
}
