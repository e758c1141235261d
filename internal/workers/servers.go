package workers

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// servers is what is known of why servers of a socket are in maintenance. The rows tell
// but one reason badly: that of a server which the configuration disables.
type servers struct {
	maint maintenance
	// known are the rows in maintenance when HAProxy was asked last, and of is the worker
	// that was asked.
	known []uint64
	of    truth.Instance
	asked time.Time
	until time.Time // it is not asked before
	text  []byte    // for the snapshots; empty if there is nothing to say
}

// askServers asks why servers are in maintenance when it is time, or when another
// server has gone into maintenance, and adds the answer to the snapshot.
func (t *turn) askServers(ctx context.Context) {
	every := t.keeper.opt().ServersEvery
	if every <= 0 || t.Failed || t.info == nil || t.info.Stopping {
		return
	}
	s := &t.socket.servers
	now, worker, rows := time.Now(), t.info.Instance, s.maint.sorted()
	news := s.of != worker || !isSubset(rows, s.known)
	if !now.Before(s.until) && (news || now.Sub(s.asked) >= every) {
		s.asked, s.of, s.text = now, worker, nil
		s.known = append(s.known[:0], rows...)
		if found, err := t.fetchServers(ctx); err == nil {
			s.text = configured(found)
		} else if ctx.Err() == nil {
			if errors.As(err, new(*haproxy.TextError)) { // it does not know the command
				s.until = now.Add(again)
			}
			t.say("HAProxy does not tell why servers are in maintenance", "error", err)
		}
	}
	if len(s.text) == 0 {
		return
	}
	name := t.Name + snapshot.ServersSuffix
	if err := write(t.files, name, s.text); err != nil {
		t.say("reasons of maintenance can't be stored", "error", errors.Join(err, remove(t.files, name)))
	}
}

// fetchServers asks the current worker, over the connection that is held to it if there
// is one.
func (t *turn) fetchServers(ctx context.Context) ([]haproxy.ServerAdmin, error) {
	ctx, cancel := context.WithTimeout(ctx, t.keeper.patience())
	defer cancel()
	w := t.held[t.info.Instance]
	if w == nil {
		return t.keeper.opt().Client.Maintained(ctx, t.socket.Network, t.socket.Address)
	}
	found, err := w.conn.Maintained(ctx)
	if err != nil {
		w.conn.Close()
		delete(t.held, w.instance)
	}
	return found, err
}

// configured returns the servers that the configuration disables, in the form of `show
// servers state`; nil if there is none.
func configured(all []haproxy.ServerAdmin) []byte {
	all = slices.DeleteFunc(all, func(s haproxy.ServerAdmin) bool { return s.Reason != haproxy.MaintConfigured })
	if len(all) == 0 {
		return nil
	}
	return haproxy.AppendServersState(nil, all)
}

// isSubset reports whether all of a, which is sorted as b is, are in b.
func isSubset(a, b []uint64) bool {
	for _, n := range a {
		i, found := slices.BinarySearch(b, n)
		if !found {
			return false
		}
		b = b[i:]
	}
	return true
}

// maintenance notes the rows of a reply that are in maintenance.
type maintenance struct {
	rows []uint64 // hashes of their names and states
}

var (
	maintSeed = maphash.MakeSeed()
	maintText = []byte("MAINT")
)

// begin begins a reply.
func (m *maintenance) begin() *truth.Watch {
	m.rows = m.rows[:0]
	return &truth.Watch{Columns: []string{"status"}, See: m.see}
}

// see takes a row.
func (m *maintenance) see(row *truth.Seen) {
	if state := row.Text(0); bytes.HasPrefix(state, maintText) {
		m.rows = append(m.rows, row.Name^maphash.Bytes(maintSeed, state))
	}
}

// sorted returns the rows, sorted.
func (m *maintenance) sorted() []uint64 {
	slices.Sort(m.rows)
	return m.rows
}
