package pending

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/event"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/transitions"
	"haproxystats/internal/truth"
)

const address = "/run/haproxy/admin.sock"

// world is a store over the lives of a program.
type world struct {
	t    *testing.T
	dir  string
	s    *Store
	now  int64
	log  bytes.Buffer
	pid  int
	node string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "events"), now: 1_800_000_000, pid: 100, node: "lb1"}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := Open(Options{Dir: w.dir, Node: w.node, Max: 100, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	s.sync = func(*os.File) error { return nil } // no test loses power
	w.s = s
}

// again ends the program and starts it.
func (w *world) again() {
	w.t.Helper()
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// round makes a round with the state of one server, and does not hand it over.
func (w *world) round(state string) {
	w.now += 10
	k := w.s.Socket(address)
	info := &truth.Info{Instance: truth.Instance{Pid: w.pid, Start: 1_800_000_000}, Exact: true, At: w.now, Uptime: w.now - 1_800_000_000}
	watch := k.Begin("admin.sock", info, w.now)
	row := &haproxy.Row{Type: haproxy.ServerRow, Proxy: []byte("app"), Service: []byte("a1")}
	watch.See(&truth.Seen{Name: row.Hash(), Row: row, Age: 3, Text: func(i int) []byte {
		return [][]byte{[]byte(state), []byte("0"), nil, nil, []byte("L4OK"), nil}[i]
	}})
	k.End("admin.sock", transitions.Facts{At: w.now, Info: info, Members: []truth.Instance{info.Instance}})
}

func ids(events []event.Event) (all []string) {
	for _, e := range events {
		all = append(all, e.ID+" "+e.From+" "+e.To)
	}
	return all
}

func (w *world) waits(want ...string) []event.Event {
	w.t.Helper()
	got := w.s.Waiting()
	var all []string
	for _, e := range got {
		all = append(all, e.From+" "+e.To)
	}
	if !slices.Equal(all, want) {
		w.t.Errorf("got %q, want %q", all, want)
	}
	return got
}

func TestEventsWaitUntilTheyAreStored(t *testing.T) {
	w := newWorld(t)
	w.round("UP")
	w.waits()
	w.round("DOWN")
	first := w.waits("UP DOWN")
	w.round("UP") // the snapshot was dropped
	both := w.waits("UP DOWN", "DOWN UP")
	if both[0] != first[0] {
		t.Errorf("got %+v, want %+v again", both[0], first[0])
	}
	w.again()
	if again := w.waits("UP DOWN", "DOWN UP"); !slices.Equal(again, both) {
		t.Errorf("got %+v, want %+v", again, both)
	}
	w.round("DOWN") // after the snapshot was made
	w.s.Stored()
	w.waits("UP DOWN")
	w.s.Keep()
	w.s.Stored()
	w.waits("UP DOWN")
	w.s.Stored()
	w.waits()
	w.again()
	w.waits()
	if log := w.log.String(); log != "" {
		t.Errorf("got the log %q, want none", log)
	}
}

var errKilled = errors.New("killed")

// TestKills ends the program at each step, in each of several rounds. What was sent in
// stored snapshots tells the states of the server without a hole, and no two events
// have one id.
func TestKills(t *testing.T) {
	for _, handOver := range []bool{true, false} {
		for kill := 1; kill < 60; kill++ {
			w := newWorld(t)
			steps, killed := 0, false
			hook := func() {
				w.s.step = func(string) error {
					if steps++; killed || steps == kill {
						killed = true
						return errKilled
					}
					return nil
				}
			}
			hook()
			sent := make(map[string]event.Event)
			var order []string
			store := func() {
				for _, e := range w.s.Waiting() {
					if before, ok := sent[e.ID]; ok && before != e {
						t.Fatalf("kill %d: got %+v and %+v with one id", kill, before, e)
					} else if !ok {
						order = append(order, e.ID)
					}
					sent[e.ID] = e
				}
			}
			for n, state := range []string{"UP", "DOWN", "UP", "MAINT", "UP", "DOWN", "NOLB"} {
				w.round(state)
				if killed { // the program is gone: nothing of this round is stored
					killed, kill = false, kill+1000
					w.again()
					hook()
					w.round(state)
				}
				if handOver || n%2 == 0 {
					store()
					w.s.Stored()
				}
			}
			store()
			kill %= 1000
			state := "UP"
			for _, id := range order {
				e := sent[id]
				if e.From != state {
					t.Fatalf("kill %d: got %q, want no hole", kill, ids(values(sent, order)))
				}
				state = e.To
			}
			if state != "NOLB" {
				t.Fatalf("kill %d: got %q, want the last state, too", kill, ids(values(sent, order)))
			}
			w.s.Close()
		}
	}
}

func values(sent map[string]event.Event, order []string) (all []event.Event) {
	for _, id := range order {
		all = append(all, sent[id])
	}
	return all
}

// TestFaultyDisk goes on with what is in memory.
func TestFaultyDisk(t *testing.T) {
	w := newWorld(t)
	w.round("UP")
	w.s.step = func(string) error { return errors.New("no space left") }
	w.round("DOWN")
	w.round("UP")
	w.waits("UP DOWN", "DOWN UP")
	if n := strings.Count(w.log.String(), "events can't be stored"); n != 1 {
		t.Errorf("got %d messages, want 1:\n%s", n, &w.log)
	}
	w.s.step = func(string) error { return nil }
	w.round("UP") // the state is stored now
	w.s.Stored()
	w.again()
	w.round("UP")
	w.waits()
}

func TestDamage(t *testing.T) {
	for _, c := range []struct {
		name, suffix string
		damage       func([]byte) []byte
		want         []string
		log          string
	}{
		{"state cut", stateSuffix, func(b []byte) []byte { return b[:len(b)/2] }, []string{"UP DOWN"}, "what is known of states can't be used"},
		{"state empty", stateSuffix, func([]byte) []byte { return nil }, []string{"UP DOWN"}, "what is known of states can't be used"},
		{"events cut", ".2", func(b []byte) []byte { return b[:len(b)/2] }, []string{"DOWN UP"}, "events that wait for a snapshot can't be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.round("UP")
			w.round("DOWN")
			files, err := filepath.Glob(filepath.Join(w.dir, "*"+c.suffix))
			if err != nil || len(files) != 1 {
				t.Fatalf("got %q, error %v, want one file", files, err)
			}
			text, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[0], c.damage(text), 0o640); err != nil {
				t.Fatal(err)
			}
			w.again()
			w.round("UP")
			w.waits(c.want...)
			if n := strings.Count(w.log.String(), c.log); n != 1 {
				t.Errorf("got %d messages %q, want 1:\n%s", n, c.log, &w.log)
			}
			if _, err := os.Stat(files[0] + badSuffix); err != nil {
				t.Errorf("got %v, want the damaged file aside", err)
			}
		})
	}
}

// TestForget removes states of sockets that are gone for long, but no event.
func TestForget(t *testing.T) {
	w := newWorld(t)
	w.round("UP")
	w.round("DOWN")
	state := filepath.Join(w.dir, "*"+stateSuffix)
	for _, c := range []struct {
		what   string
		inUse  []string
		before func()
		files  int
	}{
		{"in use", []string{address}, func() { w.waits("UP DOWN") }, 1},
		{"with events", nil, func() {}, 1},
		{"gone", nil, func() { w.s.Stored() }, 0},
	} {
		c.before()
		if err := w.s.Forget(1<<40, c.inUse); err != nil {
			t.Fatal(err)
		}
		if files, _ := filepath.Glob(state); len(files) != c.files {
			t.Errorf("%s: got %q, want %d files", c.what, files, c.files)
		}
	}
	if got := fmt.Sprint(w.s.Waiting()); got != "[]" {
		t.Errorf("got %s, want no event", got)
	}
}

// TestBoundOfWaiting leaves out the oldest events.
func TestBoundOfWaiting(t *testing.T) {
	w := newWorld(t)
	k := w.s.Socket(address)
	w.round("UP")
	for g := range uint64(60) {
		k.batches = append(k.batches, batch{1000 + g, make([]event.Event, 100), 100})
	}
	w.round("DOWN")
	n := 0
	for _, b := range k.batches {
		n += len(b.events)
	}
	if n > maxWaiting {
		t.Errorf("got %d events that wait, want %d at most", n, maxWaiting)
	}
	w.now += 60
	w.round("DOWN")
	events := w.s.Waiting()
	if e := events[len(events)-1]; e.Kind != event.More || e.Count != 1100 {
		t.Errorf("got %+v, want 1100 more", e)
	}
}
