package kafka

import (
	"container/list"
	"errors"
	"fmt"
	"slices"
	"time"

	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/snapshot"
)

const (
	// maxAttempts is the number of attempts of one node that are assembled at once.
	maxAttempts = 2
	// maxAssembled bounds the attempts of one partition that are assembled at once.
	maxAssembled = 20_000
	// maxSnapshot is the largest raw snapshot that is assembled, and maxTables the largest
	// one that has tables, in bytes of their files.
	maxSnapshot = 512 << 20
	maxTables   = 129 << 20
	// maxEnded bounds the attempts that are remembered because nothing more of them is needed.
	maxEnded = 100_000
	// expiry is the time of the log after which an attempt of which nothing comes is ended.
	expiry = 60 * time.Second
	// maxAge is the time of the log after which an attempt is ended although its records
	// come: nothing after its first record can be committed before.
	maxAge = 10 * expiry
)

// sender is what sends one snapshot after another: a node, or one shard of its tables.
type sender struct {
	kind          wire.Kind
	cluster, node string
	shard, shards int
}

func senderOf(e wire.Envelope) sender {
	return sender{e.Kind, e.Cluster, e.Node, e.Shard, e.Shards}
}

// attempt is one sending of a snapshot.
type attempt struct {
	wire.Envelope
	id      snapshot.ID
	records int   // that it has
	bytes   int64 // of its files
	chunks  chunks
	index   *snapshot.Index // of a raw snapshot; nil for tables, which are read as a whole
	offsets []int64         // of its records in the partition
	first   int64           // the smallest of them
	begun   time.Time       // when the first record came, in log time
	last    time.Time       // when the latest record came
	place   *list.Element   // in assembly.idle
}

// complete reports whether all records have come.
func (a *attempt) complete() bool { return len(a.chunks.list) == a.records }

// tables decodes a snapshot with tables.
func (a *attempt) tables() (snapshot.Snapshot, error) {
	decoder := snapshot.NewDecoder(a.bytes)
	err := a.chunks.each(func(value []byte) error {
		r, err := parseChunk(value, nil)
		if err != nil {
			return err
		}
		return decoder.Add(r)
	})
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	s, err := decoder.Snapshot()
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return s, a.CheckSnapshot(s)
}

// raw returns a raw snapshot, whose files are read from the records.
func (a *attempt) raw(read snapshot.ReadRecord) (snapshot.Snapshot, error) {
	s, err := a.index.Snapshot(read)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return s, a.CheckSnapshot(s)
}

func parseChunk(value []byte, expander *wire.Expander) (snapshot.Record, error) {
	if expander != nil {
		var err error
		if value, err = expander.Expand(value); err != nil {
			return snapshot.Record{}, err
		}
	}
	return snapshot.ParseRecord(value)
}

// assembly puts the records of one partition together to snapshots. Its methods are
// called from one goroutine, in the order of the partition.
type assembly struct {
	store    *Store
	expander *wire.Expander // nil if values are not compressed
	limit    int64          // of the bytes of a snapshot's files
	// done is called with the offsets of records that are needed no longer.
	done func(offsets ...int64)
	// bad is called with an attempt that is damaged.
	bad func(a *attempt, err error)
	// incomplete is called when an attempt is ended before all its records came.
	incomplete func(a *attempt, why error)

	begun   time.Time // log time of the first record
	now     time.Time
	swept   time.Time
	senders map[sender][]*attempt
	idle    *list.List                 // the attempts (*attempt), beginning with the one that waits for longest
	ended   map[wire.Attempt]time.Time // attempts of which nothing more is needed, with the log time of their latest record
}

func newAssembly(s *Store, expander *wire.Expander, limit int64) *assembly {
	return &assembly{store: s, expander: expander, limit: limit, senders: make(map[sender][]*attempt), idle: list.New(), ended: make(map[wire.Attempt]time.Time)}
}

// Reasons to end an attempt.
var (
	errExpired    = fmt.Errorf("no record has come for %v", expiry)
	errTooLong    = fmt.Errorf("its records have come for more than %v", maxAge)
	errSuperseded = errors.New("a later snapshot of the node has come")
	errGap        = errors.New("a record before this one has not come")
	errTooMany    = errors.New("snapshots of more nodes have begun than this program assembles")
)

// tick tells that the log has reached a time, and ends attempts that are too old.
func (s *assembly) tick(at time.Time) {
	if s.begun.IsZero() {
		s.begun, s.swept = at, at
	}
	if at.After(s.now) {
		s.now = at
	}
	if s.now.Sub(s.swept) < time.Second {
		return
	}
	s.swept = s.now
	for _, attempts := range s.senders {
		for _, a := range slices.Clone(attempts) {
			switch {
			case s.now.Sub(a.last) >= expiry:
				s.end(a, errExpired)
			case s.now.Sub(a.begun) >= maxAge:
				s.end(a, errTooLong)
			}
		}
	}
	for a, at := range s.ended {
		if s.now.Sub(at) >= expiry {
			delete(s.ended, a)
		}
	}
}

// add adds a record, which is at an offset and came at a time of the log. It returns the
// attempt that the record completes, which is the caller's then.
func (s *assembly) add(e wire.Envelope, value []byte, offset int64, at time.Time) *attempt {
	s.tick(at)
	if _, refused := s.ended[e.Attempt]; refused {
		s.ended[e.Attempt] = s.now
		s.done(offset)
		return nil
	}
	from := senderOf(e)
	i := slices.IndexFunc(s.senders[from], func(a *attempt) bool { return a.Attempt == e.Attempt })
	r, err := parseChunk(value, s.expander)
	if err == nil && r.Bytes > s.limit {
		err = fmt.Errorf("%w: %d bytes, more than %d", snapshot.ErrTooLarge, r.Bytes, s.limit)
	}
	if err != nil {
		a := s.refused(from, i, e, offset)
		_ = a.chunks.add(value) // so that it is put aside, if there is room
		s.bad(a, err)
		return nil
	}
	var a *attempt
	switch {
	case i >= 0:
		a = s.senders[from][i]
	case r.Sequence > 0:
		// The beginning has been dealt with by an earlier reader of the partition, or it is
		// lost.
		a = &attempt{Envelope: e, offsets: []int64{offset}, first: offset, chunks: chunks{store: s.store}}
		s.refuse(e.Attempt)
		if s.now.Sub(s.begun) >= expiry {
			s.incomplete(a, errGap)
		}
		s.done(offset)
		return nil
	default:
		a = &attempt{Envelope: e, id: r.ID, records: r.Records, bytes: r.Bytes, first: offset, begun: s.now, chunks: chunks{store: s.store}}
		s.admit(from, a)
		if s.expander != nil {
			a.index = snapshot.NewIndex(s.limit)
		}
	}
	next := len(a.chunks.list)
	switch {
	case r.ID != a.id || r.Records != a.records || r.Bytes != a.bytes:
		_ = a.chunks.add(value)
		a.offsets = append(a.offsets, offset)
		s.remove(a)
		s.refuse(a.Attempt)
		s.bad(a, fmt.Errorf("%w: records of two snapshots in one attempt", snapshot.ErrDamaged))
		return nil
	case r.Sequence < next: // came again
		s.done(offset)
		return nil
	case r.Sequence > next:
		s.done(offset)
		s.end(a, fmt.Errorf("%w: record %d of %d", errGap, next, a.records))
		return nil
	}
	if err := a.chunks.add(value); err != nil {
		s.done(offset)
		s.end(a, err)
		return nil
	}
	a.offsets = append(a.offsets, offset)
	a.last = s.now
	s.idle.MoveToBack(a.place)
	if a.index != nil {
		if err := a.index.Add(r); err != nil {
			s.remove(a)
			s.refuse(a.Attempt)
			s.bad(a, err)
			return nil
		}
		if err := a.chunks.indexed(a.index.Memory()); err != nil {
			s.end(a, err)
			return nil
		}
	}
	if !a.complete() {
		return nil
	}
	s.remove(a)
	s.refuse(a.Attempt) // its records may come again
	s.supersede(from, a)
	return a
}

// refused removes and returns the attempt of a record that can't be read, which may be a
// new one.
func (s *assembly) refused(from sender, i int, e wire.Envelope, offset int64) *attempt {
	a := &attempt{Envelope: e, first: offset, chunks: chunks{store: s.store}}
	if i >= 0 {
		a = s.senders[from][i]
		s.remove(a)
	}
	a.offsets = append(a.offsets, offset)
	s.refuse(e.Attempt)
	return a
}

// refuse remembers that further records of an attempt are not needed.
func (s *assembly) refuse(a wire.Attempt) {
	if len(s.ended) >= maxEnded {
		clear(s.ended)
	}
	s.ended[a] = s.now
}

// admit adds a new attempt of a sender. Where there are too many, the one that waits for
// longest ends, so that names that somebody invents shut no node out.
func (s *assembly) admit(from sender, a *attempt) {
	if attempts := s.senders[from]; len(attempts) >= maxAttempts {
		s.end(attempts[0], errSuperseded)
	}
	if s.idle.Len() >= maxAssembled {
		s.end(s.idle.Front().Value.(*attempt), errTooMany)
	}
	s.senders[from] = append(s.senders[from], a)
	a.place = s.idle.PushBack(a)
}

// supersede ends the attempts of a producer that began before the one that is complete: a
// producer sends one snapshot of a node after another.
func (s *assembly) supersede(from sender, by *attempt) {
	for _, a := range slices.Clone(s.senders[from]) {
		if a.Instance == by.Instance && a.first < by.first {
			s.end(a, errSuperseded)
		}
	}
}

// end ends an attempt that is not complete.
func (s *assembly) end(a *attempt, why error) {
	s.remove(a)
	s.refuse(a.Attempt)
	s.incomplete(a, why)
	s.done(a.offsets...)
	a.chunks.free()
}

// remove takes an attempt out of the assembly.
func (s *assembly) remove(a *attempt) {
	s.idle.Remove(a.place)
	from := senderOf(a.Envelope)
	attempts := slices.DeleteFunc(slices.Clone(s.senders[from]), func(other *attempt) bool { return other == a })
	if len(attempts) == 0 {
		delete(s.senders, from)
		return
	}
	s.senders[from] = attempts
}

// close forgets all attempts.
func (s *assembly) close() {
	for _, attempts := range s.senders {
		for _, a := range attempts {
			a.chunks.free()
		}
	}
	clear(s.senders)
	s.idle.Init()
	if s.expander != nil {
		s.expander.Close()
	}
}
