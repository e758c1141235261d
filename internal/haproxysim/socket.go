package haproxysim

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
)

// maxLine bounds a line of commands.
const maxLine = 4096

// oddSizes are the sizes of the pieces in which an answer is sent, in turn.
var oddSizes = []int{1, 13, 997, 2, 4093, 251, 16381, 1, 61}

// Socket answers connections from one recording. It counts them, so that a
// test can tell how often it was asked.
type Socket struct {
	mu          sync.Mutex
	recording   Recording
	fault       Fault
	sizes       []int
	connections int
	commands    int
}

// NewSocket returns a socket that answers from r in pieces of odd sizes.
func NewSocket(r Recording) *Socket { return &Socket{recording: r, sizes: oddSizes} }

// SetRecording makes later connections answer from r.
func (s *Socket) SetRecording(r Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recording = r
}

// SetFault makes later connections suffer from f.
func (s *Socket) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// SetSizes sets the sizes in bytes of the pieces in which later connections
// send their answer, in turn; all must be above 0. HAProxy's own is 16384.
func (s *Socket) SetSizes(sizes ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = sizes
}

// Connections returns the number of connections so far.
func (s *Socket) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Commands returns the number of commands so far.
func (s *Socket) Commands() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commands
}

// Serve answers one connection and closes it, at once when ctx ends.
func (s *Socket) Serve(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()

	s.mu.Lock()
	s.connections++
	fault, recording, sizes := s.fault, s.recording, s.sizes
	s.mu.Unlock()

	if fault.Kind == Drop {
		return
	}
	var line string
	var err error
	lines := bufio.NewReaderSize(conn, maxLine)
	if fault.Kind == Reset {
		line, err = peekLine(conn)
	} else {
		line, err = readLine(lines)
	}
	if err != nil {
		return
	}
	if strings.TrimSpace(line) == interactive && fault.Kind == None {
		s.serveInteractively(&output{ctx: ctx, conn: conn, sizes: sizes}, lines)
		return
	}
	commands := strings.Split(strings.TrimSpace(line), ";")
	s.mu.Lock()
	s.commands += len(commands)
	s.mu.Unlock()

	out := &output{ctx: ctx, conn: conn, fault: fault, sizes: sizes}
	if fault.Kind == Text {
		_ = out.send([]byte(fault.Text + "\n\n"))
		return
	}
	if fault.Kind == OneCommand {
		commands = commands[:1]
	}
	for _, command := range commands {
		answer := recording.answer(strings.TrimSpace(command))
		if fault.Kind == Endless && bytes.HasPrefix(answer, []byte("#")) {
			out.sendEndlessly(bytes.TrimSuffix(answer, []byte("\n")))
			return
		}
		if out.send(answer) != nil {
			return
		}
	}
}

// interactive makes a connection stay open. Up to HAProxy 3.1 a prompt follows each
// reply.
const (
	interactive = "prompt i"
	prompt      = "> "
)

// readLine reads a line of commands, of which HAProxy takes a bounded number of bytes.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	return string(line), err
}

// serveInteractively answers line after line until the connection ends.
func (s *Socket) serveInteractively(out *output, lines *bufio.Reader) {
	if out.send([]byte("\n"+prompt)) != nil {
		return
	}
	for {
		line, err := readLine(lines)
		if err != nil {
			return
		}
		commands := strings.Split(strings.TrimSpace(line), ";")
		s.mu.Lock()
		s.commands += len(commands)
		recording := s.recording
		s.mu.Unlock()
		for _, command := range commands {
			if out.send(append(bytes.Clone(recording.answer(strings.TrimSpace(command))), prompt...)) != nil {
				return
			}
		}
	}
}

// output sends to a connection in pieces, until the fault strikes.
type output struct {
	ctx   context.Context
	conn  net.Conn
	fault Fault
	sizes []int
	piece int // pieces sent
	sent  int // bytes sent
}

var errFault = errors.New("fault has struck")

func (o *output) send(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), o.sizes[o.piece%len(o.sizes)])
		o.piece++
		switch o.fault.Kind {
		case Cut, Reset, Stall:
			n = min(n, o.fault.At-o.sent)
		}
		if n == 0 {
			if o.fault.Kind != Stall || !o.stall() {
				return errFault
			}
			continue
		}
		if _, err := o.conn.Write(p[:n]); err != nil {
			return err
		}
		o.sent += n
		p = p[n:]
	}
	return nil
}

// stall waits for the fault's release and reports whether it came.
func (o *output) stall() bool {
	release := o.fault.Release
	if o.fault.Reached != nil {
		select {
		case o.fault.Reached <- struct{}{}:
		case <-o.ctx.Done():
		}
	}
	o.fault = Fault{}
	select {
	case <-release:
		return true
	case <-o.ctx.Done():
		return false
	}
}

func (o *output) sendEndlessly(p []byte) {
	if o.send(p) != nil {
		return
	}
	_, rows, _ := bytes.Cut(p, []byte("\n"))
	for o.send(rows) == nil {
	}
}

// peekLine waits for a line and leaves it unread: a connection that is closed
// with unread bytes is reset.
func peekLine(conn net.Conn) (string, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return "", errors.New("only a real socket can be reset")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return "", err
	}
	buf := make([]byte, maxLine)
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, _, failed = syscall.Recvfrom(int(fd), buf, syscall.MSG_PEEK)
		return !errors.Is(failed, syscall.EAGAIN)
	})
	return string(buf[:max(n, 0)]), errors.Join(err, failed)
}
