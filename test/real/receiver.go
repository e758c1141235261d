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

	conns *connections

	mu     sync.Mutex
	handle func(Point)
	bad    []string
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
		Addr: l.Addr().String(), Port: l.Addr().(*net.TCPAddr).Port, handle: handle,
	}
	r.conns = accept(l, r.receive)
	return r, nil
}

// Stop closes the receiver with all its connections, and waits.
func (r *Receiver) Stop() error { return r.conns.close() }

// Bad returns the first lines that were no points, and what was wrong.
func (r *Receiver) Bad() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bad...)
}

func (r *Receiver) receive(c net.Conn) {
	lines := bufio.NewReaderSize(c, receiverMaxLine)
	for {
		_ = c.SetReadDeadline(time.Now().Add(receiverIdle)) // fails only when closed
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if len(line) > 0 {
				r.point(string(line))
			} else if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				r.note(err.Error(), "")
			}
			return
		}
		r.point(string(line))
	}
}

func (r *Receiver) point(line string) {
	p, err := ParsePoint(line)
	if err != nil {
		r.note(err.Error(), line)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle(p)
}

func (r *Receiver) note(problem, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bad) < receiverKeep {
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
