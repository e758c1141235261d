package app

import (
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/config"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/status"
)

// faults logs faults in the set-up of HAProxy. Every snapshot shows such a fault again,
// so a fault is logged once while it lasts. All workers share one value. The zero value
// is ready for use.
type faults struct {
	mu sync.Mutex
	// told counts for each logged fault the snapshots without it.
	told map[string]int
	// files are the files of names. They are compared with the first complete snapshot, and
	// then removed.
	files []config.NameFileOption
	// groups reports whether the groups are still to be compared with that snapshot.
	groups bool
	// badRows, duplicates and missing are counts of the snapshot that was read last.
	badRows, duplicates, missing int
	// hidden has the nodes whose last snapshot did not show the addresses of servers.
	hidden map[string]bool
	// hiddenRows counts the rows of servers without an address, of all snapshots.
	hiddenRows int64
}

// count records the counts of the snapshot that was read last.
func (f *faults) count(w selfstat.Work) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.badRows, f.duplicates, f.missing = w.BadRows, w.DuplicateSockets, w.ProcessesMissing
}

// fill sets the counts of a status document.
func (f *faults) fill(p *status.Process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.BadRows, p.DuplicateSockets, p.ProcessesMissing = f.badRows, f.duplicates, f.missing
}

// tellHidden counts servers that have no address, and logs them once for each node.
func (f *faults) tellHidden(log *slog.Logger, s snapshot.Snapshot, rows int) {
	node := s.Cluster + "/" + s.Node
	f.mu.Lock()
	before := f.hidden[node]
	if f.hidden == nil || len(f.hidden) >= maxHidden {
		f.hidden = make(map[string]bool)
	}
	f.hidden[node] = rows > 0
	f.hiddenRows += int64(rows)
	f.mu.Unlock()
	if rows > 0 && !before {
		log.Warn("addresses of servers are not shown, and their names are used", "cluster", s.Cluster, "node", s.Node, "snapshot", s.Epoch, "rows", rows)
	}
}

// addressesHidden returns the number of rows of servers without an address.
func (f *faults) addressesHidden() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hiddenRows
}

// maxHidden bounds the nodes of which is known whether they show addresses.
const maxHidden = 10_000

// maxUnmatched bounds the names in a message.
const maxUnmatched = 5

// tellUnmatched logs, once, which names and patterns of files of names a complete snapshot
// does not have, and which groups contain none of its names.
func (f *faults) tellUnmatched(log *slog.Logger, epoch int64, u aggregate.Unmatched) {
	f.mu.Lock()
	defer f.mu.Unlock()
	unmatched := map[string][]string{
		"include-frontends": u.Frontends.Include, "exclude-frontends": u.Frontends.Exclude,
		"include-backends": u.Backends.Include, "exclude-backends": u.Backends.Exclude,
		"include-servers": u.Servers.Include, "exclude-servers": u.Servers.Exclude,
	}
	for _, file := range f.files {
		names := unmatched[file.Option]
		if len(names) == 0 {
			continue
		}
		message := "excluded names match nothing"
		if strings.HasPrefix(file.Option, "include") {
			message = "included names match nothing"
		}
		log.Warn(message, "snapshot", epoch, "option", file.Option, "file", file.File,
			"names", names[:min(maxUnmatched, len(names))], "count", len(names))
	}
	f.files = nil
	if !f.groups {
		return
	}
	f.groups = false
	for _, e := range []struct {
		section string
		names   []string
	}{{"frontend-groups", u.FrontendGroups}, {"backend-groups", u.BackendGroups}, {"server-groups", u.ServerGroups}} {
		if len(e.names) > 0 {
			log.Warn("groups match nothing", "snapshot", epoch, "section", e.section,
				"groups", e.names[:min(maxUnmatched, len(e.names))], "count", len(e.names))
		}
	}
}

const (
	// forgetAfter is the number of snapshots without a fault after which it is logged
	// again when it comes back.
	forgetAfter = 100
	// maxFaults bounds the faults that are remembered.
	maxFaults = 1000
)

// fault is a fault and its log line. Equal faults have equal keys.
type fault struct {
	key     string
	message string
	attrs   []any
}

// faultsOf returns the faults that a snapshot shows, one for each kind, named by its
// first case.
func faultsOf(a *aggregate.Aggregator) []fault {
	var found []fault
	if d := a.Duplicates(); len(d) > 0 {
		found = append(found, fault{
			fmt.Sprint("duplicate ", d[0].First, " ", d[0].Next, " ", len(d)),
			"a process answers through two sockets and is counted once",
			[]any{"first", d[0].First, "next", d[0].Next, "pid", d[0].Pid, "pairs", len(d)},
		})
	}
	for _, m := range a.Missing() {
		found = append(found, fault{
			fmt.Sprint("missing ", m.Nbproc, " ", m.Answered),
			"processes of HAProxy have not answered, and sums are too low",
			[]any{"nbproc", m.Nbproc, "answered", m.Answered, "missing", m.Missing, "numbers", m.Numbers},
		})
	}
	if o := a.Outdated(); len(o) > 0 {
		found = append(found, fault{
			fmt.Sprint("outdated ", o[0].Socket, " ", o[0].Version, " ", len(o)),
			"HAProxy is older than 1.6, and not all of it can be read",
			[]any{"socket", o[0].Socket, "version", o[0].Version, "sockets", len(o)},
		})
	}
	return found
}

// tell logs the faults that are new.
func (f *faults) tell(log *slog.Logger, epoch int64, shown []fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.told {
		f.told[key]++
	}
	for _, s := range shown {
		if _, known := f.told[s.key]; !known {
			if len(f.told) >= maxFaults {
				continue
			}
			log.Warn(s.message, append([]any{"snapshot", epoch}, s.attrs...)...)
		}
		if f.told == nil {
			f.told = make(map[string]int)
		}
		f.told[s.key] = 0
	}
	maps.DeleteFunc(f.told, func(_ string, gone int) bool { return gone > forgetAfter })
}
