package status

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Ask returns what the program at that socket says. The error satisfies
// errors.Is(err, fs.ErrNotExist) if there is no socket, [syscall.ECONNREFUSED]
// if nobody listens, [syscall.EAGAIN] if so many wait for an answer that no more
// are let in for a few seconds, [fs.ErrPermission] if the user may not ask, and
// [os.ErrDeadlineExceeded] or that of ctx if there is no answer in time.
func Ask(ctx context.Context, path string) (Document, error) {
	d, err := ask(ctx, path)
	if err != nil {
		return Document{}, fmt.Errorf("ask %s: %w", path, err)
	}
	return d, nil
}

const (
	// patience is how long Ask tries to be let in when others crowd the socket,
	// and turn the pause between two tries.
	patience = 3 * time.Second
	turn     = 5 * time.Millisecond
)

// dial connects, again and again while too many others wait.
func (p place) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	for start := time.Now(); ; {
		c, err := dialer.DialContext(ctx, "unix", p.address())
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, unix.EAGAIN) || time.Since(start) >= patience {
			return nil, bare(err)
		}
		pause := time.NewTimer(turn)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, bare(err)
		}
	}
}

func ask(ctx context.Context, path string) (Document, error) {
	p, err := openPlace(path)
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
