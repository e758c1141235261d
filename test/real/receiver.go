package real

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Point is one line of Graphite's plaintext protocol.
type Point struct {
	Path  string
	Value float64
	Time  int64
}

const (
	// receiverIdle bounds how long a silent sender keeps its connection.
	receiverIdle = 5 * time.Minute
	// receiverMaxLine bounds a line.
	receiverMaxLine = 64 << 10
	// receiverKeep bounds how many bad lines are kept for the asking.
	receiverKeep = 20
)

// Receiver is a Graphite plaintext receiver in this process.
type Receiver struct {
	Addr string
	Port int // the port of Addr

	listener net.Listener
	handle   func(Point)
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil when stopped
	bad   []string
}

// StartReceiver starts a receiver on a free port. It calls handle for every
// point, one call at a time. A sender that has closed its half of a connection
// gets a clean end once all its points are handled.
func StartReceiver(handle func(Point)) (*Receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start receiver: %w", err)
	}
	r := &Receiver{
		Addr: l.Addr().String(), Port: l.Addr().(*net.TCPAddr).Port,
		listener: l, handle: handle, conns: make(map[net.Conn]struct{}),
	}
	r.wg.Go(r.accept)
	return r, nil
}

// Stop closes the receiver with all its connections, and waits.
func (r *Receiver) Stop() error {
	err := r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
	r.mu.Unlock()
	r.wg.Wait()
	return err
}

// Bad returns the first lines that were no points, and what was wrong.
func (r *Receiver) Bad() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bad...)
}

func (r *Receiver) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		if r.conns == nil {
			r.mu.Unlock()
			_ = c.Close()
			return
		}
		r.conns[c] = struct{}{}
		r.wg.Go(func() { r.receive(c) })
		r.mu.Unlock()
	}
}

func (r *Receiver) receive(c net.Conn) {
	lines := bufio.NewReaderSize(c, receiverMaxLine)
	for {
		_ = c.SetReadDeadline(time.Now().Add(receiverIdle)) // fails only when closed
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if len(line) > 0 {
				r.point(string(line))
			} else if !errors.Is(err, io.EOF) {
				r.note(err.Error(), "")
			}
			break
		}
		r.point(string(line))
	}
	_ = c.Close()
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
}

func (r *Receiver) point(line string) {
	p, err := ParsePoint(line)
	if err != nil {
		r.note(err.Error(), line)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns != nil {
		r.handle(p)
	}
}

func (r *Receiver) note(problem, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns != nil && len(r.bad) < receiverKeep {
		r.bad = append(r.bad, fmt.Sprintf("%s: %.200q", problem, line))
	}
}

// ParsePoint reads one line: three fields, one space apart, and a newline.
func ParsePoint(line string) (Point, error) {
	body, ok := strings.CutSuffix(line, "\n")
	if !ok {
		return Point{}, errors.New("no newline at the end")
	}
	fields := strings.Split(body, " ")
	if len(fields) != 3 || fields[0] == "" {
		return Point{}, errors.New("not of the form PATH VALUE TIME")
	}
	value, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return Point{}, fmt.Errorf("value: %w", err)
	}
	at, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return Point{}, fmt.Errorf("time: %w", err)
	}
	return Point{Path: fields[0], Value: value, Time: at}, nil
}
