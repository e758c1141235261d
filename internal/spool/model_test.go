package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/snapshot"
)

// TestAnyOrder runs random sequences of both ends, crashes of them and faults
// of the directory, against what must hold for each entry: it is read whole, it
// is there until it is committed, it never comes back after. An entry that was
// damaged is never taken for a whole one, and its tries outlive the program.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, inBubble(t, func(rt *rapid.T) {
		m := newMachine(rt)
		defer m.close()
		rt.Repeat(map[string]func(*rapid.T){
			"stage":         m.stage,
			"create":        m.create,
			"handOver":      m.handOver,
			"discard":       m.discard,
			"writerCrashes": m.writerCrashes,
			"claim":         m.claim,
			"commit":        m.commit,
			"release":       m.release,
			"postpone":      m.postpone,
			"damage":        m.damage,
			"readerCrashes": m.readerCrashes,
			"moveAndBack":   m.moveAndBack,
			"wait":          func(*rapid.T) { time.Sleep(time.Second) },
			"":              m.check,
		})
		m.drain()
	}))
}

// inBubble runs a property in a bubble of its own, and lets what it panics
// with, which is how rapid ends one, come out of it.
func inBubble(t *testing.T, property func(*rapid.T)) func(*rapid.T) {
	return func(rt *rapid.T) {
		var ended any
		synctest.Test(t, func(*testing.T) {
			defer func() { ended = recover() }()
			property(rt)
		})
		if ended != nil {
			panic(ended)
		}
	}
}

type staged struct {
	d     *Draft
	files int
}

// modelUnended is few enough to be reached.
const modelUnended = 2

// machine is the model: what the queue must hold.
type machine struct {
	t               *rapid.T
	base            string
	dir             string
	w               *Writer
	r               *Reader
	next            int64
	draft           map[int64]*staged
	in              map[int64]int // handed over and not committed: its number of files
	held            map[int64]*Entry
	tries           map[int64]int
	ended           map[int64]int  // claims that ended with the reader, and counted
	counts, suspect map[int64]bool // whether the claim counts then, and any has ended so
	given           map[int64]int  // given up
	wrong           map[int64]bool // damaged, so that reading it is an error
}

func newMachine(t *rapid.T) *machine {
	base, err := os.MkdirTemp("", "spool")
	if err != nil {
		t.Fatal(err)
	}
	// Drafts are named by the time of the file system, which no bubble has changed.
	info, err := os.Stat(base)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		t: t, base: base, dir: filepath.Join(base, "incoming"), next: info.ModTime().Unix(),
		draft: map[int64]*staged{}, in: map[int64]int{}, held: map[int64]*Entry{},
		tries: map[int64]int{}, ended: map[int64]int{}, counts: map[int64]bool{}, suspect: map[int64]bool{}, given: map[int64]int{}, wrong: map[int64]bool{},
	}
	m.openWriter()
	m.openReader()
	return m
}

func (m *machine) close() {
	m.w.Close()
	m.r.Close()
	os.RemoveAll(m.base)
}

func (m *machine) must(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) openWriter() {
	w, err := OpenWriter(WriterOptions{Dir: m.dir, Tmp: m.dir + ".tmp"})
	m.must(err)
	m.w = w
	if entries, err := os.ReadDir(m.dir + ".tmp"); err != nil || len(entries) > 0 {
		m.t.Fatalf("tmp holds %v, %v", entries, err)
	}
}

func (m *machine) openReader() {
	r, err := OpenReader(ReaderOptions{Dir: m.dir})
	m.must(err)
	r.window, r.maxUnended = 3, modelUnended
	m.r = r
	if entries, err := os.ReadDir(m.dir + ".trash"); err != nil || len(entries) > 0 {
		m.t.Fatalf("trash holds %v, %v", entries, err)
	}
}

func pick[V any](t *rapid.T, from map[int64]V) (int64, V) {
	if len(from) == 0 {
		t.Skip("none")
	}
	k := rapid.SampledFrom(slices.Sorted(maps.Keys(from))).Draw(t, "which")
	return k, from[k]
}

func (m *machine) stage(t *rapid.T) {
	m.next += int64(rapid.IntRange(1, 3).Draw(t, "seconds"))
	d, err := m.w.Stage(m.next)
	m.must(err)
	m.draft[m.next] = &staged{d: d}
}

func (m *machine) create(t *rapid.T) {
	epoch, s := pick(t, m.draft)
	f, err := s.d.Create(fmt.Sprintf("f%d_stat", s.files))
	m.must(err)
	f.Write(pattern(epoch, s.files))
	f.Close()
	s.files++
}

func (m *machine) handOver(t *rapid.T) {
	epoch, s := pick(t, m.draft)
	m.must(s.d.Commit(snapshot.Round{}))
	delete(m.draft, epoch)
	m.in[epoch] = s.files
	m.r.listAgain()
}

func (m *machine) discard(t *rapid.T) {
	epoch, s := pick(t, m.draft)
	m.must(s.d.Discard())
	delete(m.draft, epoch)
}

// writerCrashes ends the writer without any of its own cleaning up.
func (m *machine) writerCrashes(*rapid.T) {
	for epoch, s := range m.draft {
		s.d.dir.Close()
		delete(m.draft, epoch)
	}
	m.w.Close()
	m.openWriter()
}

func (m *machine) readerCrashes(*rapid.T) {
	for epoch, e := range m.held {
		e.dir.Close()
		delete(m.held, epoch)
		m.suspect[epoch] = true
		if m.counts[epoch] {
			m.ended[epoch]++
		}
	}
	m.r.Close()
	m.openReader()
}

func (m *machine) claim(t *rapid.T) {
	e := m.tryClaim()
	if e == nil {
		t.Skip("nothing to claim")
	}
	m.held[e.Epoch()] = e
}

// tryClaim claims an entry if one can be had now, and reads it.
func (m *machine) tryClaim() *Entry {
	for {
		a, w, err := m.r.next()
		m.must(err)
		if w.scan {
			m.r.scan(m.r.scanWanted)
			a, _, err = m.r.next()
			m.must(err)
		}
		if a == nil {
			return nil
		}
		first := !a.known
		m.r.mu.Lock()
		sure := m.r.othersRead()
		m.r.mu.Unlock()
		e := m.r.open(a)
		if e == nil {
			m.notNow(a, first)
			continue
		}
		m.counts[a.epoch] = sure
		m.read(e)
		return e
	}
}

// notNow checks that there was a reason to hand out nothing.
func (m *machine) notNow(a *attempt, first bool) {
	switch {
	case !first || !m.suspect[a.epoch]:
		m.t.Fatalf("%s could not be opened", a.name)
	case m.ended[a.epoch] >= modelUnended:
		m.giveUp(a.epoch)
	}
}

func (m *machine) giveUp(epoch int64) {
	m.given[epoch] = m.in[epoch]
	delete(m.in, epoch)
}

// read compares what is claimed with what was handed over.
func (m *machine) read(e *Entry) {
	epoch := e.Epoch()
	files, ok := m.in[epoch]
	if !ok || m.held[epoch] != nil {
		m.t.Fatalf("%s claimed, but it is not in the queue or is held", e.Name())
	}
	for other := range m.held {
		if m.suspect[epoch] && m.suspect[other] {
			m.t.Fatalf("%s and %d are suspects and claimed at once", e.Name(), other)
		}
	}
	entries, err := fs.ReadDir(e.FS(), ".")
	for i := range files {
		var b []byte
		if err == nil {
			b, err = fs.ReadFile(e.FS(), fmt.Sprintf("f%d_stat", i))
		}
		if err == nil && !bytes.Equal(b, pattern(epoch, i)) {
			m.t.Fatalf("%s: file %d: other %d bytes", e.Name(), i, len(b))
		}
	}
	if m.wrong[epoch] != errors.Is(err, snapshot.ErrDamaged) || !m.wrong[epoch] && err != nil {
		m.t.Fatalf("%s: damaged %t, read: %v", e.Name(), m.wrong[epoch], err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return snapshot.IsHidden(e.Name()) })
	if len(entries) != files && !m.wrong[epoch] {
		m.t.Fatalf("%s has %d files, want %d", e.Name(), len(entries), files)
	}
}

func (m *machine) commit(t *rapid.T) {
	epoch, e := pick(t, m.held)
	m.must(e.Commit())
	delete(m.held, epoch)
	delete(m.in, epoch)
}

func (m *machine) release(t *rapid.T) {
	epoch, e := pick(t, m.held)
	e.Release(fmt.Errorf("some cause"))
	delete(m.held, epoch)
	if m.tries[epoch]++; m.tries[epoch] == maxTries {
		m.giveUp(epoch)
	}
}

func (m *machine) postpone(t *rapid.T) {
	epoch, e := pick(t, m.held)
	e.Postpone()
	delete(m.held, epoch)
}

func (m *machine) moveAndBack(*rapid.T) {
	m.must(os.Rename(m.dir, m.dir+".away"))
	m.r.scan(func() bool { return true })
	m.must(os.Rename(m.dir+".away", m.dir))
	m.r.listAgain()
	time.Sleep(outagePause)
}

// check compares the directories with the model.
func (m *machine) check(*rapid.T) {
	for dir, want := range map[string]map[int64]int{m.dir: m.in, m.dir + ".corrupt": m.given} {
		entries, err := os.ReadDir(dir)
		m.must(err)
		for _, e := range entries {
			if epoch, ok := numbered(e.Name()); !ok {
				m.t.Fatalf("%s holds %s", dir, e.Name())
			} else if _, ok := want[epoch]; !ok {
				m.t.Fatalf("%s holds %s, which should have left", dir, e.Name())
			}
		}
		if len(entries) != len(want) {
			m.t.Fatalf("%s holds %d, want %d", dir, len(entries), len(want))
		}
	}
	if entries, _ := os.ReadDir(m.dir + ".trash"); len(entries) > 0 {
		m.t.Fatalf("trash holds %v", entries)
	}
}

// drain claims all that is left, and commits what is whole.
func (m *machine) drain() {
	for _, e := range m.held {
		e.Postpone()
	}
	clear(m.held)
	last := time.Now()
	for len(m.in) > 0 {
		e := m.tryClaim()
		if e != nil {
			last = time.Now()
		}
		switch {
		case time.Since(last) > maxRetry:
			m.t.Fatalf("nothing to claim, but %v in the queue", m.in)
		case e == nil:
			time.Sleep(firstRetry)
		case m.wrong[e.Epoch()]:
			epoch := e.Epoch()
			e.Release(snapshot.ErrDamaged)
			if m.tries[epoch]++; m.tries[epoch] == maxTries {
				m.giveUp(epoch)
			}
		default:
			m.must(e.Commit())
			delete(m.in, e.Epoch())
		}
	}
	m.check(m.t)
}
