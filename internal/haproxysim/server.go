package haproxysim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Server listens for the connections of sockets.
type Server struct {
	mu        sync.Mutex
	listeners []listener
}

type listener struct {
	net.Listener
	socket *Socket
}

// Listen binds s to an address and returns it, with the port that was free when
// a TCP address ends in :0. Connections are answered once Run is called; until
// then they wait.
func (s *Server) Listen(network, address string, socket *Socket) (string, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, listener{l, socket})
	return l.Addr().String(), nil
}

// Run answers connections until ctx ends or Close is called, closes what is
// open, and returns when all is over.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()

	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()
	errs := make([]error, len(listeners))
	var accepting, serving sync.WaitGroup
	for i, l := range listeners {
		accepting.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					errs[i] = acceptError(l, err)
					return
				}
				serving.Go(func() { l.socket.Serve(ctx, conn) })
			}
		})
	}
	accepting.Wait()
	cancel()
	serving.Wait()
	return errors.Join(errs...)
}

func acceptError(l net.Listener, err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("accept on %s: %w", l.Addr(), err)
}

// Close stops listening, and ends Run. The files of UNIX sockets are removed.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
