package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/status"
)

// contstats is the remedy for bytes that HAProxy counts at the end of a session.
const contstats = "`option contstats` in HAProxy's section defaults, so that bytes of open sessions count every five seconds"

// Totals judges which counters go on over reloads and restarts of HAProxy, and what is
// lost. Raw reports whether haproxystats-process sends raw counters.
func Totals(c *config.Pull, raw bool) Finding {
	a := about{check: "totals"}
	switch {
	case raw:
		return a.ok("counters are raw, as counters or metric-set in [process] says: they begin at 0 with each worker of HAProxy")
	case c.StateDir == "":
		return a.warning("state-dir in [pull] is empty, so counters begin at 0 with each worker of HAProxy",
			"Set state-dir in [pull]. If raw counters are meant, set counters = raw in [process]")
	case !c.HoldWorkers:
		return a.warning("with hold-workers = false, what a worker of HAProxy does after the last round before its end is not counted, and none of the bytes of sessions that are open then",
			"Set hold-workers = true in [pull]. If that can't be, set "+contstats)
	}
	return a.ok("counters go on over reloads and restarts of HAProxy")
}

// Linked judges whether files of snapshots can be linked into state-dir.
func Linked(files Files, disks Disks, state, dst string) Finding {
	a := about{"file-system", state}
	f := SameDisk(files, disks, "state-dir", state, "dst-dir", dst)
	if f.Verdict == Error {
		return a.warning(fmt.Sprintf("state-dir is not on the file system of dst-dir %s, so replies are copied in each round instead of linked", dst),
			"Put both on one file system and one mount")
	}
	return f
}

// MasterAccess judges whether the user may connect to the socket in master-socket.
func MasterAccess(files Files, u User, path string) Finding {
	a := about{"master-socket", path}
	open := fmt.Sprintf("Start HAProxy with -S %s,level,operator,mode,660,group,%s, or unset master-socket: only failed reloads, and workers that were old before haproxystats-pull started, are not heard then", path, u.Group)
	f, err := files.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.warning("there is no such file", open)
	case errors.Is(err, fs.ErrPermission):
		return a.closed("this user can't look at it")
	case err != nil:
		return a.warning("it can't be examined: "+bare(err), "Correct master-socket")
	case f.Mode.Type() != fs.ModeSocket:
		return a.warning("the file is not a socket", "Set master-socket to the socket of HAProxy's option -S")
	}
	denied, err := u.denied(files, path, write)
	switch {
	case err != nil:
		return a.skipped("the directories above it can't be examined: %v", err)
	case denied != nil:
		f := denied.finding(a, u, open)
		f.Verdict = Warning
		return f
	}
	return a.ok("user %s may connect to it", u.Name)
}

// Master judges the answer of HAProxy's master.
func Master(path string, p haproxy.Processes, err error) Finding {
	a := about{"master-socket", path}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return a.closed("this user can't connect")
	case err != nil:
		hint, text := socketAdvice(err)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			hint = "Start HAProxy, or correct master-socket"
		case hint == "":
			hint = "Set master-socket to the socket of HAProxy's option -S, with `level operator`. A worker that hangs makes the master hang, too"
		}
		return a.warning(text, hint)
	case p.Failed > 0:
		return a.warning(fmt.Sprintf("it lists %s; %s since the last good one", count(len(p.Workers), "worker"), count(p.Failed, "failed reload")),
			"Run haproxy -c -f with HAProxy's file, and reload it again")
	}
	return a.ok("it lists %s, and no failed reload", count(len(p.Workers), "worker"))
}

// masterSocket returns the path of the socket of HAProxy's master that is configured, or
// "" if haproxystats-pull uses those that it finds, or none.
func masterSocket(p *config.Pull) string {
	switch p.MasterSocket {
	case "", config.MasterAuto, config.MasterNone:
		return ""
	}
	return absolute(p.MasterSocket)
}

// totals examines what is needed for counters that go on over reloads. The configuration
// of haproxystats-process may be nil.
func (r *run) totals(ctx context.Context, p, s *config.Config) []Finding {
	found := []Finding{Totals(&p.Pull, s != nil && s.Process.IsRaw())}
	if p.Pull.StateDir == "" {
		return found
	}
	state, dst := absolute(p.Pull.StateDir), absolute(p.Pull.DstDir)
	u := r.unit(ctx, string(config.ForPull))
	found = append(found, Writable(r.host, r.user, Directory{Option: "state-dir", Path: state, Made: r.isMade(u, state)}))
	for _, dir := range []string{"bases", "last"} {
		dir = filepath.Join(state, dir)
		if _, err := r.host.Stat(dir); err == nil {
			if f := Writable(r.host, r.user, Directory{Option: "a directory of state-dir", Path: dir}); f.Verdict != OK {
				found = append(found, f)
			}
		}
	}
	found = append(found, Linked(r.host, r.host, state, dst))
	path := masterSocket(&p.Pull)
	if path == "" {
		return found
	}
	f := MasterAccess(r.host, r.user, path)
	found = append(found, f)
	if _, err := r.host.Stat(path); err != nil || f.Verdict == Skipped {
		return found
	}
	client := &haproxy.Client{Timeout: p.Pull.Timeout, BufferLimit: p.Pull.BufferLimit}
	list, err := client.Processes(ctx, "unix", path)
	return append(found, Master(path, list, err))
}

// workers judges what haproxystats-pull says of HAProxy's workers.
func workers(d status.Document, i Instance) []Finding {
	if !i.Totals || d.Pull == nil {
		return nil
	}
	a := about{"workers", d.Program}
	w := d.Pull.Workers
	if w == nil {
		return []Finding{a.warning("it keeps no totals, although state-dir is set: counters are raw",
			"See the findings about state-dir in this report, and its log. Then run: systemctl restart "+d.Program)}
	}
	var found []Finding
	if w.FailedReload != 0 {
		found = append(found, a.warning(fmt.Sprintf("the last reload of HAProxy has failed %s ago, and it goes on with its old configuration", ago(d, w.FailedReload)),
			"Run haproxy -c -f with HAProxy's file, and reload it again"))
	}
	if w.Crash != 0 && d.Since(w.Crash).Duration() < recentFailure {
		found = append(found, a.warning(fmt.Sprintf("a worker of HAProxy has crashed %s ago", ago(d, w.Crash)),
			"Find the signal in HAProxy's log or `journalctl -u haproxy`, and the core with coredumpctl. Update HAProxy if its version has a known bug"))
	}
	if w.AccountFailed != 0 && d.Since(w.AccountFailed).Duration() < recentFailure {
		found = append(found, a.warning(fmt.Sprintf("counters were raw %s ago, because they could not be accounted for", ago(d, w.AccountFailed)),
			"See the findings about state-dir in this report, and its log"))
	}
	if last := d.Pull.Last; i.Hold && last != nil && w.Held-w.Old < last.Sockets-last.Failed {
		found = append(found, a.warning(fmt.Sprintf("connections are held to the workers of %d of %s", max(0, w.Held-w.Old), count(last.Sockets-last.Failed, "socket")),
			"If HAProxy was not reloaded in the last seconds, see the log of haproxystats-pull for the reason. Mostly other programs use all connections: raise `stats maxconn` in HAProxy's section global. Where connections can't be held, set "+contstats))
	}
	old := "no old worker"
	if w.Old > 0 {
		old = fmt.Sprintf("%s with %s, the oldest replaced %s ago", count(w.Old, "old worker"), count(w.OldConns, "connection"), lasting(w.OldestAge.Duration()))
	}
	if w.OldestAge.Duration() > oldWorker {
		found = append(found, a.warning(old, "Find out which clients stay, with `@!PID show sess all` at HAProxy's master socket. Set hard-stop-after in HAProxy's section global, if they may be cut off"))
	}
	if len(found) > 0 {
		return found
	}
	lost := ""
	if w.SecondsUnaccounted > 0 {
		lost = fmt.Sprintf(", of which %s and about %s were not counted", count(w.SecondsUnaccounted, "second"), count(w.RequestsUnaccounted, "request"))
	}
	return []Finding{a.ok("connections are held to %s, %s; %s and %s since the start%s", count(w.Held, "worker"), old, count(w.Reloads, "reload"), count(w.Restarts, "restart"), lost)}
}
