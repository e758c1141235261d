package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"haproxystats/internal/config"
)

const (
	// nameLimit bounds the wait for a host's name at the start.
	nameLimit = 30 * time.Second
	// booting is the time after boot in which DHCP or cloud-init may still set the name.
	booting = 2 * time.Minute
	// nameEvery is the pause between two lookups of the name.
	nameEvery = time.Second
)

// host has the name of this host, which may change while the program runs. It is safe
// for concurrent use.
type host struct {
	log *slog.Logger

	mu     sync.Mutex
	lookup func() (string, error)
	name   string
}

// Hostname returns the name of this host: that of the configuration, or else the system's.
// Everything that names the host asks here.
func Hostname(c *config.Config) (string, error) {
	if c.Default.Hostname != "" {
		return c.Default.Hostname, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find the host's name: %w", err)
	}
	return name, nil
}

// newHost returns the host with its present name.
func newHost(c *config.Config, log *slog.Logger) (*host, error) {
	name, err := Hostname(c)
	if err != nil {
		return nil, err
	}
	return &host{lookup: func() (string, error) { return Hostname(c) }, log: log, name: name}, nil
}

// current returns the host's name, and logs a change. A host that has lost its name
// keeps the last one.
func (h *host) current() string {
	h.mu.Lock()
	lookup := h.lookup
	h.mu.Unlock()
	name, err := lookup()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || name == h.name || isUnnamed(name) {
		return h.name
	}
	h.log.Warn("host was renamed, and its metrics go below the new name", "hostname", name, "was", h.name)
	h.name = name
	return name
}

// follow makes the host follow another configuration.
func (h *host) follow(c *config.Config) {
	name, err := Hostname(c)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lookup = func() (string, error) { return Hostname(c) }
	if err == nil {
		h.name = name
	}
}

// await waits until the host has a name of its own, at most for limit or until ctx
// ends.
func (h *host) await(ctx context.Context, limit time.Duration) {
	h.mu.Lock()
	name := h.name
	h.mu.Unlock()
	if !isUnnamed(name) {
		return
	}
	h.log.Warn("host has no name of its own, and its metrics will mix with those of other such hosts",
		"hostname", name, "wait", limit, "hint", "Name the host, for example with hostnamectl, or set hostname in [DEFAULT]")
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(nameEvery)
	defer tick.Stop()
	for limit > 0 {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-tick.C:
			if name := h.current(); !isUnnamed(name) {
				return
			}
		}
	}
}

// isUnnamed reports whether a name is one of those that hosts have before they are
// named.
func isUnnamed(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return first == "" || first == "localhost" || name == "(none)"
}
