package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketMode = 0o660
	dirMode    = 0o750
	// maxAsking is how many are answered at once; others wait for their turn.
	maxAsking = 8
	// maxAnswer is how long an answer may take: somebody may ask and not read.
	maxAnswer = 2 * time.Second
	// rest is the pause after no client could be accepted, for lack of descriptors.
	rest = time.Second
)

var (
	// ErrInUse says that another program has the socket.
	ErrInUse = errors.New("the status socket is in use")
	// ErrNoSocket means that the path has something other than a socket.
	ErrNoSocket = errors.New("it is not a socket")
)

// Listener is a status socket that is there for others to connect to.
type Listener struct {
	place
	held   *os.File
	socket *net.UnixListener
	id     identity
	log    *slog.Logger
}

// Listen makes the socket, readable and writable for its owner and group, and
// its directory if that is missing. What a dead program left there is replaced.
// The error satisfies errors.Is(err, [ErrInUse]) if a program that lives has it,
// and errors.Is(err, [ErrNoSocket]) if the path is not a socket.
func Listen(path string, log *slog.Logger) (*Listener, error) {
	l := &Listener{log: cmp.Or(log, slog.New(slog.DiscardHandler))}
	if err := l.listen(path); err != nil {
		return nil, fmt.Errorf("open status socket %s: %w", path, errors.Join(hinted(err), l.Close()))
	}
	return l, nil
}

// hinted says what to do.
func hinted(err error) error {
	for _, cause := range []error{fs.ErrPermission, unix.EROFS, unix.ENOSPC, unix.ENOTDIR} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%w: let this program write there, or set another status-socket", err)
		}
	}
	return err
}

func (l *Listener) listen(path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	if l.place, err = openPlace(path); err != nil {
		return err
	}
	if l.held, err = l.lock(); err != nil {
		return err
	}
	if err := l.clear(); err != nil {
		return err
	}
	listen := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		// So that it has no wider mode at any time.
		return errors.Join(c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), socketMode) }), err)
	}}
	socket, err := listen.Listen(context.Background(), "unix", l.address())
	if err != nil {
		return bare(err)
	}
	l.socket = socket.(*net.UnixListener)
	l.socket.SetUnlinkOnClose(false)
	return l.own()
}

// clear makes room for the socket.
func (l *Listener) clear() error {
	id, kind, err := l.stat()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case kind != socketKind:
		return fmt.Errorf("%w but %s: move it away, or set another status-socket", ErrNoSocket, kind)
	}
	c, err := net.DialTimeout("unix", l.address(), maxAnswer)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("%w: a program answers there: set another status-socket", ErrInUse)
	case !errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: %w: move it away, or set another status-socket", ErrInUse, bare(err))
	}
	return l.remove(id)
}

// own notes which socket is this one, and gives it the mode that the umask has
// narrowed.
func (l *Listener) own() error {
	fd, err := unix.Openat(l.fd(), l.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return ErrNoSocket
	}
	l.id = identity{uint64(st.Dev), st.Ino}
	return os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), socketMode)
}

// Close takes the socket away.
func (l *Listener) Close() error {
	var err error
	if l.socket != nil {
		err = errors.Join(l.remove(l.id), l.socket.Close())
	}
	if l.held != nil {
		err = errors.Join(err, unix.Flock(int(l.held.Fd()), unix.LOCK_UN), l.held.Close())
	}
	if l.dir != nil {
		err = errors.Join(err, l.dir.Close())
	}
	return err
}

// Run answers everybody with what document returns, which must come soon, until
// ctx ends. It returns nil when all who are being answered have got it or have
// run out of time. A process that asks too often gets its connection closed.
func (l *Listener) Run(ctx context.Context, document func() Document) error {
	defer context.AfterFunc(ctx, func() {
		_ = l.socket.SetDeadline(time.Unix(1, 0)) // it ends Accept
	})()
	var answers sync.WaitGroup
	defer answers.Wait()
	turns := make(chan struct{}, maxAsking)
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
				l.log.Warn("nobody can be told the status, will try again", "socket", l.path, "error", bare(err))
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

// answer tells one who has asked. Whoever goes away or does not read is not
// worth a message.
func answer(c net.Conn, d Document) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(maxAnswer)) == nil {
		_ = d.Encode(c)
	}
}

func pause(ctx context.Context) {
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// bare returns an error of the network without the address, which tells the
// reader nothing.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
