package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/truth"
)

// Source is a complete reply.
type Source interface {
	// Open opens the reply for reading.
	Open() (io.ReadCloser, error)
	// Link gives the reply's file another name in a directory. It may fail with an error
	// of the file system that has no links.
	Link(to *durable.Dir, as string) error
}

// Reply has the replies of one instance in a round.
type Reply struct {
	Info, Stat Source
	// ProxiesOnly reports whether Stat was asked to have no other rows than those of frontends
	// and backends.
	ProxiesOnly bool
	// Current reports whether the instance answers at the socket.
	Current bool
	// Final reports whether the instance can say no more.
	Final bool
	// Said is what Info says, if the caller has read it.
	Said *truth.Info
	// Heard has followed Stat while it arrived, or is nil. If it is of no use, Stat is read.
	Heard *Hearing
	// Watches, if not nil, begins to watch the rows when Stat is read.
	Watches func() []*truth.Watch
}

// Member is an instance that lives.
type Member struct {
	Instance truth.Instance
	Info     *truth.Info
	Current  bool
	// Reply is the number of its reply in the round, or -1 if it has told nothing.
	Reply int
	// Stale reports whether its earlier rows count, because it told none: it did not
	// answer, or is HAProxy 2.4 or before and stops.
	Stale bool
	// LastInfo and LastStat are its latest replies; LastStat is nil if it never told rows.
	LastInfo, LastStat *File
}

// File is a file in a directory.
type File struct {
	Dir  *durable.Dir
	Name string
}

// Result is the state of an account after a round.
type Result struct {
	// Members are the instances that live.
	Members []Member
	// Base is the base; nil if it adds nothing.
	Base *BaseFile
	truth.Outcome
	// Ends say how the latest instances that have ended did so.
	Ends []truth.End
	// Forgotten is the number of rows whose totals were dropped.
	Forgotten int
}

// BaseFile is the file of a base.
type BaseFile struct {
	File
	Generation uint64
	Size       int64
	CRC        uint32
}

// Socket is the account of one socket. It is safe for concurrent use.
type Socket struct {
	store           *Store
	address, prefix string

	mu   sync.Mutex
	used int64 // when it was last asked for, in seconds since 1970
	state
}

// state is what is known of the files of a socket.
type state struct {
	loaded  bool
	members []*member
	// base has all but the rows of the base, or is nil if there is no base yet.
	base      *truth.Base
	file      *BaseFile
	undecided bool
}

// member is what is kept in memory of an instance that lives.
type member struct {
	instance    truth.Instance
	info        *truth.Info
	statInfo    *truth.Info // with which the rows came
	current     bool
	tally       truth.Tally
	hasStat     bool // last has rows
	proxiesOnly bool // and it was not asked for others than those of frontends and backends
	others      bool // it has others
	hasKept     bool // last has rows that it told before, and that the base counts
	keptLost    bool // and they can't be read, which was told
	maxDowntime int64
	look        *truth.Info // a later reply than info
}

func (k *Socket) usedSince(t int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.used >= t
}

// Round takes the replies of a round at that time, and the ends of instances. Then it
// calls carry, which may be nil, while the files of the result stay where they are. An
// error costs this account only: the next round goes on from what is on disk.
func (k *Socket) Round(at int64, replies []Reply, ended []truth.Instance, carry func(Result) error) (Result, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used = max(k.used, time.Now().Unix())
	r, err := k.round(at, replies, ended)
	if err == nil && carry != nil {
		err = carry(r)
	}
	if err != nil {
		k.state = state{} // the next round reads the files
		return Result{}, fmt.Errorf("account of %s: %w", k.address, err)
	}
	return r, nil
}

// Members returns the instances that live, as they are known on disk; none if they can't
// be read, which the next round reports.
func (k *Socket) Members() []truth.Instance {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.load() != nil {
		k.state = state{}
		return nil
	}
	var all []truth.Instance
	for _, m := range k.members {
		all = append(all, m.instance)
	}
	return all
}

// Heard takes a reply to `show info` between rounds. It bounds what is lost if the
// instance ends without final words.
func (k *Socket) Heard(info *truth.Info) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.members {
		if info.IsLaterOf(m.instance, m.info) {
			m.look = info
		}
	}
}

// Resolve gives a reply the name that its instance has in the account, if it is known:
// before HAProxy 2.4, start times are not exact.
func (k *Socket) Resolve(info *truth.Info) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.load() != nil {
		k.state = state{} // the next round reports it
		return
	}
	if m := k.memberOf(info); m != nil {
		info.Instance = m.instance
	}
}

// memberOf returns the member that a reply is of, or nil.
func (k *Socket) memberOf(info *truth.Info) *member {
	for _, m := range k.members {
		if info.IsLaterOf(m.instance, m.info) {
			return m
		}
	}
	return nil
}

// heard is a reply with what is known of it.
type heard struct {
	Reply
	number int
	info   *truth.Info
	member *member // nil: a new one
	found  truth.Findings
	empty  bool // it has no rows, and earlier ones count
}

func (k *Socket) round(at int64, replies []Reply, ended []truth.Instance) (Result, error) {
	if err := k.load(); err != nil {
		return Result{}, err
	}
	words, err := k.hear(at, replies)
	if err != nil {
		return Result{}, err
	}
	var r Result
	if k.matters(words, ended) {
		if err := k.account(at, words, ended, &r); err != nil {
			return Result{}, err
		}
	} else if err := k.keep(words); err != nil {
		return Result{}, err
	}
	r.Base = k.file
	if k.base != nil {
		r.Ends = k.base.Ends
	}
	for _, m := range k.members {
		member := Member{
			Instance: m.instance, Info: m.info, Current: m.current, Reply: -1, Stale: true,
			LastInfo: &File{k.store.last, lastName(k.prefix, m.instance, snapshot.InfoSuffix)},
		}
		if m.hasStat {
			member.LastStat = &File{k.store.last, lastName(k.prefix, m.instance, snapshot.StatSuffix)}
		}
		for _, w := range words {
			if w.member == m {
				member.Reply, member.Stale = w.number, w.Stat == nil || w.empty
			}
		}
		r.Members = append(r.Members, member)
	}
	return r, nil
}

// hear reads the replies of a round as far as a tally needs them.
func (k *Socket) hear(at int64, replies []Reply) ([]heard, error) {
	var words []heard
	for n, reply := range replies {
		w := heard{Reply: reply, number: n}
		var err error
		if w.info = reply.Said; w.info == nil {
			if w.info, err = readInfo(reply.Info, at); err != nil {
				return nil, err
			}
		}
		if k.base != nil && k.base.HasFolded(w.info.Instance) || k.find(words, w.info) {
			continue // it has ended, or has answered twice
		}
		if m := k.memberOf(w.info); m != nil {
			w.member, w.info.Instance = m, m.instance
		}
		if reply.Stat != nil {
			tally := new(truth.Tally)
			if w.member != nil {
				tally = &w.member.tally
			}
			if h := reply.Heard; h != nil && h.fits(k, w.info, w.member) {
				*tally, w.found = h.tally, h.found
			} else {
				var watches []*truth.Watch
				if reply.Watches != nil {
					watches = reply.Watches()
				}
				if w.found, err = readTally(reply.Stat, tally, elapsed(w.info, w.member), watches...); err != nil {
					return nil, err
				}
			}
			w.empty = w.found.Rows == 0 && w.member != nil && w.member.hasStat
			if w.member == nil {
				w.member = &member{instance: w.info.Instance, info: w.info, statInfo: w.info, tally: *tally, current: w.Current}
			}
		} else if w.member == nil {
			w.member = &member{instance: w.info.Instance, info: w.info, statInfo: w.info, current: w.Current}
		}
		words = append(words, w)
	}
	return words, nil
}

func (k *Socket) find(words []heard, info *truth.Info) bool {
	return slices.ContainsFunc(words, func(w heard) bool { return w.info.Instance.IsSame(info) })
}

func readInfo(s Source, at int64) (*truth.Info, error) {
	f, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return truth.ReadInfo(f, at)
}

func readStat(s Source, rows int) (*truth.Stat, error) {
	f, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return truth.ReadStat(f, rows)
}

func readTally(s Source, tally *truth.Tally, elapsed int64, watches ...*truth.Watch) (truth.Findings, error) {
	f, err := s.Open()
	if err != nil {
		return truth.Findings{}, err
	}
	defer f.Close()
	scanner := scanners.Get().(*haproxy.StatScanner)
	defer scanners.Put(scanner)
	if err := scanner.Reset(f); err != nil {
		return truth.Findings{}, fmt.Errorf("read show stat: %w", err)
	}
	found := tally.Read(scanner, elapsed, watches...)
	if err := scanner.Err(); err != nil {
		return truth.Findings{}, fmt.Errorf("read show stat: %w", err)
	}
	if !scanner.Complete() {
		return truth.Findings{}, fmt.Errorf("read show stat: %w", truth.ErrIncomplete)
	}
	return found, nil
}

var scanners = sync.Pool{New: func() any { return new(haproxy.StatScanner) }}

// matters reports whether the base may change for what was heard.
func (k *Socket) matters(words []heard, ended []truth.Instance) bool {
	if slices.ContainsFunc(k.members, func(m *member) bool { return slices.Contains(ended, m.instance) }) {
		return true
	}
	for _, w := range words {
		m := w.member
		known := slices.Contains(k.members, m)
		switch {
		case w.Final, k.undecided:
			return true
		case !known && w.found.IsForeign(w.info):
			return true
		case !known && w.Current && slices.ContainsFunc(k.members, func(m *member) bool { return m.current && m.maxDowntime > 0 }):
			return true // of the time spent down, the current instance alone counts
		case !known:
		case m.info.Fell(w.info), m.current != w.Current && max(m.maxDowntime, w.found.MaxDowntime) > 0:
			return true
		case w.Stat == nil, w.empty:
		case m.hasStat && (m.others && w.ProxiesOnly || m.proxiesOnly && !w.ProxiesOnly):
			return true // the base counts the rows that are not told
		case w.found.Matters(), w.found.First && m.hasStat:
			return true
		}
	}
	return false
}

// keep puts the replies into their places. The base stays.
func (k *Socket) keep(words []heard) error {
	for _, w := range words {
		if err := k.place(w, 0); err != nil {
			return err
		}
	}
	k.adopt(words, false)
	return nil
}

// place links a reply into last. With a generation, it goes with a base that is still to
// come.
func (k *Socket) place(w heard, generation uint64) error {
	if generation > 0 {
		if err := k.placeKept(w, generation); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		suffix string
		source Source
	}{{snapshot.InfoSuffix, w.Info}, {snapshot.StatSuffix, w.Stat}} {
		if f.source == nil || f.suffix == snapshot.StatSuffix && w.empty {
			continue
		}
		name := lastName(k.prefix, w.member.instance, f.suffix)
		to := name
		if generation > 0 {
			to = nextName(name, generation)
		}
		if err := k.store.step("link " + f.suffix); err != nil {
			return err
		}
		if err := k.link(f.source, name+newSuffix); err != nil {
			return err
		}
		if err := k.store.step("rename " + f.suffix); err != nil {
			return err
		}
		if err := k.store.last.Rename(name+newSuffix, to); err != nil {
			return err
		}
		// A rename of one name of a file to another name of the same file does nothing.
		if err := remove(k.store.last, name+newSuffix); err != nil {
			return err
		}
	}
	return nil
}

// placeKept links the rows of servers and listeners that the base counts while the instance
// is not asked for them. When it tells them again, an empty file takes their place.
func (k *Socket) placeKept(w heard, generation uint64) error {
	m := w.member
	if w.Stat == nil || w.empty || !m.hasStat {
		return nil
	}
	name := nextName(lastName(k.prefix, m.instance, keptSuffix), generation)
	switch {
	case w.ProxiesOnly && m.others:
		if err := k.store.step("link " + keptSuffix); err != nil {
			return err
		}
		return k.link(&File{k.store.last, lastName(k.prefix, m.instance, snapshot.StatSuffix)}, name)
	case !w.ProxiesOnly && m.hasKept:
		if err := k.store.step("clear " + keptSuffix); err != nil {
			return err
		}
		return k.store.create(k.store.last, name, nil)
	}
	return nil
}

// link links a reply, or copies it where the file system has no links.
func (k *Socket) link(source Source, as string) error {
	if err := remove(k.store.last, as); err != nil {
		return err
	}
	err := source.Link(k.store.last, as)
	if !isLinkless(err) {
		return err
	}
	from, err := source.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := k.store.last.Create(as)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// isLinkless reports whether an error means that a file can't be linked there.
func isLinkless(err error) bool {
	for _, e := range []error{unix.EXDEV, unix.EPERM, unix.EOPNOTSUPP, unix.EMLINK, errors.ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// adopt makes the members of the words those that live. changed reports whether the base
// has changed with them.
func (k *Socket) adopt(words []heard, changed bool) {
	current := slices.ContainsFunc(words, func(w heard) bool { return w.Current })
	for _, w := range words {
		m := w.member
		if !slices.Contains(k.members, m) {
			k.members = append(k.members, m)
		}
		m.info = w.info
		if w.Stat != nil && !w.empty {
			m.hasKept = w.ProxiesOnly && (m.hasKept || m.hasStat && m.others && changed)
			m.statInfo, m.hasStat, m.maxDowntime = w.info, true, w.found.MaxDowntime
			m.proxiesOnly, m.others = w.ProxiesOnly, w.found.Rows > w.found.Proxies
		}
	}
	if current {
		for _, m := range k.members {
			m.current = slices.ContainsFunc(words, func(w heard) bool { return w.member == m && w.Current })
		}
	}
}

// account makes a step of the account, with all rows.
func (k *Socket) account(at int64, words []heard, ended []truth.Instance, r *Result) error {
	a, err := k.whole()
	if err != nil {
		return err
	}
	var said []truth.Word
	for _, w := range words {
		word := truth.Word{Info: w.info, ProxiesOnly: w.ProxiesOnly, Current: w.Current, Final: w.Final}
		if w.Stat != nil {
			if word.Stat, err = readStat(w.Stat, w.found.Rows); err != nil {
				return err
			}
		}
		said = append(said, word)
	}
	r.Outcome = a.Step(said, ended, at)
	if !r.Changed {
		return k.keep(words)
	}
	r.Forgotten = a.Prune(k.store.opt.Limits)
	a.Base.Node, a.Base.Socket = k.store.opt.Node, k.address
	a.Base.Generation++
	lives := func(i truth.Instance) bool {
		return slices.ContainsFunc(a.Members, func(m *truth.Member) bool { return m.Instance == i })
	}
	var left []heard
	for _, w := range words {
		if lives(w.member.instance) {
			left = append(left, w)
			if err := k.place(w, a.Base.Generation); err != nil {
				return err
			}
		}
	}
	if err := k.write(a.Base); err != nil {
		return err
	}
	if err := k.rollForward(a.Base); err != nil {
		return err
	}
	k.members = slices.DeleteFunc(k.members, func(m *member) bool { return !lives(m.instance) })
	k.adopt(left, true)
	return nil
}

// whole returns the account with the rows that are on disk.
func (k *Socket) whole() (a *truth.Account, err error) {
	a = &truth.Account{Base: &truth.Base{}}
	if k.file != nil {
		text, err := readAll(k.file.Dir, k.file.Name, truth.MaxBase)
		if err != nil {
			return nil, err
		}
		if a.Base, err = truth.ParseBase(text); err != nil {
			return nil, err
		}
	}
	for _, m := range k.members {
		member := &truth.Member{
			Instance: m.instance, Info: m.info, Current: m.current, StatInfo: m.statInfo, Look: m.look, ProxiesOnly: m.proxiesOnly,
		}
		if m.hasKept {
			if member.Kept, member.KeptAt, err = k.kept(m); err != nil {
				k.tellLost(m, err)
				member.KeptLost = true
			}
		}
		if m.hasStat {
			stat, err := readStat(&File{k.store.last, lastName(k.prefix, m.instance, snapshot.StatSuffix)}, m.tally.Len())
			if err != nil {
				return nil, err
			}
			member.Stat = stat
		}
		a.Members = append(a.Members, member)
	}
	return a, nil
}

// kept reads the rows that the base counts for a member, and when it told them.
func (k *Socket) kept(m *member) (*truth.Stat, int64, error) {
	f, err := k.store.last.OpenRegular(lastName(k.prefix, m.instance, keptSuffix))
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	rows, err := truth.ReadStat(f, 0)
	if err != nil {
		return nil, 0, err
	}
	return rows, info.ModTime().Unix(), nil
}

// tellLost warns once that the rows that the base counts for a member can't be read.
func (k *Socket) tellLost(m *member, err error) {
	if !m.keptLost {
		k.store.log.Warn("earlier rows of servers of a worker can't be read, their totals stand still for a while",
			"socket", k.address, "worker", m.instance.String(), "error", err)
	}
	m.keptLost = true
}

// Open implements [Source].
func (f *File) Open() (io.ReadCloser, error) { return f.Dir.OpenRegular(f.Name) }

// Link implements [Source].
func (f *File) Link(to *durable.Dir, as string) error { return f.Dir.Link(f.Name, to, as) }

// write puts a base into its place. From then on it counts.
func (k *Socket) write(b *truth.Base) error {
	text := b.Append(nil)
	name := baseName(k.prefix, b.Generation)
	if err := k.store.step("write base"); err != nil {
		return err
	}
	if err := k.store.create(k.store.bases, name+newSuffix, text); err != nil {
		return err
	}
	if err := k.store.step("sync replies"); err != nil {
		return err
	}
	if err := k.store.sync(k.store.last.File()); err != nil {
		return err
	}
	if err := k.store.step("rename base"); err != nil {
		return err
	}
	if err := k.store.bases.Rename(name+newSuffix, name); err != nil {
		return err
	}
	if err := k.store.step("sync bases"); err != nil {
		return err
	}
	if err := k.store.sync(k.store.bases.File()); err != nil {
		return err
	}
	before := k.file
	k.hold(b, text)
	if err := k.store.step("remove base"); err != nil || before == nil {
		return err
	}
	return remove(before.Dir, before.Name)
}

// hold keeps all of a base but its rows.
func (k *Socket) hold(b *truth.Base, text []byte) {
	k.undecided = b.IsUndecided()
	k.file = &BaseFile{
		File: File{k.store.bases, baseName(k.prefix, b.Generation)}, Generation: b.Generation,
		Size: int64(len(text)), CRC: snapshot.Sum(0, text),
	}
	k.base = b.Header()
}

func nextName(name string, generation uint64) string { return fmt.Sprintf("%s.%d", name, generation) }

// rollForward puts the replies that go with a base into their places, and removes those
// of instances that have ended and of bases that never came.
func (k *Socket) rollForward(b *truth.Base) error {
	files, err := k.store.lastFiles(k.prefix)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := k.store.step("place " + f.suffix); err != nil {
			return err
		}
		switch {
		case b.HasFolded(f.instance), f.generation > 0 && f.generation != b.Generation:
			err = remove(k.store.last, f.name)
		case f.suffix == keptSuffix && f.generation > 0 && k.isEmpty(f.name):
			err = errors.Join(remove(k.store.last, lastName(k.prefix, f.instance, f.suffix)), remove(k.store.last, f.name))
		case f.generation > 0:
			name := lastName(k.prefix, f.instance, f.suffix)
			err = k.store.last.Rename(f.name, name)
			if err == nil {
				err = remove(k.store.last, f.name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isEmpty reports whether a file of last has no byte.
func (k *Socket) isEmpty(name string) bool {
	f, err := k.store.last.OpenRegular(name)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && info.Size() == 0
}

// ErrForeign means that a base is that of another node or socket.
var ErrForeign = errors.New("the base of another node or socket")

// load reads what is on disk, once.
func (k *Socket) load() error {
	if k.loaded {
		return nil
	}
	b, text, err := k.newestBase()
	if err != nil {
		return err
	}
	if err := k.rollForward(b); err != nil {
		return err
	}
	if text != nil {
		k.hold(b, text)
	}
	files, err := k.store.lastFiles(k.prefix)
	if err != nil {
		return err
	}
	stats, kept := make(map[truth.Instance]bool), make(map[truth.Instance]bool)
	for _, f := range files {
		stats[f.instance] = stats[f.instance] || f.suffix == snapshot.StatSuffix
		kept[f.instance] = kept[f.instance] || f.suffix == keptSuffix
	}
	for _, f := range files {
		if f.suffix != snapshot.InfoSuffix {
			continue
		}
		m, err := k.recall(f, stats[f.instance])
		if err != nil {
			k.store.log.Warn("last reply of a worker can't be read, its counters begin anew", "socket", k.address, "worker", f.instance.String(), "error", err)
			for _, suffix := range lastSuffixes {
				if err := remove(k.store.last, lastName(k.prefix, f.instance, suffix)); err != nil {
					return err
				}
			}
			continue
		}
		m.hasKept = kept[f.instance]
		m.proxiesOnly = m.hasStat && (m.hasKept || !m.others)
		k.members = append(k.members, m)
	}
	slices.SortStableFunc(k.members, func(a, b *member) int { return int(a.instance.Start - b.instance.Start) })
	if n := len(k.members); n > 0 {
		k.members[n-1].current = true
	}
	k.loaded = true
	return nil
}

// removeLast removes all replies.
func (k *Socket) removeLast() error {
	files, err := k.store.lastFiles(k.prefix)
	for _, f := range files {
		err = errors.Join(err, remove(k.store.last, f.name))
	}
	return err
}

// recall returns the member of the files of an earlier process.
func (k *Socket) recall(f lastFile, hasStat bool) (*member, error) {
	file, err := k.store.last.OpenRegular(f.name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	info, err := truth.ReadInfo(file, status.ModTime().Unix())
	if err != nil {
		return nil, err
	}
	if info.Instance.Pid != f.instance.Pid {
		return nil, fmt.Errorf("the reply is that of %v", info.Instance)
	}
	if info.Exact { // the file's time may be that of a copy
		info.At = info.Instance.Start + info.Uptime
	}
	info.Instance = f.instance
	m := &member{instance: f.instance, info: info, statInfo: info, hasStat: hasStat}
	if hasStat {
		found, err := readTally(&File{k.store.last, lastName(k.prefix, f.instance, snapshot.StatSuffix)}, &m.tally, 0)
		if err != nil {
			return nil, err
		}
		m.maxDowntime, m.others = found.MaxDowntime, found.Rows > found.Proxies
	}
	return m, nil
}

// newestBase reads the newest base. One that can't be used is moved aside; the totals
// begin anew, or go on from the one before. The text is nil if there is none.
func (k *Socket) newestBase() (*truth.Base, []byte, error) {
	generations, err := k.store.generations(k.prefix)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range generations {
		name := baseName(k.prefix, g)
		text, err := readAll(k.store.bases, name, truth.MaxBase)
		var b *truth.Base
		if err == nil {
			b, err = truth.ParseBase(text)
		}
		if err == nil && (k.store.isOther(b.Node) || b.Socket != k.address || b.Generation != g) {
			err = fmt.Errorf("%w: node %q, socket %q, generation %d", ErrForeign, b.Node, b.Socket, b.Generation)
		}
		if err == nil {
			for _, older := range generations {
				if older < g {
					if err := remove(k.store.bases, baseName(k.prefix, older)); err != nil {
						return nil, nil, err
					}
				}
			}
			return b, text, nil
		}
		k.store.log.Error("base of totals can't be used, counters begin anew", "socket", k.address, "file", name,
			"error", err, "hint", "Delete the file, which now has the suffix .bad, when it is not needed any more")
		if errors.Is(err, ErrForeign) { // and so are the replies
			if err := k.removeLast(); err != nil {
				return nil, nil, err
			}
		}
		if err := k.store.bases.Rename(name, name+".bad"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	return &truth.Base{}, nil, nil
}
