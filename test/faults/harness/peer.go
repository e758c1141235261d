package harness

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is a kind of fault of a connection to Graphite.
type Kind int

// The kinds of faults.
const (
	None    Kind = iota
	Reset        // after At bytes the connection is reset
	Close        // after At bytes it is closed, with whatever is unread
	Finish       // after At bytes it is ended politely, and closed right after
	Stall        // after At bytes nothing is taken any more
	Trickle      // Piece bytes are taken every Every
	Mute         // all is taken and nothing confirmed
)

// Fault is a fault of a connection to Graphite.
type Fault struct {
	Kind  Kind
	At    int64
	Piece int           // 0: 512
	Every time.Duration // 0: 1 ms
}

// Plan returns the fault of the nth connection, counted from 1.
type Plan func(n int64) Fault

// Always is a plan for all connections.
func Always(f Fault) Plan { return func(int64) Fault { return f } }

// errFault ends an intake whose fault has struck.
var errFault = errors.New("fault has struck")

// intake reads from a connection, and lets its fault strike.
type intake struct {
	ctx   context.Context // ends when the receiver does
	conn  *net.TCPConn
	fault Fault
	taken int64
	buf   []byte
}

// next returns what came next. The error is io.EOF at the sender's end.
func (in *intake) next() ([]byte, error) {
	if in.buf == nil {
		in.buf = make([]byte, 64<<10)
	}
	most := int64(len(in.buf))
	switch in.fault.Kind {
	case Reset, Close, Finish, Stall:
		if most = min(most, in.fault.At-in.taken); most <= 0 {
			return nil, in.strike()
		}
	case Trickle:
		most = int64(in.fault.Piece)
		if most == 0 {
			most = 512
		}
		if err := in.wait(max(in.fault.Every, time.Millisecond)); err != nil {
			return nil, err
		}
	}
	n, err := in.conn.Read(in.buf[:most])
	in.taken += int64(n)
	if err != nil && in.fault.Kind == Mute {
		<-in.ctx.Done()
		return nil, errFault
	}
	return in.buf[:n], err
}

func (in *intake) strike() error {
	switch in.fault.Kind {
	case Reset:
		_ = in.conn.SetLinger(0)
		_ = in.conn.Close()
	case Close:
		_ = in.conn.Close()
	case Finish:
		_ = in.conn.CloseWrite()
		_ = in.conn.Close()
	case Stall:
		<-in.ctx.Done()
	}
	return errFault
}

func (in *intake) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-in.ctx.Done():
		return errFault
	}
}

// receiver accepts connections until it is killed, and can be started again on
// its old port.
type receiver struct {
	site   *Site
	serve  func(*intake)
	addr   string
	window int // bytes of the kernel's buffer for each connection; 0: its default

	mu     sync.Mutex
	plan   Plan
	count  int64
	cancel context.CancelFunc
	busy   *sync.WaitGroup
	grown  chan struct{} // closed at the next connection
}

func (s *Site) receiver(serve func(*intake)) *receiver {
	s.T.Helper()
	r := &receiver{site: s, serve: serve, plan: Always(Fault{}), addr: s.FreeAddress(), grown: make(chan struct{})}
	r.Restart()
	s.T.Cleanup(r.Kill)
	return r
}

// Addr returns host:port.
func (r *receiver) Addr() string { return r.addr }

// Port returns the port, which stays the same over a restart.
func (r *receiver) Port() int {
	a, err := net.ResolveTCPAddr("tcp", r.addr)
	r.site.Must(err)
	return a.Port
}

// SetPlan sets the faults of later connections.
func (r *receiver) SetPlan(p Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = p
}

// SetWindow makes the kernel take little ahead of the reader; it counts from
// the next start on.
func (r *receiver) SetWindow(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.window = bytes
}

// Connections returns how many there were.
func (r *receiver) Connections() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// WaitConnections waits until there were n.
func (r *receiver) WaitConnections(ctx context.Context, n int64) error {
	for {
		r.mu.Lock()
		count, grown := r.count, r.grown
		r.mu.Unlock()
		if count >= n {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Kill ends the receiver as the kernel ends one that is killed: the port
// refuses, and connections are reset where something was left unread. It
// returns when nothing more can be noted. A receiver that is down stays so.
func (r *receiver) Kill() {
	r.mu.Lock()
	cancel, busy := r.cancel, r.busy
	r.cancel = nil
	r.mu.Unlock()
	if cancel != nil {
		cancel()
		busy.Wait()
	}
}

// Restart starts a receiver that was killed.
func (r *receiver) Restart() {
	r.site.T.Helper()
	config := net.ListenConfig{Control: r.control}
	l, err := config.Listen(context.Background(), "tcp", r.addr)
	r.site.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	busy := new(sync.WaitGroup)
	r.mu.Lock()
	if r.cancel != nil {
		r.mu.Unlock()
		cancel()
		_ = l.Close()
		r.site.T.Fatal("restart of a receiver that runs")
	}
	r.addr, r.cancel, r.busy = l.Addr().String(), cancel, busy
	r.mu.Unlock()
	busy.Go(func() { // so that the port is free again when Kill returns
		<-ctx.Done()
		stopListening(l.(*net.TCPListener))
	})
	busy.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := &intake{ctx: ctx, conn: c.(*net.TCPConn), fault: r.next()}
			busy.Go(func() {
				defer c.Close()
				defer context.AfterFunc(ctx, func() { _ = c.Close() })()
				r.serve(in)
			})
		}
	})
}

// stopListening closes a listener. Closing the descriptor would not do: a child
// process that is being started holds all descriptors until it runs its program,
// and the port with them.
func stopListening(l *net.TCPListener) {
	if conn, err := l.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
	_ = l.Close()
}

func (r *receiver) next() Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	close(r.grown)
	r.grown = make(chan struct{})
	return r.plan(r.count)
}
