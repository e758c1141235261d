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
	open map[net.Conn]struct{} // nil after close
}

// StartSink opens a sink on a free port. It runs until stop is called.
func StartSink() (s *Sink, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s = &Sink{listener: l, open: map[net.Conn]struct{}{}}
	accepting := make(chan struct{})
	go func() { defer close(accepting); s.accept() }()
	return s, func() { s.close(); <-accepting }, nil
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

// accept accepts connections until close is called, and waits for their ends.
func (s *Sink) accept() {
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

// close ends accept and every connection.
func (s *Sink) close() {
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
