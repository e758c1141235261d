package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
)

const (
	socketMode = 0o660
	// maxAnswers bounds the clients that are answered at once. Others wait.
	maxAnswers = 8
	// maxAnswer bounds the time for one answer, since a client may not read it.
	maxAnswer = 2 * time.Second
	// acceptPause is the pause after Accept has failed, such as for lack of descriptors.
	acceptPause = time.Second
)

var (
	// ErrInUse means that another program listens on the socket.
	ErrInUse = errors.New("the status socket is in use")
	// ErrNotSocket means that the path is that of something other than a socket.
	ErrNotSocket = errors.New("it is not a socket")
)

// Listener is a status socket that clients can connect to.
type Listener struct {
	at     socketPath
	lock   *durable.Lock
	socket *net.UnixListener
	id     durable.Identity
	log    *slog.Logger
}

// Listen makes the socket, readable and writable for its owner and group, and
// its directory if that is missing. It replaces the socket of a dead program. The
// error satisfies errors.Is(err, [ErrInUse]) if another program listens, and
// errors.Is(err, [ErrNotSocket]) if the path is not that of a socket. A nil log
// means none.
func Listen(path string, log *slog.Logger) (*Listener, error) {
	l := &Listener{log: cmp.Or(log, slog.New(slog.DiscardHandler))}
	if err := l.listen(path); err != nil {
		return nil, fmt.Errorf("open status socket %s: %w", path, errors.Join(hinted(err), l.Close()))
	}
	return l, nil
}

// hinted adds a remedy to the error.
func hinted(err error) error {
	for _, cause := range []error{fs.ErrPermission, unix.EROFS, unix.ENOSPC, durable.ErrNotDir} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%w: let this program write there, or set another status-socket", err)
		}
	}
	return err
}

func (l *Listener) listen(path string) (err error) {
	if err := durable.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if l.at, err = openPath(path); err != nil {
		return err
	}
	if l.lock, err = l.at.lock(); err != nil {
		return err
	}
	if err := l.clear(); err != nil {
		return err
	}
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		// The mode of the descriptor becomes that of the file, so that it is never wider.
		return errors.Join(c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }), err)
	}}
	socket, err := listen.Listen(context.Background(), "unix", l.at.address())
	if err != nil {
		return bare(err)
	}
	l.socket = socket.(*net.UnixListener)
	l.socket.SetUnlinkOnClose(false)
	l.id, err = l.at.adopt()
	return err
}

// clear removes the socket of a dead program, and refuses anything else that has the
// path.
func (l *Listener) clear() error {
	found, err := l.at.dir.Stat(l.at.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case found.Kind != durable.Socket:
		return fmt.Errorf("%w but %v: move it away, or set another status-socket", ErrNotSocket, found.Kind)
	}
	c, err := net.DialTimeout("unix", l.at.address(), maxAnswer)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("%w: a program answers there: set another status-socket", ErrInUse)
	case !errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: %w: move it away, or set another status-socket", ErrInUse, bare(err))
	}
	return l.at.remove(found.ID)
}

// Close removes the socket and closes it.
func (l *Listener) Close() error {
	var err error
	if l.socket != nil {
		err = errors.Join(l.at.remove(l.id), l.socket.Close())
	}
	if l.lock != nil {
		err = errors.Join(err, l.lock.Unlock())
	}
	if l.at.dir != nil {
		err = errors.Join(err, l.at.dir.Close())
	}
	return err
}

// Run answers each client with the result of document, which must not block, until
// ctx ends. Then it waits for the answers in progress and returns nil. It closes the
// connections of a process that asks too often.
func (l *Listener) Run(ctx context.Context, document func() Document) error {
	defer context.AfterFunc(ctx, func() {
		_ = l.socket.SetDeadline(time.Unix(1, 0)) // this ends Accept
	})()
	var answers sync.WaitGroup
	defer answers.Wait()
	turns := make(chan struct{}, maxAnswers)
	var limits limits
	for refused := false; ; {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.socket.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			<-turns
			if !refused {
				l.log.Warn("nobody can be told the status, will try again", "socket", l.at.path, "error", bare(err))
			}
			refused = true
			pause(ctx)
			continue
		}
		refused = false
		if !limits.admits(c, time.Now()) {
			c.Close()
			<-turns
			continue
		}
		answers.Go(func() {
			defer func() { <-turns }()
			answer(c, document())
		})
	}
}

// answer sends the document. A client that goes away or does not read is not worth
// a message.
func answer(c net.Conn, d Document) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(maxAnswer)) == nil {
		_ = d.Encode(c)
	}
}

func pause(ctx context.Context) {
	t := time.NewTimer(acceptPause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// bare returns an error of the network without the address, which contains only a
// descriptor's number.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
