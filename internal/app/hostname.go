package app

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// nameLimit bounds the wait for a host's name at the start.
	nameLimit = 30 * time.Second
	// booting is how long after the host's boot its name may still come, from DHCP
	// or cloud-init.
	booting = 2 * time.Minute
	// nameEvery is the time between two looks at the name.
	nameEvery = time.Second
)

// host knows the name of this host, which may change while the program runs. It is
// safe for concurrent use.
type host struct {
	lookup func() (string, error)
	log    *slog.Logger

	mu   sync.Mutex
	name string
}

// newHost returns the host of this machine, by the name that it has now.
func newHost(log *slog.Logger) (*host, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return &host{lookup: os.Hostname, log: log, name: name}, nil
}

// current returns the host's name. A name that replaces another one is logged. A
// host that has lost its name keeps the last one.
func (h *host) current() string {
	name, err := h.lookup()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || name == h.name || isUnnamed(name) {
		return h.name
	}
	h.log.Warn("host has another name now, and metrics go below it", "hostname", name, "was", h.name)
	h.name = name
	return name
}

// await waits until the host has a name of its own. It gives up after limit, and
// when ctx ends.
func (h *host) await(ctx context.Context, limit time.Duration) {
	h.mu.Lock()
	name := h.name
	h.mu.Unlock()
	if !isUnnamed(name) {
		return
	}
	h.log.Warn("host has no name of its own, and its metrics will meet those of other such hosts",
		"hostname", name, "wait", limit, "hint", "name the host, for example with hostnamectl, or set prefix-hostname = false and a namespace for each host")
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

// isUnnamed reports whether a name is what a host has before it is given one.
func isUnnamed(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return first == "" || first == "localhost" || name == "(none)"
}

// nameWait returns how long to wait for a name: a host that has been up for a while
// has the one that it will keep.
func nameWait() time.Duration {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil || time.Duration(info.Uptime)*time.Second > booting {
		return 0
	}
	return nameLimit
}
