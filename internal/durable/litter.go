package durable

import (
	"errors"
	"io/fs"
	"sync"
)

// maxLitter bounds the remembered names. Further names wait for the next start of the
// program.
const maxLitter = 4096

// Litter removes names, and remembers those that could not be removed, to try
// again. It is safe for concurrent use.
type Litter struct {
	remove func(name string) error

	mu    sync.Mutex
	names []string
}

// NewLitter returns an empty Litter that calls remove for each name. An error of
// remove that satisfies errors.Is(err, [fs.ErrNotExist]) counts as success.
func NewLitter(remove func(name string) error) *Litter { return &Litter{remove: remove} }

// Remove removes a name, or remembers it and returns the error. first reports whether
// no other name was waiting, so that the caller logs the first failure only.
func (l *Litter) Remove(name string) (first bool, err error) {
	if err := l.try(name); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		first = len(l.names) == 0
		l.keep(name)
		return first, err
	}
	return false, nil
}

// Sweep removes the remembered names until one fails. That name is the last one of the
// next Sweep, so that it does not delay the others.
func (l *Litter) Sweep() {
	l.mu.Lock()
	names := l.names
	l.names = nil
	l.mu.Unlock()
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if l.try(name) != nil {
			names = append(names, name)
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	later := l.names
	l.names = names
	l.keep(later...)
}

// Len returns the number of names that wait to be removed.
func (l *Litter) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.names)
}

func (l *Litter) keep(names ...string) {
	l.names = append(l.names, names[:min(len(names), maxLitter-len(l.names))]...)
}

func (l *Litter) try(name string) error {
	if err := l.remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
