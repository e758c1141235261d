package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"haproxystats/test/programs"
	"haproxystats/test/real"
	"haproxystats/test/traffic"
)

const (
	instances = 3
	namespace = "demo"
	root      = namespace + ".haproxy" // of every metric's path
	interval  = 2 * time.Second        // between two rounds of pull
)

// stage is all that the demo starts.
type stage struct {
	dir       string
	balancers []*real.HAProxy
	programs  []*real.Process // haproxystats-process and -pull
	traffic   *traffic.Traffic
	receiver  *real.Receiver
	undo      []func() error // stops what has been started, last one first
}

// openStage builds and starts everything; progress goes to w, the metrics that
// arrive into the store. If it can't go on it stops what it has started.
func openStage(ctx context.Context, w io.Writer, store *store) (_ *stage, err error) {
	s := &stage{}
	opened := false
	defer func() {
		if opened {
			return
		}
		if ctx.Err() != nil { // what it interrupted is of no interest
			err = fmt.Errorf("stopped before it began: %w", context.Cause(ctx))
		}
		err = errors.Join(err, s.close()) // after a panic, too
	}()
	binary, err := real.Find(ctx, "haproxy")
	if err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "haproxystats-demo-"); err != nil {
		return nil, err
	}
	s.undo = append(s.undo, func() error { return os.RemoveAll(s.dir) })

	fmt.Fprintln(w, "demo: building haproxystats-pull and haproxystats-process")
	if err := programs.Build(ctx, s.dir, "haproxystats-pull", "haproxystats-process"); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "demo: starting %d haproxy instances with traffic\n", instances)
	if err := s.openBalancers(ctx, binary); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "demo: starting haproxystats-pull and haproxystats-process, every %v\n", interval)
	s.receiver, err = real.StartReceiver(func(p real.Point) { store.add(p, time.Now()) })
	if err != nil {
		return nil, err
	}
	s.undo = append(s.undo, s.receiver.Stop)
	if err := s.openPrograms(); err != nil {
		return nil, err
	}
	opened = true
	return s, nil
}

// openBalancers starts the instances and sends them traffic.
func (s *stage) openBalancers(ctx context.Context, binary string) error {
	if err := os.Mkdir(s.sockets(), 0o750); err != nil {
		return err
	}
	origin, err := real.StartOrigin()
	if err != nil {
		return err
	}
	s.undo = append(s.undo, origin.Stop)
	for i := range instances {
		h, err := real.StartHAProxy(ctx, real.HAProxyConfig{
			Name: fmt.Sprintf("lb%d", i+1), Binary: binary, Dir: s.dir, Sockets: s.sockets(), Origin: origin,
		})
		if err != nil {
			return err
		}
		s.balancers = append(s.balancers, h)
		s.undo = append(s.undo, h.Stop)
	}
	s.traffic = traffic.Start(s.balancers)
	s.undo = append(s.undo, s.traffic.Stop)
	return nil
}

// sockets is the directory of the stats sockets.
func (s *stage) sockets() string { return filepath.Join(s.dir, "run") }

// alive returns an error if something has ended or broken that should not.
func (s *stage) alive() error {
	processes := s.programs
	for _, h := range s.balancers {
		processes = append(processes[:len(processes):len(processes)], h.Process)
	}
	for _, p := range processes {
		select {
		case <-p.Done():
			return p.Stop()
		default:
		}
	}
	return s.traffic.Err()
}

// close stops everything, the last started first.
func (s *stage) close() error {
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i]())
	}
	s.undo = nil
	return errors.Join(errs...)
}
