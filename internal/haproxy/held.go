package haproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Held is a connection to a stats socket that stays open. It leads to the worker that
// has accepted it, also after a reload, and keeps that worker alive until it is closed.
// It is not safe for concurrent use.
//
// The connection is interactive. Up to HAProxy 3.1, a prompt follows each reply.
type Held struct {
	client           *Client
	network, address string
	conn             net.Conn
	// rest has bytes that were read and not used.
	rest []byte
}

// prompt follows each reply of an interactive connection up to HAProxy 3.1.
var prompt = []byte("> ")

// Hold opens a connection that stays open. It makes one attempt.
func (c *Client) Hold(ctx context.Context, network, address string) (*Held, error) {
	s := &session{client: c, network: network, address: address}
	conn, err := s.dial(ctx)
	if err != nil {
		return nil, s.connectError(err, 1)
	}
	h := &Held{client: c, network: network, address: address, conn: conn}
	if err := h.begin(ctx); err != nil {
		conn.Close()
		return nil, h.error("hold a connection to", err)
	}
	return h, nil
}

// begin makes the connection interactive. "prompt i" means the same as "prompt" up to
// HAProxy 3.1, and shows no prompt from 3.2 on. Both answer with an empty line.
func (h *Held) begin(ctx context.Context) error {
	if err := h.send(ctx, "prompt i\n"); err != nil {
		return err
	}
	for len(h.rest) == 0 {
		if err := h.more(); err != nil {
			return err
		}
	}
	if h.rest[0] != '\n' {
		for !isText(h.rest) && h.more() == nil {
		}
		return newTextError(h.rest)
	}
	h.rest = h.rest[1:]
	return nil
}

// Close closes the connection. A worker that waits for it then exits.
func (h *Held) Close() error { return h.conn.Close() }

// heldPiece is the number of bytes read at once for a short reply.
const heldPiece = 8 << 10

// send writes a line, with the deadline of ctx for the answer.
func (h *Held) send(ctx context.Context, line string) error {
	deadline, _ := ctx.Deadline() // zero: none
	if err := h.conn.SetDeadline(deadline); err != nil {
		return err
	}
	_, err := io.WriteString(h.conn, line)
	return err
}

// more reads more bytes after rest.
func (h *Held) more() error {
	var piece [heldPiece]byte
	n, err := h.conn.Read(piece[:])
	h.rest = append(h.rest, piece[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// Look asks for `show info` and returns the reply with the empty line at its end. It
// leaves no trace in HAProxy's counters of connections and requests.
func (h *Held) Look(ctx context.Context) ([]byte, error) {
	if err := h.send(ctx, showInfo.name+"\n"); err != nil {
		return nil, h.error("read show info from", err)
	}
	for {
		text, err := h.beginning()
		if err != nil {
			return nil, h.error("read show info from", err)
		}
		if end := bytes.Index(text, emptyLineMark); end >= 0 {
			end += len(emptyLineMark)
			h.rest = bytes.Clone(text[end:])
			return text[:end:end], nil
		}
		if len(h.rest) > maxInfo {
			return nil, h.error("read show info from", ErrLongReply)
		}
		if err := h.more(); err != nil {
			return nil, h.error("read show info from", err)
		}
	}
}

// beginning returns rest without the prompt before it. The error is a [*TextError] if
// what follows is not a reply to `show info`.
func (h *Held) beginning() ([]byte, error) {
	text := bytes.TrimPrefix(h.rest, prompt)
	begin := showInfo.begins[0]
	n := min(len(text), len(begin))
	if string(text[:n]) != begin[:n] && !bytes.HasPrefix(prompt, h.rest) {
		return nil, newTextError(text)
	}
	return text, nil
}

// Read asks for `show info` and `show stat` and writes the raw replies, each with the
// empty line that ends it. With proxiesOnly, the second reply has the rows of frontends and
// backends only. After an error, what was written is useless, and so is the connection.
func (h *Held) Read(ctx context.Context, proxiesOnly bool, info, stat io.Writer) error {
	if err := h.send(ctx, showInfo.name+";"+askStat(proxiesOnly)+"\n"); err != nil {
		return h.error("read show info from", err)
	}
	for {
		text, err := h.beginning()
		if err != nil {
			return h.error("read show info from", err)
		}
		if end, next := beforeHeldHeader(text); end >= 0 {
			if _, err := info.Write(text[:end]); err != nil {
				return h.error("store show info of", err)
			}
			return h.readStat(text[next:], stat)
		}
		if len(h.rest) > maxInfo {
			return h.error("read show info from", ErrLongReply)
		}
		if err := h.more(); err != nil {
			return h.error("read show info from", err)
		}
	}
}

// beforeHeldHeader returns the number of bytes in front of the header of `show stat`,
// the empty line included, and where the header begins behind a prompt; or -1.
func beforeHeldHeader(text []byte) (end, next int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], emptyLineMark)
		if i < 0 {
			return -1, -1
		}
		from += i + len(emptyLineMark)
		header := bytes.TrimPrefix(text[from:], prompt)
		for _, begin := range showStat.begins {
			if bytes.HasPrefix(header, []byte(begin)) {
				return from, len(text) - len(header)
			}
		}
		from--
	}
}

// readStat passes the reply to `show stat`, which begins with text, to stat.
func (h *Held) readStat(text []byte, stat io.Writer) error {
	r := newStatReply(stat)
	n, err := r.take(text)
	buf := make([]byte, bufferSize)
	for err == nil && !r.whole {
		if r.size > h.client.maxReply() {
			return h.error("read show stat from", ErrLongReply)
		}
		var got int
		got, err = h.conn.Read(buf)
		if got > 0 {
			text = buf[:got]
			var failed error
			if n, failed = r.take(text); failed != nil {
				return h.error("store show stat of", failed)
			}
			err = nil
		}
	}
	if err != nil {
		return h.error("read show stat from", err)
	}
	h.rest = bytes.Clone(text[n:])
	return nil
}

func (h *Held) error(op string, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTimeout
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		err = ErrClosed
	default:
		if text, ok := errors.AsType[*TextError](err); ok {
			return &SocketError{Op: op, Socket: h.address, Err: err, Hint: text.hint(!strings.HasPrefix(h.network, "unix"))}
		}
		err = bare(err)
	}
	return &SocketError{Op: op, Socket: h.address, Err: err}
}

// ErrClosed means that the worker has closed a connection that was held: it has ended,
// or closes connections that were idle for its `stats timeout`.
var ErrClosed = errors.New("the worker has closed the connection")
