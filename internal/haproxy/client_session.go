package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// session is one fetch from one socket.
type session struct {
	client           *Client
	network, address string
}

// askEach asks for every reply over a connection of its own.
func (s *session) askEach(ctx context.Context, replies ...*reply) error {
	for _, r := range replies {
		if err := s.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ask asks for all replies over one connection.
func (s *session) ask(ctx context.Context, replies ...*reply) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	names := make([]string, len(replies))
	for i, r := range replies {
		names[i] = r.name
	}
	if _, err := io.WriteString(conn, strings.Join(names, ";")+"\n"); err != nil {
		return s.readError(ctx, replies[0], err)
	}
	return s.read(ctx, conn, replies)
}

// connect opens a connection, trying again as the client's options say.
func (s *session) connect(ctx context.Context) (net.Conn, error) {
	var earlier error // of the try before
	for try := 1; ; try++ {
		conn, err := s.dial(ctx)
		if err == nil {
			return conn, nil
		}
		err = s.connectError(err, try)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, s.canceled(ctx, "connect")
		}
		if over(ctx) && earlier != nil {
			// This try was cut short, so that the one before says more.
			return nil, earlier
		}
		if over(ctx) || s.client.Retries >= 0 && try > s.client.Retries {
			return nil, err
		}
		if try == 1 {
			s.client.log().Warn("no connection, trying again", "error", err, "retries", s.client.Retries)
		}
		pause := time.NewTimer(max(s.client.Interval, minPause))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, s.canceled(ctx, "connect")
			}
			return nil, err
		}
		earlier = err
	}
}

// over reports whether ctx has ended, or is about to: the deadline of a context
// derived from it may come first.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func (s *session) dial(ctx context.Context) (net.Conn, error) {
	if s.client.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.client.Timeout)
		defer cancel()
	}
	dial := s.client.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, s.network, s.address)
	if err != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)) {
		// Dialers differ in what they say of a deadline, and may see it before
		// the context does.
		return nil, context.DeadlineExceeded
	}
	return conn, err
}

// read hands the stream of conn to the replies, one after another, until the
// socket closes the connection.
func (s *session) read(ctx context.Context, conn net.Conn, replies []*reply) error {
	held := s.client.buffer()
	defer s.client.buffers.Put(held)
	buf := *held
	for {
		n, err := conn.Read(buf)
		for p := buf[:n]; len(p) > 0; {
			if replies[0].whole {
				if len(replies) == 1 {
					return s.replyError(replies[0], ErrLongReply, "more bytes follow the empty line that ends it")
				}
				replies = replies[1:]
			}
			r := replies[0]
			if !r.fits(p) {
				return s.refused(ctx, conn, r, p)
			}
			k, err := r.take(p)
			if err != nil {
				return &SocketError{Op: "store " + r.name + " of", Socket: s.address, Err: err}
			}
			if r.size > s.client.maxReply() {
				return s.replyError(r, ErrLongReply, fmt.Sprintf("no end after %d bytes", r.size))
			}
			p = p[k:]
		}
		if err == nil {
			continue
		}
		r := replies[0]
		if r.whole && len(replies) == 1 {
			return nil
		}
		if r.whole {
			r = replies[1]
		}
		return s.readError(ctx, r, err)
	}
}

// maxText bounds what is kept of a text that is no reply.
const maxText = 200

// refused reads on to the end of the line that the socket says instead of a
// reply; p is its beginning, as far as it is not a reply's.
func (s *session) refused(ctx context.Context, conn net.Conn, r *reply, p []byte) error {
	text := append([]byte(r.begins[:r.size]), p...)
	for len(text) < maxText && !bytes.Contains(text, []byte("\n")) {
		var more [maxText]byte
		n, err := conn.Read(more[:])
		text = append(text, more[:n]...)
		if err != nil {
			break
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return s.canceled(ctx, "read "+r.name+" from")
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	return s.replyError(r, &TextError{Text: string(line[:min(len(line), maxText)])},
		"is this the stats socket of a HAProxy, and may it be asked for statistics?")
}
