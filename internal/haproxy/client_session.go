package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"haproxystats/internal/dial"
)

// session is one fetch from one socket.
type session struct {
	client           *Client
	network, address string
}

// askEach asks for each reply over a connection of its own.
func (s *session) askEach(ctx context.Context, info *infoReply, stat *statReply) error {
	if err := s.ask(ctx, info, nil); err != nil {
		return err
	}
	return s.ask(ctx, nil, stat)
}

// ask asks for the replies over one connection; one of them may be nil.
func (s *session) ask(ctx context.Context, info *infoReply, stat *statReply) error {
	return s.askAll(ctx, info, stat, nil)
}

// askAll is ask that asks for more after both replies, if that is not nil.
func (s *session) askAll(ctx context.Context, info *infoReply, stat *statReply, more *moreReply) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	x := &exchange{session: s, ctx: ctx, from: newSource(conn), info: info, stat: stat, more: more}
	if more != nil {
		more.asked = true
		more.hurry = func() {
			_ = conn.SetReadDeadline(time.Now().Add(morePatience))
			if ctx.Err() != nil {
				_ = conn.SetDeadline(time.Unix(1, 0))
			}
		}
	}
	if _, err := io.WriteString(conn, x.commands()); err != nil {
		return s.readError(ctx, x.current(), err)
	}
	return x.read()
}

// connect opens a connection, and repeats the attempt as the client's options say.
func (s *session) connect(ctx context.Context) (net.Conn, error) {
	var earlier error // of the attempt before
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
			// The end of ctx interrupted this attempt, so the error before says more.
			return nil, earlier
		}
		if over(ctx) || errors.Is(err, ErrNotStats) || s.client.Retries >= 0 && try > s.client.Retries {
			return nil, err
		}
		if try == 1 {
			level := slog.LevelDebug // the last attempt's failure is returned
			if s.client.Retries < 0 {
				level = slog.LevelWarn // no attempt may be the last one
			}
			s.client.log().Log(ctx, level, "no connection, trying again", "error", err, "retries", s.client.Retries)
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

// over reports whether ctx has ended or is about to: a derived context's deadline
// may come first.
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
	connect := s.client.Dial
	if connect == nil {
		connect = s.client.addresses.Dial
	}
	conn, err := connect(ctx, s.network, s.address)
	if errors.As(err, new(*dial.Error)) {
		return nil, err // it has the result of each address
	}
	if err != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)) {
		// Dialers report a deadline in different ways, and may see it before the context
		// does.
		return nil, context.DeadlineExceeded
	}
	return conn, err
}

// exchange is the traffic of one connection.
type exchange struct {
	*session
	ctx  context.Context
	from source
	info *infoReply // nil: not asked for
	stat *statReply // nil: not asked for
	more *moreReply // nil: not asked for
}

// commands returns the line that asks for the replies.
func (x *exchange) commands() string {
	switch {
	case x.stat == nil:
		return showInfo.name + "\n"
	case x.info == nil:
		return askStat(x.client.ProxiesOnly) + "\n"
	}
	line := showInfo.name + ";" + askStat(x.client.ProxiesOnly)
	if x.more != nil {
		for _, c := range x.more.commands {
			line += ";" + c
		}
	}
	return line + "\n"
}

// current returns the reply that the next byte belongs to.
func (x *exchange) current() *reply {
	if x.info != nil && (!x.info.whole || x.stat == nil) {
		return &x.info.reply
	}
	return &x.stat.reply
}

// read passes all bytes to the replies until the socket closes the connection.
func (x *exchange) read() error {
	for {
		if err := x.from.wait(); err != nil {
			return x.ended(err)
		}
		if over, err := x.drain(); over || err != nil {
			return err
		}
	}
}

// turn is the number of times that a socket may fill its buffer before it returns the
// buffer for other sockets.
const turn = 16

// drain passes the bytes that have arrived to the replies, one turn at most. It
// reports whether the connection has ended; then err is nil if the replies are
// complete.
func (x *exchange) drain() (over bool, err error) {
	lender := x.client.lender()
	buf, err := lender.get(x.ctx)
	if err != nil && x.hasReplies() {
		return true, x.ended(err)
	}
	if err != nil {
		return false, x.bufferError()
	}
	defer lender.put(buf)
	for range turn {
		n, err := fill(x.from, buf)
		if failed := x.take(buf[:n]); failed != nil {
			return false, failed
		}
		switch {
		case errors.Is(err, errNothing):
			return false, nil
		case err != nil:
			return true, x.ended(err)
		}
	}
	return false, nil
}

// fill reads the bytes that have arrived, at most len(p).
func fill(from source, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = from.read(p[n:])
		n += more
	}
	return n, err
}

// bufferError returns the error for a round that ended before a buffer was free.
func (x *exchange) bufferError() error {
	r := x.current()
	if errors.Is(x.ctx.Err(), context.Canceled) {
		return x.canceled(x.ctx, "read "+r.name+" from")
	}
	return x.replyError(r, ErrTimeout, "all buffers are in use", "Check whether the disk is slow, or raise workers in [pull]")
}

// take passes p to the replies.
func (x *exchange) take(p []byte) error {
	if x.info != nil && !x.info.whole && len(p) > 0 {
		if !x.info.fits(p) {
			return x.refused(&x.info.reply, p)
		}
		n, early := x.info.take(p)
		if x.info.size > min(maxInfo, x.client.maxReply()) {
			return x.replyError(&x.info.reply, ErrLongReply, fmt.Sprintf("no end after %d bytes", x.info.size), "")
		}
		p = p[n:]
		if x.info.whole {
			if err := x.storeInfo(); err != nil {
				return err
			}
			if err := x.takeStat(early); err != nil {
				return err
			}
		}
	}
	return x.takeStat(p)
}

func (x *exchange) storeInfo() error {
	if err := x.info.store(); err != nil {
		return x.storeError(&x.info.reply, err)
	}
	return nil
}

func (x *exchange) storeError(r *reply, err error) error {
	return &SocketError{Op: "store " + r.name + " of", Socket: x.address, Err: err}
}

func (x *exchange) takeStat(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	r := x.stat
	if r == nil {
		return x.replyError(&x.info.reply, ErrLongReply, "the reply to another command follows it", "")
	}
	if !r.whole {
		if !r.fits(p) {
			return x.refused(&r.reply, p)
		}
		n, err := r.take(p)
		if err != nil {
			return x.storeError(&r.reply, err)
		}
		if r.size > x.client.maxReply() {
			return x.replyError(&r.reply, ErrLongReply, fmt.Sprintf("no end after %d bytes", r.size), "")
		}
		p = p[n:]
		if r.whole && x.more != nil {
			x.more.hurry()
		}
	}
	if x.more != nil {
		x.more.take(p)
		return nil
	}
	if len(p) > 0 {
		return x.replyError(&r.reply, ErrLongReply, "more bytes follow the empty line that ends it", "")
	}
	return nil
}

// ended returns an error if a reply is incomplete at the end of the connection; err is
// what ended the connection.
func (x *exchange) ended(err error) error {
	if x.info != nil && !x.info.whole {
		early := x.info.settle()
		if !x.info.whole {
			return x.readError(x.ctx, &x.info.reply, err)
		}
		if failed := x.storeInfo(); failed != nil {
			return failed
		}
		if failed := x.takeStat(early); failed != nil {
			return failed
		}
	}
	if x.stat != nil && !x.stat.whole {
		return x.readError(x.ctx, &x.stat.reply, err)
	}
	if x.more != nil {
		x.more.err = err
	}
	return nil
}

// hasReplies reports whether both replies are complete, so that only further answers are
// missing.
func (x *exchange) hasReplies() bool { return x.more != nil && x.stat.whole }

// maxText bounds the text that is kept instead of a reply.
const maxText = 200

// refused reads the rest of an error line, or of HAProxy's list of commands, which
// the socket sends instead of the reply r; p is what arrived after r.first.
func (x *exchange) refused(r *reply, p []byte) error {
	text := append(slices.Clip(r.first), p...)
	for !isText(text) {
		var more [maxText]byte
		if x.from.wait() != nil {
			break
		}
		n, err := x.from.read(more[:])
		text = append(text, more[:n]...)
		if err != nil && !errors.Is(err, errNothing) {
			break
		}
	}
	if errors.Is(x.ctx.Err(), context.Canceled) {
		return x.canceled(x.ctx, "read "+r.name+" from")
	}
	answer := newTextError(text)
	return x.replyError(r, answer, "", answer.hint(!strings.HasPrefix(x.network, "unix")))
}

// isText reports whether a text that is not a reply is complete: its first line, and
// all of a list of commands.
func isText(text []byte) bool {
	if bytes.HasPrefix(withoutSeverity(text), []byte(unknownCommand)) {
		return len(text) >= maxAnswer || bytes.Contains(text, emptyLineMark)
	}
	return len(text) >= maxText || bytes.ContainsRune(text, '\n')
}
