package app

import (
	"context"
	"errors"
	"sync"

	"haproxystats/internal/config"
	"haproxystats/internal/learned"
	"haproxystats/internal/truth"
)

// engine is what haproxystats-process and haproxystats-central have in common: the parts
// that stay over reloads, and the work by the present configuration, which a reload
// replaces.
type engine[W work] struct {
	here    *host
	release release
	service *Supervisor
	known   *learned.Store
	base    setup // of any configuration
	to      Log
	ledger  *truth.Ledger

	mu  sync.Mutex
	now W
}

// work returns the present work.
func (e *engine[W]) work() W {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// begin makes w the present work.
func (e *engine[W]) begin(w W) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = w
}

// setup returns what the sinks of a configuration are opened with.
func (e *engine[W]) setup(l *config.Loaded) setup {
	s := e.base
	s.config, s.loaded, s.hostname = &l.Config, l, e.here.current()
	return s
}

// work is what a program does by one configuration.
type work interface {
	// run works until ctx ends, or until the work that was begun before drain is done.
	run(ctx context.Context) error
	drain()
}

// exchange asks for other work.
type exchange[W work] struct {
	next W
	done chan<- error
}

// serveExchanges asks for the work of each configuration that is reloaded, until ctx ends.
func serveExchanges[W work](ctx context.Context, reloads *Reloads, exchanges chan<- exchange[W], prepare func(*config.Loaded) (W, error)) {
	reloads.serve(ctx, func(ctx context.Context, l *config.Loaded) error {
		next, err := prepare(l)
		if err != nil {
			return err
		}
		return ask(ctx, exchanges, next)
	})
}

// ask asks for other work, and waits until it is done or refused.
func ask[W work](ctx context.Context, exchanges chan<- exchange[W], next W) error {
	done := make(chan error, 1)
	select {
	case exchanges <- exchange[W]{next, done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow runs the present work until ctx ends, and other work when that is asked for: the
// present one takes nothing new and finishes what it has, then put puts the other in its
// place. After an error of put the present work is another one by the configuration before,
// unless the error is a [*lost].
func follow[W work](ctx context.Context, exchanges <-chan exchange[W], present func() W, put func(W) error) error {
	for {
		now := present()
		ended := make(chan error, 1)
		go func() { ended <- now.run(ctx) }()
		select {
		case err := <-ended:
			return err
		case asked := <-exchanges:
			now.drain()
			if err := <-ended; err != nil || ctx.Err() != nil {
				asked.done <- errors.Join(err, ctx.Err())
				return err
			}
			err := put(asked.next)
			asked.done <- err
			if errors.As(err, new(*lost)) {
				return err
			}
		}
	}
}
