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

// environment has everything that the demo starts.
type environment struct {
	dir       string
	balancers []*real.HAProxy
	programs  []*real.Process // haproxystats-process and -pull
	traffic   *traffic.Traffic
	receiver  *real.Receiver
	undo      []func() error // stops what has been started, last one first
}

// openEnvironment builds and starts everything. It writes its progress to w, and adds
// the metrics that arrive to the store. After an error it stops what it has started.
func openEnvironment(ctx context.Context, w io.Writer, store *store) (_ *environment, err error) {
	e := &environment{}
	opened := false
	defer func() {
		if opened {
			return
		}
		if ctx.Err() != nil { // the error follows from the interruption
			err = fmt.Errorf("stopped before it began: %w", context.Cause(ctx))
		}
		err = errors.Join(err, e.close()) // after a panic, too
	}()
	binary, err := real.Find(ctx, "haproxy")
	if err != nil {
		return nil, err
	}
	if e.dir, err = os.MkdirTemp("", "haproxystats-demo-"); err != nil {
		return nil, err
	}
	e.undo = append(e.undo, func() error { return os.RemoveAll(e.dir) })

	fmt.Fprintln(w, "demo: building haproxystats-pull and haproxystats-process")
	if err := programs.Build(ctx, e.dir, "haproxystats-pull", "haproxystats-process"); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "demo: starting %d haproxy instances with traffic\n", instances)
	if err := e.openBalancers(ctx, binary); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "demo: starting haproxystats-pull and haproxystats-process, every %v\n", interval)
	e.receiver, err = real.StartReceiver(func(p real.Point) { store.add(p, time.Now()) })
	if err != nil {
		return nil, err
	}
	e.undo = append(e.undo, e.receiver.Stop)
	if err := e.openPrograms(); err != nil {
		return nil, err
	}
	opened = true
	return e, nil
}

// openBalancers starts the instances and sends them traffic.
func (e *environment) openBalancers(ctx context.Context, binary string) error {
	if err := os.Mkdir(e.sockets(), 0o750); err != nil {
		return err
	}
	origin, err := real.StartOrigin()
	if err != nil {
		return err
	}
	e.undo = append(e.undo, origin.Stop)
	for i := range instances {
		h, err := real.StartHAProxy(ctx, real.HAProxyConfig{
			Name: fmt.Sprintf("lb%d", i+1), Binary: binary, Dir: e.dir, Sockets: e.sockets(), Origin: origin,
		})
		if err != nil {
			return err
		}
		e.balancers = append(e.balancers, h)
		e.undo = append(e.undo, h.Stop)
	}
	e.traffic = traffic.Start(e.balancers)
	e.undo = append(e.undo, e.traffic.Stop)
	return nil
}

// sockets returns the directory of the stats sockets.
func (e *environment) sockets() string { return filepath.Join(e.dir, "run") }

// alive returns an error if a server or program has ended or failed.
func (e *environment) alive() error {
	processes := e.programs
	for _, h := range e.balancers {
		processes = append(processes[:len(processes):len(processes)], h.Process)
	}
	for _, p := range processes {
		select {
		case <-p.Done():
			return p.Stop()
		default:
		}
	}
	return e.traffic.Err()
}

// close stops everything, the last started first.
func (e *environment) close() error {
	var errs []error
	for i := len(e.undo) - 1; i >= 0; i-- {
		errs = append(errs, e.undo[i]())
	}
	e.undo = nil
	return errors.Join(errs...)
}
