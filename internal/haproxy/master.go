package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Processes are the processes of a HAProxy in master-worker mode, as its master lists
// them.
type Processes struct {
	// Reloads and Failed are the numbers of reloads, and of those that failed since the
	// last good one.
	Reloads, Failed int
	// Pid and Uptime, in seconds, are those of the master. A reload keeps both. Uptime is
	// -1 if the list does not tell it.
	Pid    int
	Uptime int64
	// Workers are the process identifiers of all workers. Which one is current, only the
	// workers say: from HAProxy 3.1 on, the serving worker may be listed as an old one.
	Workers []int
}

// ErrNoMaster means that an answer is not a list of processes.
var ErrNoMaster = errors.New("not a master's list of processes")

// maxProcesses bounds the workers in a list.
const maxProcesses = 4096

// ParseProcesses parses the answer to `show proc` of any version from 1.9 on.
func ParseProcesses(text string) (Processes, error) {
	var p Processes
	master := false
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(line, "#") {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil || pid <= 0 {
			return Processes{}, fmt.Errorf("%w: %.60q", ErrNoMaster, line)
		}
		switch fields[1] {
		case "master":
			master = true
			p.Reloads, p.Failed = reloads(fields[2:])
			p.Pid, p.Uptime = pid, -1
			for _, f := range fields[2:] {
				p.Uptime = max(p.Uptime, uptime(f))
			}
		case "worker":
			if len(p.Workers) == maxProcesses {
				return Processes{}, fmt.Errorf("%w: more than %d workers", ErrNoMaster, maxProcesses)
			}
			p.Workers = append(p.Workers, pid)
		}
	}
	if !master {
		return Processes{}, fmt.Errorf("%w: %.60q", ErrNoMaster, text)
	}
	return p, nil
}

// reloads reads the master's column <reloads>: `3`, or `3 [failed: 1]` from HAProxy 2.5
// on. HAProxy 2.4 and before has a column <relative PID> before it.
func reloads(fields []string) (done, failed int) {
	if len(fields) > 1 {
		if n, err := strconv.Atoi(fields[1]); err == nil {
			return n, 0
		}
	}
	done, _ = strconv.Atoi(fields[0])
	if len(fields) > 2 && fields[1] == "[failed:" {
		failed, _ = strconv.Atoi(strings.TrimSuffix(fields[2], "]"))
	}
	return done, failed
}

// uptime parses an uptime such as 0d00h01m28s, in seconds; -1 if it is none.
func uptime(text string) int64 {
	var d, h, m, s int64
	if n, err := fmt.Sscanf(text, "%dd%dh%dm%ds", &d, &h, &m, &s); n != 4 || err != nil || min(d, h, m, s) < 0 || d > maxDays {
		return -1
	}
	return ((d*24+h)*60+m)*60 + s
}

// maxDays bounds an uptime.
const maxDays = 100_000

// maxProcessList bounds the answer to `show proc`.
const maxProcessList = 1 << 20

// Processes asks a master for its processes. It makes one attempt, and never waits
// longer than ctx.
func (c *Client) Processes(ctx context.Context, network, address string) (Processes, error) {
	s := &session{client: c, network: network, address: address}
	var answer bytes.Buffer
	if err := s.once(ctx, "show proc;quit\n", &answer, maxProcessList); err != nil {
		return Processes{}, &SocketError{Op: "read show proc from", Socket: address, Err: err}
	}
	p, err := ParseProcesses(answer.String())
	if err != nil {
		return p, &SocketError{Op: "read show proc from", Socket: address, Err: err, Hint: "Set master-socket to the socket of HAProxy's option -S, with `level operator`"}
	}
	return p, nil
}

// FetchWorker asks a worker through its master for `show info` and `show stat`, and
// writes the replies as [Client.Fetch] does. It makes one attempt.
func (c *Client) FetchWorker(ctx context.Context, network, address string, pid int, info, stat io.Writer) error {
	s := &session{client: c, network: network, address: address}
	conn, err := s.dial(ctx)
	if err != nil {
		return s.connectError(err, 1)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	x := &exchange{session: s, ctx: ctx, from: newSource(conn), info: newInfoReply(info), stat: newStatReply(stat)}
	if _, err := fmt.Fprintf(conn, "@!%d %s;@!%d %s;quit\n", pid, showInfo.name, pid, askStat(c.ProxiesOnly)); err != nil {
		return s.readError(ctx, x.current(), err)
	}
	return x.read()
}

// WorkerInfo asks a worker through its master for `show info` and returns the reply. It makes
// one attempt, and never waits longer than ctx.
func (c *Client) WorkerInfo(ctx context.Context, network, address string, pid int) ([]byte, error) {
	s := &session{client: c, network: network, address: address}
	var answer bytes.Buffer
	if err := s.once(ctx, fmt.Sprintf("@!%d %s;quit\n", pid, showInfo.name), &answer, maxProcessList); err != nil {
		return nil, &SocketError{Op: fmt.Sprintf("read show info of worker %d from", pid), Socket: address, Err: err}
	}
	return answer.Bytes(), nil
}

// once asks for one line and writes the answer, at most limit bytes.
func (s *session) once(ctx context.Context, line string, to io.Writer, limit int64) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return bare(err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return bare(err)
	}
	n, err := io.Copy(to, io.LimitReader(conn, limit+1))
	switch {
	case err != nil:
		return bare(err)
	case n > limit:
		return ErrLongReply
	}
	return nil
}

// Info asks a stats socket for `show info` alone and returns the reply. It makes one
// attempt. The error is a [*SocketError], also if the socket answers something else.
func (c *Client) Info(ctx context.Context, network, address string) ([]byte, error) {
	s := &session{client: c, network: network, address: address}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var answer []byte
	if _, err = io.WriteString(conn, showInfo.name+"\n"); err == nil {
		answer, err = io.ReadAll(io.LimitReader(conn, maxInfo))
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, s.canceled(ctx, "ask")
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTimeout
	case err == nil && len(answer) == 0:
		err = ErrEmptyReply
	}
	if err != nil {
		return nil, &SocketError{Op: "read " + showInfo.name + " from", Socket: address, Err: bare(err)}
	}
	if !bytes.HasPrefix(answer, []byte(showInfo.begins[0])) {
		text := newTextError(answer)
		return nil, &SocketError{Op: "read " + showInfo.name + " from", Socket: address, Err: text, Hint: text.hint(network != "unix")}
	}
	return answer, nil
}
