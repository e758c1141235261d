package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"haproxystats/internal/dial"
)

// The faults of a reply.
var (
	// ErrEmptyReply means that the connection was closed without a byte.
	ErrEmptyReply = errors.New("empty reply")
	// ErrTruncated means that the reply ends before the empty line at its end.
	ErrTruncated = errors.New("truncated reply")
	// ErrLongReply means that the reply continues after the place where it should end.
	ErrLongReply = errors.New("reply without end")
	// ErrTimeout means that the connection or the reply took too long.
	ErrTimeout = errors.New("time-out")
)

// ErrNotStats means that the type or the answer of a socket is not that of a stats
// socket.
var ErrNotStats = errors.New("not a stats socket")

// TextError is a text that a socket has sent instead of a reply.
type TextError struct {
	Text string // its first line, at most 200 bytes
	// Master is true if the text is the list of commands of HAProxy's master process,
	// which has no statistics.
	Master bool
}

// newTextError returns the error for a text that is not a reply.
func newTextError(text []byte) *TextError {
	text = withoutSeverity(text)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	return &TextError{
		Text:   string(line[:min(len(line), maxText)]),
		Master: bytes.HasPrefix(text, []byte(unknownCommand)) && bytes.Contains(text, []byte("\n  show proc ")),
	}
}

const unknownCommand = "Unknown command"

// severity matches the prefix of short answers if the socket's line has
// `severity-output`.
var severity = regexp.MustCompile(`^\[[0-9a-z]{1,10}\]: `)

func withoutSeverity(answer []byte) []byte { return answer[len(severity.Find(answer)):] }

// Error returns the text, quoted.
func (e *TextError) Error() string { return "the socket answers " + strconv.Quote(e.Text) }

// Is reports whether the text shows that the socket is not a stats socket: it is none
// of the texts with which a stats socket refuses a command.
func (e *TextError) Is(target error) bool {
	return target == ErrNotStats && (e.Master || !strings.HasPrefix(e.Text, unknownCommand) && !strings.HasPrefix(e.Text, denied))
}

// hint returns what to do about the socket, which only a list can name if it is remote.
func (e *TextError) hint(remote bool) string {
	switch {
	case remote && errors.Is(e, ErrNotStats):
		return "Correct its address in servers: another program listens there, or HAProxy with a `bind` line"
	case e.Master:
		return "Move it out of socket-dir, or list the stats sockets in servers: this is the command line of HAProxy's master process (option -S), which has no statistics. " +
			"Leave its permissions as they are"
	case errors.Is(e, ErrNotStats):
		return "Move it out of socket-dir, or list the stats sockets in servers: another program listens there, or HAProxy with a `bind` line"
	}
	return "Check that this is a stats socket of HAProxy, and that its level allows to ask for statistics"
}

// SocketError is a failure of one socket, with what to do about it.
type SocketError struct {
	Op     string // what failed: "connect", "read show stat from", "store show info of"
	Socket string // path or host:port
	Err    error  // the cause
	Hint   string // what to do, as a sentence; may be empty
}

// Error returns operation, socket, cause and hint in one line.
func (e *SocketError) Error() string {
	s := e.Op + " " + e.Socket + ": " + e.Err.Error()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *SocketError) Unwrap() error { return e.Err }

// NotStats reports whether the type or the answer of the socket shows that it is not
// a stats socket.
func (e *SocketError) NotStats() bool { return errors.Is(e.Err, ErrNotStats) }

// Silent reports whether the socket has closed the connection without a byte.
func (e *SocketError) Silent() bool { return errors.Is(e.Err, ErrEmptyReply) }

// Master reports whether the socket is the command line of HAProxy's master process.
func (e *SocketError) Master() bool {
	text, ok := errors.AsType[*TextError](e.Err)
	return ok && text.Master
}

func (s *session) canceled(ctx context.Context, op string) error {
	return &SocketError{Op: op, Socket: s.address, Err: ctx.Err()}
}

// replyError returns the failure of the reply r. The detail may be empty.
func (s *session) replyError(r *reply, err error, detail, hint string) error {
	if detail != "" {
		err = fmt.Errorf("%w: %s", err, detail)
	}
	return &SocketError{Op: "read " + r.name + " from", Socket: s.address, Err: err, Hint: hint}
}

// stopping is the hint for a connection that HAProxy has closed.
const stopping = "Check whether HAProxy is being stopped or reloaded"

// readError returns why the reply r did not arrive, or not completely.
func (s *session) readError(ctx context.Context, r *reply, err error) error {
	var cause string
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return s.canceled(ctx, "read "+r.name+" from")
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return s.replyError(r, ErrTimeout, fmt.Sprintf("%d bytes have arrived", r.size), "Check whether HAProxy is stopped, is too busy, "+
			"or has all connections to its stats sockets in use: it allows 10, unless `stats maxconn` says otherwise")
	case errors.Is(err, io.EOF):
		cause = "the socket has closed the connection"
	default:
		cause = bare(err).Error()
	}
	if r.size == 0 {
		return s.replyError(r, ErrEmptyReply, cause, stopping)
	}
	where := fmt.Sprintf("%s after %d bytes", cause, r.size)
	if r.mark.quoted {
		where += ", inside a quoted field"
	}
	return s.replyError(r, ErrTruncated, where, stopping)
}

// connectError returns why the connection failed.
func (s *session) connectError(err error, tries int) error {
	e := &SocketError{Op: "connect", Socket: s.address, Err: bare(err)}
	unix := strings.HasPrefix(s.network, "unix")
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = ErrTimeout
		if errors.As(err, new(*dial.Error)) {
			e.Err = fmt.Errorf("%w: %w", ErrTimeout, err)
		}
		e.Hint = "Check that the host is up and that no firewall drops the connection"
		if unix {
			e.Hint = "Check whether HAProxy is stopped: it does not accept connections"
		}
	case unix && errors.Is(err, syscall.EPROTOTYPE):
		e.Err = fmt.Errorf("%w but one of datagrams or packets: %w", ErrNotStats, bare(err))
		e.Hint = "Move it out of socket-dir, or list the stats sockets in servers: another program uses it, such as syslog"
	case !unix && (errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EPERM)):
		e.Hint = "If systemd has started this program, install the drop-in tcp.conf (contrib/systemd/haproxystats-pull.service.d), which opens the network, then run: systemctl daemon-reload"
	case unix:
		e.Hint = unixHint(s.address, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "Check that HAProxy runs with this address on a `stats socket` line: no process listens there"
	case errors.As(err, &dns):
		e.Err, e.Hint = err, "Check the host's name"
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		e.Hint = "Raise the number of files that this program may open (LimitNOFILE, ulimit -n)"
	}
	if tries > 1 {
		e.Err = fmt.Errorf("%w (tried %d times)", e.Err, tries)
	}
	return e
}

// bare returns err without the wrapping of package net, which repeats the operation
// and the address.
func bare(err error) error {
	if errors.As(err, new(*dial.Error)) {
		return err // it has several addresses
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	return err
}

// isSilence reports whether the socket has closed the connection without a
// byte of the reply.
func isSilence(err error) bool { return errors.Is(err, ErrEmptyReply) }

// isUnknownCommand reports whether the socket takes what it was asked for an
// unknown command.
func isUnknownCommand(err error) bool {
	text, ok := errors.AsType[*TextError](err)
	return ok && strings.HasPrefix(text.Text, unknownCommand) && !text.Master
}
