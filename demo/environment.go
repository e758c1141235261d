package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	out       io.Writer // gets the progress
	binary    string    // of haproxy
	balancers []*real.HAProxy
	programs  []*real.Process // haproxystats' own, and other servers
	traffic   *traffic.Traffic
	receiver  *real.Receiver
	undo      []func() error // stops what has been started, last one first
}

// openEnvironment builds the programs and has open start everything. The progress is
// written to w. After an error openEnvironment stops what has been started.
func openEnvironment(ctx context.Context, w io.Writer, open func(*environment) error, names ...string) (_ *environment, err error) {
	e := &environment{out: w}
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
	if e.binary, err = real.Find(ctx, "haproxy"); err != nil {
		return nil, err
	}
	if e.dir, err = os.MkdirTemp("", "haproxystats-demo-"); err != nil {
		return nil, err
	}
	e.undo = append(e.undo, func() error { return os.RemoveAll(e.dir) })

	fmt.Fprintf(w, "demo: building %s\n", strings.Join(names, " and "))
	if err := programs.Build(ctx, e.dir, names...); err != nil {
		return nil, err
	}
	if err := open(e); err != nil {
		return nil, err
	}
	opened = true
	return e, nil
}

// openNode starts one node: its instances, haproxystats-pull and -process. The metrics
// that arrive are added to the store.
func (e *environment) openNode(ctx context.Context, store *store) error {
	fmt.Fprintf(e.out, "demo: starting %d haproxy instances with traffic\n", instances)
	var names []string
	for i := range instances {
		names = append(names, fmt.Sprintf("lb%d", i+1))
	}
	if _, err := e.openBalancers(ctx, real.HAProxyConfig{Sockets: e.sockets()}, names...); err != nil {
		return err
	}
	e.startTraffic()
	fmt.Fprintf(e.out, "demo: starting haproxystats-pull and haproxystats-process, every %v\n", interval)
	var err error
	e.receiver, err = real.StartReceiver(func(p real.Point) { store.add(p, time.Now()) })
	if err != nil {
		return err
	}
	e.undo = append(e.undo, e.receiver.Stop)
	return e.openPrograms()
}

// openBalancers starts instances that have their sockets in one directory.
func (e *environment) openBalancers(ctx context.Context, c real.HAProxyConfig, names ...string) ([]*real.HAProxy, error) {
	if err := os.Mkdir(c.Sockets, 0o750); err != nil {
		return nil, err
	}
	origin, err := real.StartOrigin()
	if err != nil {
		return nil, err
	}
	e.undo = append(e.undo, origin.Stop)
	c.Binary, c.Dir, c.Origin = e.binary, e.dir, origin
	var opened []*real.HAProxy
	for _, name := range names {
		c.Name = name
		h, err := real.StartHAProxy(ctx, c)
		if err != nil {
			return nil, err
		}
		opened = append(opened, h)
		e.undo = append(e.undo, h.Stop)
	}
	e.balancers = append(e.balancers, opened...)
	return opened, nil
}

// startTraffic sends traffic to all instances.
func (e *environment) startTraffic() {
	e.traffic = traffic.Start(e.balancers)
	e.undo = append(e.undo, e.traffic.Stop)
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
		if err := running(p); err != nil {
			return err
		}
	}
	return e.traffic.Err()
}

// running returns an error if the process has ended.
func running(p *real.Process) error {
	select {
	case <-p.Done():
		return p.Stop()
	default:
		return nil
	}
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
