package status

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Ask returns the document of the program that listens on the socket. The error
// satisfies errors.Is for
//   - [fs.ErrNotExist] if there is no socket,
//   - [syscall.ECONNREFUSED] if no program listens,
//   - [syscall.EAGAIN] if the socket's backlog has been full for a few seconds,
//   - [fs.ErrPermission] if the user may not connect,
//   - [os.ErrDeadlineExceeded] or the error of ctx if the answer is late.
func Ask(ctx context.Context, path string) (Document, error) {
	d, err := ask(ctx, path)
	if err != nil {
		return Document{}, fmt.Errorf("ask %s: %w", path, err)
	}
	return d, nil
}

const (
	// maxDial bounds the time in which Ask tries to connect while the socket's backlog
	// is full, and dialPause is the pause between two tries.
	maxDial   = 3 * time.Second
	dialPause = 5 * time.Millisecond
)

// dial connects. It tries again while the socket's backlog is full.
func (p socketPath) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	for start := time.Now(); ; {
		c, err := dialer.DialContext(ctx, "unix", p.address())
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, unix.EAGAIN) || time.Since(start) >= maxDial {
			return nil, bare(err)
		}
		pause := time.NewTimer(dialPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, bare(err)
		}
	}
}

func ask(ctx context.Context, path string) (Document, error) {
	p, err := openPath(path)
	if err != nil {
		return Document{}, err
	}
	defer p.dir.Close()
	c, err := p.dial(ctx)
	if err != nil {
		return Document{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0)) // this ends the reading
	})()
	d, err := Decode(c)
	if ctx.Err() != nil {
		return Document{}, ctx.Err()
	}
	return d, bare(err)
}
