package measure

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Sink is a Graphite receiver on loopback that counts lines and keeps nothing.
// It closes a connection when its peer has, which is what tells a sender that
// all was read.
type Sink struct {
	listener net.Listener
	lines    atomic.Int64
	first    atomic.Pointer[chan time.Time]
	conns    sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil after Close
}

// Listen opens a sink on a free port.
func Listen() (*Sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Sink{listener: l, open: map[net.Conn]struct{}{}}, nil
}

// Port returns the port the sink listens on.
func (s *Sink) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Lines returns the number of lines received so far.
func (s *Sink) Lines() int64 { return s.lines.Load() }

// First returns a channel that gets the time at which the next data arrives.
func (s *Sink) First() <-chan time.Time {
	c := make(chan time.Time, 1)
	s.first.Store(&c)
	return c
}

// Run accepts connections until Close is called.
func (s *Sink) Run() {
	defer s.conns.Wait()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		if s.open == nil {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		s.conns.Go(func() { s.drain(conn) })
	}
}

// Close ends Run and every connection.
func (s *Sink) Close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		conn.Close()
	}
	s.open = nil
}

// drain reads a connection to its end.
func (s *Sink) drain(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	buf := make([]byte, 256<<10)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			if c := s.first.Swap(nil); c != nil {
				*c <- time.Now()
			}
			s.lines.Add(int64(bytes.Count(buf[:n], []byte{'\n'})))
		}
		if err != nil {
			return
		}
	}
}
