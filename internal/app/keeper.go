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

// keeper keeps the accounts, in stores that it has open.
type keeper struct {
	*workers.Keeper
	of       keeping
	accounts *store.Store
	node     string
	events   *pending.Store // nil if none are made
	log      *slog.Logger
	// made are the options that the store of events was opened with.
	made config.Pull
}

// openKeeper returns the keeper of the accounts, or nil if there is none. An error of
// the accounts costs the accounts only.
func openKeeper(c *config.Pull, of keeping, client *haproxy.Client, log *slog.Logger) (*keeper, func()) {
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
	k := &keeper{of: of, accounts: accounts, node: node, events: openPending(c, of.dir, node, log), log: log, made: *c}
	o := workers.Options{Store: accounts, Events: k.events, Log: log, Observe: of.observe}
	k.options(&o, c, of.interval, client)
	k.Keeper = workers.New(o)
	return k, k.close
}

// options sets those that a reload may change.
func (k *keeper) options(o *workers.Options, c *config.Pull, interval time.Duration, client *haproxy.Client) {
	o.Interval, o.Timeout, o.Client, o.Hold, o.ServersEvery = interval, c.PullTimeout, client, c.HoldWorkers, c.ServerStateInterval
	if !c.ServerRows {
		o.ServersEvery = 0
	}
	o.Master, o.FindMasters = "", false
	if k.of.masters {
		o.FindMasters = c.MasterSocket == config.MasterAuto
		if !o.FindMasters && c.MasterSocket != config.MasterNone {
			o.Master = c.MasterSocket
		}
	}
}

// change makes the keeper follow another configuration, between two rounds.
func (k *keeper) change(c *config.Pull, interval time.Duration, client *haproxy.Client) {
	k.Change(func(o *workers.Options) {
		k.options(o, c, interval, client)
		if c.Events == k.made.Events && c.MaxEvents == k.made.MaxEvents {
			return
		}
		k.made = *c
		if k.events != nil {
			k.closed(k.events.Close())
		}
		k.events = openPending(c, k.of.dir, k.node, k.log)
		o.Events = k.events
	})
}

func (k *keeper) close() {
	err := k.accounts.Close()
	if k.events != nil {
		err = errors.Join(err, k.events.Close())
	}
	k.closed(err)
}

func (k *keeper) closed(err error) {
	if err != nil {
		k.log.Debug("closing the store of totals", "error", err)
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
