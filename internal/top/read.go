package top

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/catalogue"
	"haproxystats/internal/metric"
	"haproxystats/internal/reply"
	"haproxystats/internal/snapshot"
)

// Reading is what a round says. It is valid until the next call of [Reader.Read].
type Reading struct {
	*Round
	// Elapsed is the time since the round before; 0 if there was none.
	Elapsed time.Duration
	// Replaced are the sockets at which another process answers than in the round before.
	Replaced []string
	// Faults are the replies that could not be used in whole, and how many rows were skipped.
	Faults []string

	files     snapshot.Memory
	batch     *metric.Batch
	processes []process
	repeated  map[string]bool // sockets whose process answers at another one, too
	// comparable reports whether counters go on from those of the round before. If they do
	// for some processes only, before and now have the counters of these.
	comparable  bool
	before, now *metric.Batch
}

// Reader makes readings of rounds. It is not safe for concurrent use.
type Reader struct {
	aggregator *aggregate.Aggregator
	reader     reply.Reader
	last       *Round
	lives      map[string]life
}

// NewReader returns a reader.
func NewReader() *Reader { return &Reader{aggregator: aggregate.New(options())} }

// options select the fields that rows need: reading fewer is faster.
func options() aggregate.Options {
	opt := aggregate.Options{Series: true}
	for _, scope := range []struct {
		in   catalogue.Scopes
		to   *catalogue.List
		more []string
	}{
		{catalogue.Frontend, &opt.Frontend, []string{"status", "state"}},
		{catalogue.Backend, &opt.Backend, append([]string{"status"}, serverCounts...)},
		{catalogue.Server, &opt.Server, []string{"status", "going", "check_status"}},
	} {
		take := func(name string) { *scope.to = append(*scope.to, catalogue.Item{Name: name}) }
		for _, name := range scope.more {
			take(name)
		}
		wanted := slices.Clone(counterFields[:])
		for _, d := range descriptions {
			if d.gauge != "" {
				wanted = append(wanted, d.gauge)
			}
		}
		for _, name := range wanted {
			if f, ok := catalogue.LookupStat(name); ok && f.In&scope.in != 0 {
				take(name)
			}
		}
	}
	return opt
}

// serverCounts are the columns with the numbers of a backend's servers.
var serverCounts = []string{
	"active_up", "backup_up", "active_down", "backup_down", "active_maint", "backup_maint",
	"active_drain", "backup_drain", "active_nolb", "backup_nolb",
}

// Read reads a round that has replies.
func (r *Reader) Read(round *Round) (*Reading, error) {
	files, ok := round.Snapshot.Files.(snapshot.Memory)
	if !ok {
		return nil, fmt.Errorf("the files of snapshot %d are not in memory", round.Snapshot.Epoch)
	}
	lives := r.livesOf(round.Snapshot, files)
	n := &Reading{Round: round, files: files}
	r.aggregator.Reset()
	report, err := r.read(&r.reader, r.aggregator, round.Snapshot)
	if err != nil {
		return nil, err
	}
	for _, f := range report.BadFiles {
		n.Faults = append(n.Faults, f.Error())
	}
	if report.BadRows > 0 {
		n.Faults = append(n.Faults, count(report.BadRows, "bad row is left out", "bad rows are left out"))
	}
	n.batch = r.aggregator.Batch(round.Snapshot.Epoch)
	n.repeated = make(map[string]bool)
	for _, d := range r.aggregator.Duplicates() {
		n.repeated[d.Next] = true
	}
	n.processes = processesOf(round, files, n.repeated)
	if r.last != nil {
		n.Elapsed = round.At.Sub(r.last.At)
		r.compare(n, lives)
	}
	r.last, r.lives = round, lives
	return n, nil
}

func (r *Reader) read(reader *reply.Reader, to *aggregate.Aggregator, s snapshot.Snapshot) (reply.Report, error) {
	if s.Round == nil {
		return reader.Read(s.Files, to)
	}
	return reader.ReadSnapshot(s, s.Files, to)
}

// livesOf returns the lives of the processes of a snapshot, by socket.
func (r *Reader) livesOf(s snapshot.Snapshot, files snapshot.Memory) map[string]life {
	lives := livesOf(files)
	if s.Round != nil {
		for _, a := range s.Round.Accounts {
			if l, ok := lives[a.Socket]; ok {
				l.kept = true
				lives[a.Socket] = l
			}
		}
	}
	return lives
}

// compare finds out which counters go on from those of the round before. Those of a process
// that has ended or begun must not count: their difference is no growth.
func (r *Reader) compare(n *Reading, lives map[string]life) {
	same := make(map[string]bool)
	for socket, l := range lives {
		before, ok := r.lives[socket]
		switch {
		case ok && l.isLater(before):
			same[socket] = true
		case ok:
			n.Replaced = append(n.Replaced, socket)
		}
	}
	slices.Sort(n.Replaced)
	if len(same) == len(lives) && len(same) == len(r.lives) {
		n.comparable = true
		return
	}
	if len(same) == 0 {
		return
	}
	var err [2]error
	n.before, err[0] = r.only(r.last, same)
	n.now, err[1] = r.only(n.Round, same)
	n.comparable = err[0] == nil && err[1] == nil
}

// only returns the batch of the replies of some sockets.
func (r *Reader) only(round *Round, sockets map[string]bool) (*metric.Batch, error) {
	s := round.Snapshot
	files := s.Files.(snapshot.Memory).Clone()
	for socket := range livesOf(files) {
		if !sockets[socket] {
			for _, suffix := range []string{snapshot.InfoSuffix, snapshot.StatSuffix, snapshot.BaseSuffix, snapshot.ServersSuffix} {
				delete(files, socket+suffix)
			}
		}
	}
	s.Files = files
	if s.Round != nil {
		copied := *s.Round
		copied.Accounts = slices.DeleteFunc(slices.Clone(copied.Accounts), func(a snapshot.Account) bool { return !sockets[a.Socket] })
		s.Round = &copied
	}
	a := aggregate.New(options())
	if _, err := r.read(new(reply.Reader), a, s); err != nil {
		return nil, err
	}
	return a.Batch(s.Epoch), nil
}

// NotCollected says of rows that haproxystats-pull has not asked HAProxy for them, as its
// configuration wants; empty for those that it has asked for.
func (n *Reading) NotCollected(k Kind) string {
	if k == Server && n.Snapshot.Round != nil && n.Snapshot.Round.ProxiesOnly {
		return "not collected (server-rows = false in [pull])"
	}
	return ""
}

// Sockets returns the names of the sockets that have answered, one for each process.
func (n *Reading) Sockets() []string {
	sockets := slices.Sorted(maps.Keys(livesOf(n.files)))
	return slices.DeleteFunc(sockets, func(s string) bool { return n.repeated[s] })
}
