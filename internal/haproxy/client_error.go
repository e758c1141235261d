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
)

// What can be wrong with a reply.
var (
	// ErrEmptyReply is a connection that was closed without a byte.
	ErrEmptyReply = errors.New("empty reply")
	// ErrCutReply is a reply that ends before the empty line that ends it.
	ErrCutReply = errors.New("cut reply")
	// ErrLongReply is a reply that does not end where it should.
	ErrLongReply = errors.New("reply without end")
	// ErrTimeout is a connection or a reply that took too long.
	ErrTimeout = errors.New("time-out")
)

// ErrNotStats is a socket that is not a stats socket, by its type or by what it
// answers.
var ErrNotStats = errors.New("not a stats socket")

// TextError is what a socket sends instead of a reply.
type TextError struct {
	Text string // its first line, at most 200 bytes
	// Master tells that it is HAProxy's master process, which has no statistics,
	// that lists its commands.
	Master bool
}

// newTextError returns what a text that is not a reply tells.
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

// severity is what `severity-output` on a socket's line puts before short answers.
var severity = regexp.MustCompile(`^\[[0-9a-z]{1,10}\]: `)

func withoutSeverity(answer []byte) []byte { return answer[len(severity.Find(answer)):] }

// Error returns the text, quoted.
func (e *TextError) Error() string { return "the socket answers " + strconv.Quote(e.Text) }

// Is reports whether the text shows that the socket is not a stats socket: HAProxy
// has a few words of its own for why it does not answer.
func (e *TextError) Is(target error) bool {
	return target == ErrNotStats && (e.Master || !strings.HasPrefix(e.Text, unknownCommand) && !strings.HasPrefix(e.Text, denied))
}

// hint says what to do about the socket.
func (e *TextError) hint() string {
	switch {
	case e.Master:
		return "this is the command line of HAProxy's master process (option -S), which has no statistics; " +
			"leave its permissions as they are, and move it out of socket-dir or list the stats sockets in servers"
	case errors.Is(e, ErrNotStats):
		return "another program listens there, or HAProxy with a `bind` line; " +
			"move it out of socket-dir, or list the stats sockets in servers"
	}
	return "is this the stats socket of a HAProxy, and may it be asked for statistics?"
}

// SocketError says what is wrong with one socket and what to look at.
type SocketError struct {
	Op     string // what was tried: "connect", "read show stat from", "store show info of"
	Socket string // path or host:port
	Err    error  // the cause
	Hint   string // what to check; may be empty
}

// Error returns operation, socket, cause and hint in one line.
func (e *SocketError) Error() string {
	s := e.Op + " " + e.Socket + ": " + e.Err.Error()
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Unwrap returns the cause.
func (e *SocketError) Unwrap() error { return e.Err }

// NotStats reports whether the socket is not a stats socket, by its type or by what
// it answers.
func (e *SocketError) NotStats() bool { return errors.Is(e.Err, ErrNotStats) }

// Silent reports whether the socket has closed the connection without a byte.
func (e *SocketError) Silent() bool { return errors.Is(e.Err, ErrEmptyReply) }

func (s *session) canceled(ctx context.Context, op string) error {
	return &SocketError{Op: op, Socket: s.address, Err: ctx.Err()}
}

func (s *session) replyError(r *reply, err error, hint string) error {
	return &SocketError{Op: "read " + r.name + " from", Socket: s.address, Err: err, Hint: hint}
}

// readError says why the reply r did not come, or not to its end.
func (s *session) readError(ctx context.Context, r *reply, err error) error {
	var cause string
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return s.canceled(ctx, "read "+r.name+" from")
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return s.replyError(r, ErrTimeout, fmt.Sprintf("%d bytes have come; HAProxy is stopped or too busy, "+
			"or all connections that its stats socket allows (10, see `stats maxconn`) are in use", r.size))
	case errors.Is(err, io.EOF):
		cause = "the socket has closed the connection"
	default:
		cause = bare(err).Error()
	}
	if r.size == 0 {
		return s.replyError(r, ErrEmptyReply, cause+"; is HAProxy being stopped or reloaded?")
	}
	where := fmt.Sprintf("%s after %d bytes", cause, r.size)
	if r.mark.quoted {
		where += ", inside a quoted field"
	}
	return s.replyError(r, ErrCutReply, where+"; is HAProxy being stopped or reloaded?")
}

// connectError says why the connection did not come about.
func (s *session) connectError(err error, tries int) error {
	e := &SocketError{Op: "connect", Socket: s.address, Err: bare(err)}
	unix := strings.HasPrefix(s.network, "unix")
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = ErrTimeout
		e.Hint = "is the host up, and does a firewall drop the connection?"
		if unix {
			e.Hint = "HAProxy does not accept connections; is it stopped?"
		}
	case unix && errors.Is(err, syscall.EPROTOTYPE):
		e.Err = fmt.Errorf("%w but one of datagrams or packets: %w", ErrNotStats, bare(err))
		e.Hint = "another program uses it, such as syslog; move it out of socket-dir, or list the stats sockets in servers"
	case !unix && (errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EPERM)):
		e.Hint = "if systemd has started this program: its unit opens no network by itself; install the drop-in tcp.conf (contrib/systemd/haproxystats-pull.service.d), then run systemctl daemon-reload"
	case unix:
		e.Hint = unixHint(s.address, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "no process listens there; is HAProxy running, with this address on a `stats socket` line?"
	case errors.As(err, &dns):
		e.Err, e.Hint = err, "check the host's name"
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		e.Hint = "raise the number of files that this program may open (LimitNOFILE, ulimit -n)"
	}
	if tries > 1 {
		e.Hint = strings.TrimPrefix(fmt.Sprintf("%s (tried %d times)", e.Hint, tries), " ")
	}
	return e
}

// bare takes the wrapping of package net off, which repeats the operation and
// the address.
func bare(err error) error {
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
