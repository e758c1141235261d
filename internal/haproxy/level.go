package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Level is the permission that a stats socket gives to its clients.
type Level string

// The levels, the lowest first.
const (
	LevelUser     Level = "user"     // look at statistics
	LevelOperator Level = "operator" // look at everything, and clear counters
	LevelAdmin    Level = "admin"    // change servers, maps and certificates
)

// ErrLevel means that a socket's answers do not show its level.
var ErrLevel = errors.New("the socket does not tell its level")

// denied begins the answer to a command that needs a higher level.
const denied = "Permission denied"

// Level returns the level of the socket. It changes nothing: HAProxy before 1.9 has no
// command for this, and gets commands without the object that they would work on. Its
// refusal shows the level.
func (c *Client) Level(ctx context.Context, network, address string) (Level, error) {
	s := &session{client: c, network: network, address: address}
	told, err := s.command(ctx, "show cli level")
	if err != nil {
		return "", err
	}
	switch level := Level(strings.TrimSpace(told)); level {
	case LevelUser, LevelOperator, LevelAdmin:
		return level, nil
	}
	if !strings.HasPrefix(told, unknownCommand) {
		return "", s.levelError("show cli level", told)
	}
	// Without a server, this command does nothing.
	if told, err = s.command(ctx, "disable agent"); err != nil {
		return "", err
	}
	switch {
	case strings.HasPrefix(told, "Require "):
		return LevelAdmin, nil
	case !strings.HasPrefix(told, denied):
		return "", s.levelError("disable agent", told)
	}
	// No session has this number, which is an address in memory.
	if told, err = s.command(ctx, "show sess 0x1"); err != nil {
		return "", err
	}
	switch {
	case strings.HasPrefix(told, denied):
		return LevelUser, nil
	case strings.HasPrefix(told, "Session not found"):
		return LevelOperator, nil
	}
	return "", s.levelError("show sess 0x1", told)
}

func (s *session) levelError(command, told string) error {
	line, _, _ := strings.Cut(told, "\n")
	return &SocketError{Op: "find level of", Socket: s.address, Err: fmt.Errorf("%w: to %q it answers %q", ErrLevel, command, line)}
}

// maxAnswer bounds an answer of one line.
const maxAnswer = 4 << 10

// command returns the answer to a command, or its beginning.
func (s *session) command(ctx context.Context, command string) (string, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var answer []byte
	if _, err = io.WriteString(conn, command+"\n"); err == nil {
		answer, err = io.ReadAll(io.LimitReader(conn, maxAnswer))
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "", s.canceled(ctx, "ask")
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTimeout
	case err == nil && len(answer) == 0:
		err = ErrEmptyReply
	}
	if err != nil {
		return "", &SocketError{Op: "ask " + command + " of", Socket: s.address, Err: bare(err)}
	}
	return string(withoutSeverity(answer)), nil
}
