package faults

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// modelNetwork leads to a Graphite in memory, whose connections end as drawn.
type modelNetwork struct {
	m       *model
	fate    *fate
	serving sync.WaitGroup
}

// dial connects to Graphite.
func (n *modelNetwork) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	fate := n.fate.next()
	switch fate {
	case "refuses":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "dead":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	there, hereUp := net.Pipe()
	hereDown, back := net.Pipe()
	n.serving.Go(func() { n.serve(there, back, fate) })
	return &modelConn{Conn: hereUp, down: hereDown}, nil
}

// serve reads what comes, notes whole lines, and ends the connection at its end.
func (n *modelNetwork) serve(up, down net.Conn, fate string) {
	defer up.Close()
	defer down.Close()
	var in io.Reader = up
	switch fate {
	case "cut":
		in = io.LimitReader(up, 1000)
	case "cut late":
		in = io.LimitReader(up, 3000)
	case "dies", "forgets":
		// The kernel has taken everything when the one behind it dies.
		text, _ := io.ReadAll(up)
		n.m.received.Add(text[:len(text)/2])
		if fate == "dies" {
			_, _ = down.Write([]byte{0})
		} else {
			_, _ = io.Copy(io.Discard, down)
		}
		return
	}
	var text []byte
	buf := make([]byte, 512)
	for {
		k, err := in.Read(buf)
		text = append(text, buf[:k]...)
		if end := bytes.LastIndexByte(text, '\n') + 1; end > 0 {
			n.m.received.Add(text[:end])
			text = append(text[:0], text[end:]...)
		}
		if err != nil {
			break
		}
	}
	switch fate {
	case "silent":
		// Nothing comes back until the sender goes away.
		_, _ = io.Copy(io.Discard, down)
	case "cut", "cut late":
		// A pipe has no reset; what no Graphite says does as well.
		_ = up.Close()
		_, _ = down.Write([]byte{0})
	}
}

// modelConn is a connection of two pipes, so that its ends close one by one.
type modelConn struct {
	net.Conn // to the peer
	down     net.Conn
}

func (c *modelConn) Read(p []byte) (int, error) { return c.down.Read(p) }

func (c *modelConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *modelConn) SetReadDeadline(t time.Time) error { return c.down.SetReadDeadline(t) }

// CloseWrite ends the way there.
func (c *modelConn) CloseWrite() error { return c.Conn.Close() }

func (c *modelConn) Close() error { return errors.Join(c.Conn.Close(), c.down.Close()) }
