package status

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Ask returns what the program at that socket says. The error satisfies
// errors.Is(err, fs.ErrNotExist) if there is no socket, [syscall.ECONNREFUSED]
// if nobody listens, [syscall.EAGAIN] if so many wait for an answer that no more
// are let in, [fs.ErrPermission] if the user may not ask, and
// [os.ErrDeadlineExceeded] or that of ctx if there is no answer in time.
func Ask(ctx context.Context, path string) (Document, error) {
	d, err := ask(ctx, path)
	if err != nil {
		return Document{}, fmt.Errorf("ask %s: %w", path, err)
	}
	return d, nil
}

func ask(ctx context.Context, path string) (Document, error) {
	p, err := openPlace(path)
	if err != nil {
		return Document{}, err
	}
	defer p.dir.Close()
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unix", p.address())
	if err != nil {
		return Document{}, bare(err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0)) // it ends the reading
	})()
	d, err := Decode(c)
	if ctx.Err() != nil {
		return Document{}, ctx.Err()
	}
	return d, bare(err)
}
