package workers

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// servers is what is known of why servers of a socket are in maintenance. The rows tell
// but one reason badly: that of a server which the configuration disables.
type servers struct {
	watch maintWatch
	// maint are the rows in maintenance when HAProxy was asked last, and of is the worker
	// that was asked.
	maint []uint64
	of    truth.Instance
	asked time.Time
	until time.Time // it is not asked before
	text  []byte    // for the snapshots; empty if there is nothing to say
}

// askServers asks why servers are in maintenance when it is time, or when another
// server has gone into maintenance, and adds the answer to the snapshot.
func (t *turn) askServers(ctx context.Context) {
	every := t.keeper.opt.ServersEvery
	if every <= 0 || t.Failed || t.info == nil || t.info.Stopping {
		return
	}
	s := &t.socket.servers
	now, worker := time.Now(), t.info.Instance
	news := s.of != worker || !isSubset(s.watch.rows, s.maint)
	if !now.Before(s.until) && (news || now.Sub(s.asked) >= every) {
		s.asked, s.of, s.text = now, worker, nil
		s.maint = append(s.maint[:0], s.watch.rows...)
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
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w := t.held[t.info.Instance]
	if w == nil {
		return t.keeper.opt.Client.Maintained(ctx, t.socket.Network, t.socket.Address)
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

// maintWatch notes the rows of a reply to `show stat` that are in maintenance. It finds
// their text without parsing; a text elsewhere that looks like one does no harm.
type maintWatch struct {
	rows []uint64 // hashes of their names and texts, sorted
	line []byte   // the beginning of the line in hand
}

var (
	maintSeed = maphash.MakeSeed()
	maintText = []byte(",MAINT")
)

// maxMaintLine bounds the line of a row. The state is at the beginning.
const maxMaintLine = 16 << 10

// begin begins a reply.
func (w *maintWatch) begin() { w.rows, w.line = w.rows[:0], w.line[:0] }

// Write takes a part of the reply.
func (w *maintWatch) Write(p []byte) (int, error) {
	n := len(p)
	if len(w.line) > 0 {
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 {
			w.keep(p)
			return n, nil
		}
		w.keep(p[:end])
		w.find(w.line)
		w.line, p = w.line[:0], p[end:]
	}
	end := bytes.LastIndexByte(p, '\n') + 1
	w.find(p[:end])
	w.keep(p[end:])
	return n, nil
}

func (w *maintWatch) keep(p []byte) {
	w.line = append(w.line, p[:min(len(p), max(0, maxMaintLine-len(w.line)))]...)
}

// find finds rows in whole lines.
func (w *maintWatch) find(lines []byte) {
	for {
		at := bytes.Index(lines, maintText)
		if at < 0 {
			return
		}
		begin := bytes.LastIndexByte(lines[:at], '\n') + 1
		end := at + len(maintText)
		if next := bytes.IndexAny(lines[end:], ",\n"); next >= 0 {
			end += next
		}
		w.rows = append(w.rows, maintRow(lines[begin:at], lines[at:end]))
		lines = lines[end:]
	}
}

// maintRow returns the hash of the first two fields of a row, and of its state.
func maintRow(row, state []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(maintSeed)
	proxy := bytes.IndexByte(row, ',') + 1
	service := bytes.IndexByte(row[proxy:], ',')
	if service < 0 {
		service = len(row) - proxy
	}
	h.Write(row[:proxy+service])
	h.Write(state)
	return h.Sum64()
}

// end ends the reply.
func (w *maintWatch) end() { slices.Sort(w.rows) }

// watched is a reply whose rows in maintenance are noted when it is read.
type watched struct {
	staged
	watch *maintWatch
}

// Open implements [store.Source].
func (w watched) Open() (io.ReadCloser, error) {
	f, err := w.staged.Open()
	if err != nil {
		return nil, err
	}
	w.watch.begin()
	return watchedFile{io.TeeReader(f, w.watch), f, w.watch}, nil
}

type watchedFile struct {
	io.Reader
	io.Closer
	watch *maintWatch
}

// Close implements [io.Closer].
func (w watchedFile) Close() error {
	w.watch.end()
	return w.Closer.Close()
}
