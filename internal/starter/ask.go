package starter

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"haproxystats/internal/haproxy"
)

// Socket is a candidate with what it has answered.
type Socket struct {
	Candidate
	// Master is true for the socket of HAProxy's master process, which has no statistics.
	Master bool
	// Err is the reason why the socket has not answered as a stats socket does.
	Err error
	// Level is empty if the socket does not tell it.
	Level haproxy.Level
	// Version, Node, Pid, Process, Nbproc and Started are what `show info` tells of the
	// process, where it does. Started is the time of the start, by HAProxy.
	Version, Node, Pid, Process, Nbproc, Started string
}

// The bounds of asking: sockets at once, and the time for a connection and for a socket.
const (
	atOnce      = 16
	connectTime = time.Second
	socketTime  = 5 * time.Second
)

// Ask asks each candidate for its version and level. It does not ask masters, the paths
// of the sockets of HAProxy's master processes.
func Ask(ctx context.Context, candidates []Candidate, masters map[string]bool) []Socket {
	client := &haproxy.Client{Timeout: connectTime}
	sockets := make([]Socket, len(candidates))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, c := range candidates {
		sockets[i].Candidate = c
		if c.Server.Network == "unix" && masters[c.Server.Address] {
			sockets[i].Master = true
			continue
		}
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, socketTime)
			defer cancel()
			sockets[i].ask(ctx, client)
			return nil
		})
	}
	_ = g.Wait() // errors are in the sockets
	return sockets
}

func (s *Socket) ask(ctx context.Context, client *haproxy.Client) {
	info, err := client.Info(ctx, s.Server.Network, s.Server.Address)
	if err != nil {
		failure, ok := errors.AsType[*haproxy.SocketError](err)
		s.Master = ok && failure.Master()
		s.Err = err
		return
	}
	s.describe(info)
	// A socket that does not tell its level is used all the same.
	s.Level, _ = client.Level(ctx, s.Server.Network, s.Server.Address)
}

// describe takes what the reply to `show info` tells.
func (s *Socket) describe(info []byte) {
	var scanner haproxy.InfoScanner
	scanner.Reset(bytes.NewReader(info))
	for scanner.Next() {
		text := string(scanner.Value())
		switch strings.ToLower(string(scanner.Key())) {
		case "version":
			s.Version = text
		case "node":
			s.Node = text
		case "pid":
			s.Pid = text
		case "process_num":
			s.Process = text
		case "nbproc":
			s.Nbproc = text
		case "start_time_sec":
			s.Started = text
		}
	}
}

// usable reports whether a configuration takes the socket: it is a stats socket, or may be
// one that this user can't connect to or that does not answer now.
func (s *Socket) usable() bool {
	if s.Master || errors.Is(s.Err, haproxy.ErrNotStats) {
		return false
	}
	return s.Err == nil || s.Named || errors.Is(s.Err, fs.ErrPermission)
}

// cause returns why the socket has not answered, without its path. What to do about it in
// general does not fit here: the configuration takes the socket or leaves it out.
func (s *Socket) cause() string {
	if failure, ok := errors.AsType[*haproxy.SocketError](s.Err); ok {
		return failure.Err.Error()
	}
	return s.Err.Error()
}
