package app

import (
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/transitions/pending"
	"haproxystats/internal/truth/store"
	"haproxystats/internal/workers"
)

// keeping says whose accounts are kept, and where.
type keeping struct {
	dir      string                 // empty if none are
	node     func() (string, error) // the node's name, which is empty while it has none
	interval time.Duration
	masters  bool               // masters of HAProxy are on this host, and are asked as the configuration says
	observe  func(workers.Held) // may be nil
}

// namedHost returns what gives the name of the host. It is empty while the host has none,
// since it may get one later in the boot.
func namedHost(c *config.Config) func() (string, error) {
	return func() (string, error) {
		name, err := Hostname(c)
		if isUnnamed(name) {
			name = ""
		}
		return name, err
	}
}

// openKeeper returns the keeper of the accounts, or nil if there is none. An error of
// the accounts costs the accounts only.
func openKeeper(c *config.Pull, of keeping, client *haproxy.Client, log *slog.Logger) (*workers.Keeper, func()) {
	if of.dir == "" {
		return nil, func() {}
	}
	node, err := of.node()
	var accounts *store.Store
	if err == nil {
		accounts, err = store.Open(store.Options{Dir: of.dir, Node: node, Log: log})
	}
	if err != nil {
		log.Error("no totals can be kept, counters are raw", "state_dir", of.dir, "error", err)
		return nil, func() {}
	}
	master, find := "", false
	if of.masters {
		find = c.MasterSocket == config.MasterAuto
		if !find && c.MasterSocket != config.MasterNone {
			master = c.MasterSocket
		}
	}
	events := openPending(c, of.dir, node, log)
	return workers.New(workers.Options{
			Store: accounts, Events: events, Interval: of.interval, Timeout: c.PullTimeout, Client: client, Hold: c.HoldWorkers, Master: master,
			FindMasters: find, ServersEvery: c.ServerStateInterval, Log: log, Observe: of.observe,
		}), func() {
			err := accounts.Close()
			if events != nil {
				err = errors.Join(err, events.Close())
			}
			if err != nil {
				log.Debug("closing the store of totals", "error", err)
			}
		}
}

// openPending returns the store of events, or nil if nobody wants them or it can't be
// opened.
func openPending(c *config.Pull, dir, node string, log *slog.Logger) *pending.Store {
	if !c.Events {
		return nil
	}
	events, err := pending.Open(pending.Options{Dir: filepath.Join(dir, "events"), Node: node, Max: c.MaxEvents, Log: log})
	if err != nil {
		log.Error("no events can be kept, none are made", "state_dir", dir, "error", err)
		return nil
	}
	return events
}
