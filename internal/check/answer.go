package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"haproxystats/internal/nagios"
	"haproxystats/internal/owner"
	"haproxystats/internal/spool"
	"haproxystats/internal/status"
)

// program is one of the programs, as seen from outside.
type program struct {
	name, section string
	socket        string
	dir           string // the program holds its lock while it runs
	holder        func(dir string) (spool.LockOwner, error)
}

func (i Installation) pull() program {
	return program{"haproxystats-pull", "pull", i.PullSocket, i.DstDir, spool.WriterOf}
}

func (i Installation) process() program {
	return program{"haproxystats-process", "process", i.ProcessSocket, i.SrcDir, spool.ReaderOf}
}

// unreadable returns the finding of a check that depends on the spool if
// haproxystats-process can't read the spool, else nil.
func (i Installation) unreadable(a answer) *finding {
	if !a.answered || a.Process == nil || a.Process.SpoolCause == "" {
		return nil
	}
	return &finding{status: nagios.Unknown, text: fmt.Sprintf(
		"haproxystats-process can't read %s, so no snapshot is processed: %s", i.SrcDir, a.Process.SpoolCause)}
}

// clouded adds to a finding that haproxystats-process can't read the spool, if so.
func (i Installation) clouded(a answer, f finding) finding {
	if u := i.unreadable(a); u != nil {
		f.status = nagios.Worst(f.status, u.status)
		f.text = u.text + "; " + f.text
	}
	return f
}

// answer is a program's status document, or the reason why there is none.
type answer struct {
	status.Document
	answered bool
	hangs    bool   // the socket accepts and sends nothing
	gone     bool   // no program listens at the socket
	why      string // why there is no document
}

// ask asks a program for its status document.
func (i Installation) ask(ctx context.Context, p program) answer {
	if p.socket == "" {
		return answer{why: "status-socket in [" + p.section + "] is empty"}
	}
	ctx, cancel := context.WithTimeout(ctx, i.Patience)
	defer cancel()
	d, err := i.Ask(ctx, p.socket)
	own := fmt.Sprintf(": set status-socket in [%s] to a path of its own", p.section)
	switch {
	case err == nil && d.Program == p.name:
		return answer{Document: d, answered: true}
	case err == nil:
		return answer{why: fmt.Sprintf("%s belongs to another program, %.40q", p.socket, d.Program) + own}
	case errors.Is(err, context.DeadlineExceeded):
		return answer{hangs: true, why: fmt.Sprintf("%s does not answer at %s within %v", p.name, p.socket, i.Patience)}
	case errors.Is(err, syscall.EAGAIN): // too many connections wait already
		return answer{hangs: true, why: fmt.Sprintf("%s does not answer at %s: too many connections wait for an answer", p.name, p.socket)}
	case errors.Is(err, fs.ErrPermission):
		return answer{why: i.forbidden(p.socket)}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return answer{gone: true, why: "no program answers at " + p.socket}
	case errors.Is(err, status.ErrFormat): // the error says what to do
		return answer{why: err.Error()}
	}
	return answer{why: err.Error() + own}
}

// forbidden returns the text, with the remedy, for a path that the user may not
// read.
func (i Installation) forbidden(path string) string {
	return fmt.Sprintf("%s may not look at %s: add it to the group haproxystats, and restart the monitoring agent", i.User, path)
}

// unseen returns the finding for a path that could not be read.
func (i Installation) unseen(path string, err error) finding {
	text := err.Error()
	if errors.Is(err, fs.ErrPermission) {
		text = i.forbidden(path)
	}
	return finding{status: nagios.Unknown, text: text}
}

// elsewhere returns the finding for a program that gives no answer to a plugin on another
// system than Linux: the program can't run there, so nothing is known about it.
func elsewhere(p program, a answer) *finding {
	return &finding{status: nagios.Unknown, text: fmt.Sprintf(
		"%s runs on Linux only, and this host can't see it: %s: run this check on the host of the program, or let ssh forward its status socket to here", p.name, a.why)}
}

// isLinux reports whether the programs can run on this host.
func (i Installation) isLinux() bool { return i.System == "" || i.System == "linux" }

// lockHolder returns the process that holds the lock of a program that does not
// answer. The finding is not nil if the program hangs, does not run, or can't be
// seen.
func (i Installation) lockHolder(p program, a answer) (spool.LockOwner, *finding) {
	if a.hangs {
		return spool.LockOwner{}, &finding{status: nagios.Critical, text: a.why}
	}
	if !i.isLinux() {
		return spool.LockOwner{}, elsewhere(p, a)
	}
	h, err := p.holder(p.dir)
	switch {
	case err != nil:
		f := i.unseen(p.dir, err)
		return h, &f
	case !h.Held:
		return h, &finding{status: nagios.Critical, text: fmt.Sprintf("%s is not running: no process has the lock of %s", p.name, p.dir)}
	}
	return h, nil
}

// unanswered returns the finding of a check that needs the program's answer and has
// none.
func (i Installation) unanswered(p program, a answer) finding {
	if a.answered {
		return finding{status: nagios.Unknown, text: p.name + " is " + string(a.State) + " and has no status yet"}
	}
	h, f := i.lockHolder(p, a)
	if f != nil {
		return *f
	}
	return finding{status: nagios.Unknown, text: fmt.Sprintf("%s runs%s, but its status can't be read: %s", p.name, byPID(h.PID), a.why)}
}

// byLock returns the text for a program that holds its lock and does not answer.
func byLock(p program, a answer, h spool.LockOwner) string {
	return fmt.Sprintf("%s is running%s, because it has the lock of %s, but gives no status: %s", p.name, byPID(h.PID), p.dir, a.why)
}

func byPID(pid int) string {
	if pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// UserName returns the name of the user of this process, for [Installation.User].
func UserName() string {
	return "user " + owner.User(os.Geteuid())
}
