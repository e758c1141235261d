package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"haproxystats/test/faults/harness"
)

// TestAnySequence runs random sequences of pull, process, crashes of both, and
// failures of sockets and sinks, in this process and on real directories, and
// holds the contract after every step. Time is a bubble's, so that nothing is
// waited for. A step is what a sequence or one of its parts chose: to run a
// program, the state of a socket or a Graphite, when a crash comes.
func TestAnySequence(t *testing.T) {
	t.Parallel()
	row := harness.Begin(t, "random sequences of pull, process, crash and sink failure (steps)", "0 violations")
	want := harness.Count(3000, 1_000_000)
	steps, sequences, crashes, snapshots := 0, 0, 0, 0
	for steps < want && !t.Failed() {
		rapid.Check(t, inBubble(t, func(rt *rapid.T) {
			m := newModel(rt)
			defer m.close()
			rt.Repeat(map[string]func(*rapid.T){
				"pull":    m.pull,
				"process": m.process,
				"poison":  m.poison,
				"":        m.check,
			})
			m.drain()
			steps, sequences, crashes, snapshots = steps+m.steps, sequences+1, crashes+m.crashes, snapshots+len(m.accepted)
		}))
	}
	row.Inject(steps)
	row.Result("%d sequences, %d crashes, %d snapshots", sequences, crashes, snapshots)
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
		// rapid tells failures apart by the line that panics.
		switch {
		case ended == nil:
		case strings.HasSuffix(fmt.Sprintf("%T", ended), ".invalidData"):
			panic(ended)
		default:
			panic(ended)
		}
	}
}

// A sequence stays below the number of crashes after which the spool takes an
// entry for their cause, below the tries that a panic costs it, and below the
// number of entries given up that are kept.
const (
	maxCrashes = 8
	maxPanics  = 2
	maxPoison  = 50
)

// model is what a sequence has come to.
type model struct {
	t        *rapid.T
	base     string
	src      *harness.Source
	received *harness.Received // of Graphite

	accepted []int64
	poisoned int
	bad      int // deliveries that need not have been accepted by all sinks
	steps    int
	crashes  int
	panics   int
}

func newModel(t *rapid.T) *model {
	parent := "/dev/shm" // much is synced
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	base, err := os.MkdirTemp(parent, "ft-model-")
	if err != nil {
		t.Fatal(err)
	}
	src := harness.NewSource(harness.Shape{Backends: 1, Servers: 1})
	return &model{t: t, base: base, src: src, received: harness.NewReceived(src)}
}

func (m *model) close() { _ = os.RemoveAll(m.base) }

func (m *model) must(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) incoming() string { return filepath.Join(m.base, "incoming") }
func (m *model) stored() string   { return filepath.Join(m.base, "local-store") }
func (m *model) queue() string    { return filepath.Join(m.base, "queue", "graphite") }

// draw makes a choice, which is a step.
func draw[V any](m *model, g *rapid.Generator[V], label string) V {
	m.steps++
	return g.Draw(m.t, label)
}

// crashPoint draws after how many of its actions a program dies; below 0 never.
func (m *model) crashPoint(most int) int {
	if m.crashes >= maxCrashes || !draw(m, rapid.Bool(), "crash") {
		return -1
	}
	m.crashes++
	return draw(m, rapid.IntRange(0, most), "actions before the crash")
}

// poison hands over a snapshot that can't be processed.
func (m *model) poison(t *rapid.T) {
	if m.poisoned == maxPoison {
		t.Skip("enough")
	}
	m.steps++
	m.poisoned++
	staged := filepath.Join(m.base, "staged")
	m.must(os.MkdirAll(m.incoming(), 0o750))
	m.must(os.Mkdir(staged, 0o750))
	m.must(os.WriteFile(filepath.Join(staged, "p1.sock_stat"), []byte("Permission denied\n\n"), 0o640))
	m.must(os.Rename(staged, filepath.Join(m.incoming(), strconv.Itoa(1000+m.poisoned))))
}

// names returns what a directory holds; nothing if it is missing.
func (m *model) names(dir string) map[string]bool {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}

// check holds the contract: whatever was accepted is in the queue of snapshots,
// or in local-store and at Graphite or in its queue.
func (m *model) check(*rapid.T) {
	waiting, stored := m.names(m.incoming()), m.names(m.stored())
	queued := 0
	for name := range m.names(m.queue()) {
		if strings.HasSuffix(name, ".batch") {
			queued++
		}
	}
	lacking := 0
	for _, epoch := range m.accepted {
		name := strconv.FormatInt(epoch, 10)
		if waiting[name] {
			continue
		}
		if !stored[name] {
			m.t.Fatalf("%d has left the queue, and local-store has nothing of it", epoch)
		}
		if !m.received.Whole(epoch) {
			lacking++
		}
	}
	if lacking > queued {
		m.t.Fatalf("%d snapshots have left the queue and are not at Graphite, whose queue holds %d", lacking, queued)
	}
	for _, problem := range m.received.Problems() {
		m.t.Fatal(problem)
	}
}

// drain ends all faults, and wants everything to arrive and nothing to be left.
func (m *model) drain() {
	m.runPull(1, -1, nil)
	m.runProcess(time.Minute, -1, nil, nil)
	m.check(m.t)
	rest := m.names(m.incoming())
	if len(rest) > 0 || !m.received.Whole(m.accepted...) {
		m.t.Fatalf("%d snapshots are left in the queue after a minute without faults: %v", len(rest), rest)
	}
	f := m.received.Compare(m.accepted, nil)
	// A crash may repeat what each worker and the queue had in hand.
	if most := m.crashes*(modelWorkers+1) + m.bad; f.Bad() || f.Repeats > most {
		m.t.Fatalf("%v (at most %d repeats):\n%s", f, most, strings.Join(f.Details, "\n"))
	}
	received := harness.NewReceived(m.src)
	if len(m.accepted) > 0 {
		m.must(received.ReadStored(m.stored()))
	}
	if f := received.Compare(m.accepted, nil); f.Bad() || f.Repeats > 0 {
		m.t.Fatalf("local-store: %v:\n%s", f, strings.Join(f.Details, "\n"))
	}
	const kept = 100 // of those given up, the newest
	corrupt := m.names(m.incoming() + ".corrupt")
	if len(corrupt) != min(m.poisoned, kept) {
		m.t.Fatalf("%d snapshots were given up, %d can't be processed", len(corrupt), m.poisoned)
	}
	m.must(os.RemoveAll(m.incoming() + ".corrupt"))
	if left := harness.Leaks(m.base); len(left) > 0 {
		m.t.Fatalf("left behind: %q", left)
	}
}
