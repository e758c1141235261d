package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/snapshot"
)

// memory opens a store.
func memory(t testing.TB, bytes int64) *Store {
	t.Helper()
	s, err := OpenStore(StoreOptions{MaxBytes: bytes, Dir: filepath.Join(t.TempDir(), "assembly")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if memory, files := s.Bytes(); memory != 0 || files != 0 {
			t.Errorf("the store holds %d and %d bytes at the end, want none", memory, files)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// assembled is an assembly with what became of the records.
type assembled struct {
	*assembly
	open     map[int64]bool // offsets in hand
	offset   int64
	bads     []error
	dropped  []string
	complete []string
}

func newAssembled(s *Store) *assembled {
	a := &assembled{assembly: newAssembly(s, wire.NewExpander(), maxSnapshot), open: make(map[int64]bool)}
	a.done = func(offsets ...int64) {
		for _, o := range offsets {
			delete(a.open, o)
		}
	}
	a.bad = func(at *attempt, err error) {
		a.bads = append(a.bads, err)
		a.done(at.offsets...)
		at.chunks.free()
	}
	a.incomplete = func(at *attempt, why error) {
		a.dropped = append(a.dropped, fmt.Sprint(at.Node, " ", at.Epoch, " ", why))
	}
	return a
}

// put adds a record, and takes the snapshot that it completes.
func (a *assembled) put(t testing.TB, e wire.Envelope, value []byte, at time.Time) {
	t.Helper()
	a.offset++
	a.open[a.offset] = true
	whole := a.add(e, value, a.offset, at)
	if whole == nil {
		return
	}
	c := &claim{a: whole}
	defer c.end()
	s, err := c.Snapshot()
	if err != nil {
		t.Errorf("snapshot of attempt %v: %v", e.Attempt, err)
	} else if err := fstest.TestFS(s.Files, "a_info", "a_stat"); err != nil {
		t.Errorf("snapshot of attempt %v: %v", e.Attempt, err)
	}
	a.complete = append(a.complete, fmt.Sprint(s.Node, " ", s.Epoch))
	a.done(whole.offsets...)
	whole.chunks.free()
}

// raw returns the values of the records of a node's snapshot.
func raw(t testing.TB, node string, epoch int64, size int) (wire.Envelope, [][]byte) {
	t.Helper()
	s := snapshot.Snapshot{Node: node, Cluster: "eu", Epoch: epoch, Files: snapshot.Memory{
		"a_info": bytes.Repeat([]byte("Name: HAProxy\n"), 3), "a_stat": bytes.Repeat([]byte("# pxname,svname\n"), size/16),
	}}
	c := wire.NewCompressor()
	var values [][]byte
	if err := snapshot.Encode(s, snapshot.MinRecord, func(record []byte) error {
		values = append(values, c.Append(nil, record))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	attempts++
	return wire.Envelope{Kind: wire.Snapshot, Cluster: "eu", Node: node, Epoch: epoch, Attempt: attempts, Instance: "x"}, values
}

var attempts wire.Attempt

var noon = time.Unix(1_800_000_000, 0)

// TestAssembly: whatever happens to the records of attempts, only whole snapshots come
// out, and no record stays in hand.
func TestAssembly(t *testing.T) {
	for name, c := range map[string]struct {
		play              func(t *testing.T, a *assembled)
		complete, dropped []string
		bad               int
	}{
		"in order": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				for _, v := range values {
					a.put(t, e, v, noon)
				}
			}, []string{"n 10"}, nil, 0,
		},
		"each twice": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				for _, v := range values {
					a.put(t, e, v, noon)
					a.put(t, e, v, noon)
				}
				e, values = raw(t, "m", 10, 10) // of one record
				a.put(t, e, values[0], noon.Add(2*expiry))
				a.put(t, e, values[0], noon.Add(2*expiry))
			}, []string{"n 10", "m 10"}, nil, 0,
		},
		"two nodes": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				f, others := raw(t, "m", 11, 9000)
				for i := range values {
					a.put(t, e, values[i], noon)
					a.put(t, f, others[i], noon)
				}
			}, []string{"n 10", "m 11"}, nil, 0,
		},
		"sent again": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				a.put(t, e, values[0], noon)
				again := e
				again.Attempt = 1 << 40
				for _, v := range values {
					a.put(t, again, v, noon)
				}
			}, []string{"n 10"}, []string{"n 10 " + errSuperseded.Error()}, 0,
		},
		"a gap": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				for i, v := range values {
					if i != 2 {
						a.put(t, e, v, noon)
					}
				}
				f, values := raw(t, "n", 20, 100)
				a.put(t, f, values[0], noon)
			}, []string{"n 20"}, []string{"n 10 " + errGap.Error() + ": record 2 of 5"}, 0,
		},
		"no end": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				a.put(t, e, values[0], noon)
				a.tick(noon.Add(expiry - time.Second))
				if len(a.open) != 1 {
					t.Errorf("got %d records in hand before the attempt is too old, want 1", len(a.open))
				}
				a.tick(noon.Add(expiry))
				a.put(t, e, values[1], noon.Add(expiry))
			}, nil, []string{"n 10 " + errExpired.Error()}, 0,
		},
		"too slow": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 60_000)
				step := expiry - time.Second
				for i, v := range values[:len(values)-1] {
					a.put(t, e, v, noon.Add(time.Duration(i)*step))
				}
				if over := time.Duration(len(values)-2) * step; over < maxAge {
					t.Errorf("the records take %v, want at least %v", over, maxAge)
				}
				if len(a.open) > 0 {
					t.Errorf("got %d records in hand, want none", len(a.open))
				}
			}, nil, []string{"n 10 " + errTooLong.Error()}, 0,
		},
		"no beginning": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				a.put(t, e, values[1], noon) // an earlier reader has dealt with it
				a.put(t, e, values[2], noon)
				f, values := raw(t, "n", 100, 9000)
				a.put(t, f, values[1], noon.Add(expiry))
				a.put(t, f, values[2], noon.Add(expiry))
			}, nil, []string{"n 100 " + errGap.Error()}, 0,
		},
		"a third attempt": {
			func(t *testing.T, a *assembled) {
				var second wire.Envelope
				for i := range 3 {
					e, values := raw(t, "n", int64(10*i), 9000)
					a.put(t, e, values[0], noon)
					if i == 1 {
						second = e
					}
				}
				_, values := raw(t, "n", 10, 9000)
				for _, v := range values[1:] {
					a.put(t, second, v, noon)
				}
				a.tick(noon.Add(2 * expiry))
			}, []string{"n 10"}, []string{"n 0 " + errSuperseded.Error(), "n 20 " + errExpired.Error()}, 0,
		},
		"two machines": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				f, others := raw(t, "n", 11, 9000)
				f.Instance = "y"
				for i := range values {
					a.put(t, f, others[i], noon)
					a.put(t, e, values[i], noon)
				}
			}, []string{"n 11", "n 10"}, nil, 0,
		},
		"damaged": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				for i, v := range values {
					if i == 3 {
						v = []byte("something else")
					}
					a.put(t, e, v, noon)
				}
			}, nil, nil, 1,
		},
		"too large": {
			func(t *testing.T, a *assembled) {
				a.limit = 9000
				e, values := raw(t, "n", 10, 10_000)
				for _, v := range values {
					a.put(t, e, v, noon)
				}
				e, values = raw(t, "n", 20, 8000)
				for _, v := range values {
					a.put(t, e, v, noon)
				}
			}, []string{"n 20"}, nil, 1,
		},
		"of two snapshots": {
			func(t *testing.T, a *assembled) {
				e, values := raw(t, "n", 10, 9000)
				_, others := raw(t, "n", 11, 9000)
				a.put(t, e, values[0], noon)
				a.put(t, e, others[1], noon)
				a.put(t, e, values[1], noon)
			}, nil, nil, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAssembled(memory(t, 1<<20))
			c.play(t, a)
			if !slices.Equal(a.complete, c.complete) {
				t.Errorf("complete: got %q, want %q", a.complete, c.complete)
			}
			if !slices.Equal(a.dropped, c.dropped) {
				t.Errorf("incomplete: got %q, want %q", a.dropped, c.dropped)
			}
			if len(a.bads) != c.bad {
				t.Errorf("damaged: got %q, want %d", a.bads, c.bad)
			}
			if len(a.open) > 0 {
				t.Errorf("records %v stay in hand", a.open)
			}
			a.close()
		})
	}
}

// TestInventedNodes: however many nodes begin a snapshot, another one has room.
func TestInventedNodes(t *testing.T) {
	a := newAssembled(memory(t, 64<<20))
	e, values := raw(t, "n", 10, 9000)
	e.Attempt = 1 << 50
	for i := range maxAssembled + 1 {
		e.Node, e.Attempt = fmt.Sprint("x", i), e.Attempt+1
		a.put(t, e, values[0], noon)
	}
	if want := []string{"x0 10 " + errTooMany.Error()}; !slices.Equal(a.dropped, want) {
		t.Errorf("got %q, want %q", a.dropped, want)
	}
	if got := a.idle.Len(); got != maxAssembled || len(a.open) != maxAssembled {
		t.Errorf("got %d attempts and %d records in hand, want %d", got, len(a.open), maxAssembled)
	}
	e, values = raw(t, "n", 20, 9000)
	for _, v := range values {
		a.put(t, e, v, noon)
	}
	if want := []string{"n 20"}; !slices.Equal(a.complete, want) {
		t.Errorf("got %q, want %q", a.complete, want)
	}
	a.close()
}

// TestIndexesAreBounded: what indexes take is counted and bounded, however well the names of
// files compress.
func TestIndexesAreBounded(t *testing.T) {
	store := memory(t, 64<<20)
	store.maxIndex = 10_000
	a := newAssembled(store)
	files := make(snapshot.Memory)
	for i := range 1000 {
		files[fmt.Sprintf("%d%s_info", i, strings.Repeat("x", 200))] = nil
	}
	c := wire.NewCompressor()
	attempts++
	e := wire.Envelope{Kind: wire.Snapshot, Cluster: "eu", Node: "n", Epoch: 10, Attempt: attempts, Instance: "x"}
	if err := snapshot.Encode(snapshot.Snapshot{Node: "n", Cluster: "eu", Epoch: 10, Files: files}, snapshot.MinRecord, func(record []byte) error {
		a.put(t, e, c.Append(nil, record), noon)
		if store.index > store.maxIndex {
			t.Errorf("got %d bytes of indexes, want at most %d", store.index, store.maxIndex)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"n 10 " + errNoRoom.Error()}; !slices.Equal(a.dropped, want) {
		t.Errorf("got %q, want %q", a.dropped, want)
	}
	if store.index != 0 {
		t.Errorf("got %d bytes of indexes at the end, want none", store.index)
	}
	e, values := raw(t, "n", 20, 9000)
	for _, v := range values {
		a.put(t, e, v, noon)
	}
	if want := []string{"n 20"}; !slices.Equal(a.complete, want) {
		t.Errorf("got %q, want %q", a.complete, want)
	}
	a.close()
}

// TestStoreSpills: what has no room in memory is in files, which go with it; beyond the
// bound of these, snapshots are dropped.
func TestStoreSpills(t *testing.T) {
	s := memory(t, 1000)
	a := newAssembled(s)
	e, values := raw(t, "n", 10, 60_000)
	for i, v := range values {
		a.put(t, e, v, noon)
		if memory, files := s.Bytes(); memory > 1000 || i == len(values)-2 && files == 0 {
			t.Errorf("record %d: got %d bytes in memory and %d in files, want at most 1000, and some", i, memory, files)
		}
	}
	if want := []string{"n 10"}; !slices.Equal(a.complete, want) {
		t.Errorf("got %q, want %q", a.complete, want)
	}
	for i := range 200 {
		e, values := raw(t, fmt.Sprint("n", i), 20, 60_000)
		for _, v := range values[:len(values)-1] {
			a.put(t, e, v, noon)
		}
	}
	if memory, files := s.Bytes(); memory > 1000 || files > fileFactor*1000 {
		t.Errorf("got %d bytes in memory and %d in files, want at most 1000 and %d", memory, files, fileFactor*1000)
	}
	if len(a.dropped) == 0 || !strings.Contains(a.dropped[0], errNoRoom.Error()) {
		t.Errorf("got %q, want snapshots that have no room", a.dropped)
	}
	a.close()
	left, err := filepath.Glob(filepath.Join(s.dir.Path(), "*"+extChunks))
	if err != nil || len(left) > 0 {
		t.Errorf("got files %q, %v at the end, want none", left, err)
	}
}

// TestStoreOpens: files of an earlier program are removed, and a directory has one user.
func TestStoreOpens(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "7"+extChunks)
	if err := os.WriteFile(left, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	s, err := OpenStore(StoreOptions{MaxBytes: 1, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of an earlier program: got %v, want that it is removed", err)
	}
	if _, err := OpenStore(StoreOptions{MaxBytes: 1, Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("opened twice: got %v, want that another process uses it", err)
	}
}

// TestLedgerProperty: the offset that is committed is the smallest in hand.
func TestLedgerProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := rapid.Int64Range(0, 100).Draw(t, "next")
		l := newLedger(next)
		open := make(map[int64]bool)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "take") {
				next += rapid.Int64Range(0, 2).Draw(t, "gap") // brokers remove records of transactions
				l.take(next)
				open[next] = true
				next++
			} else if next > 0 {
				o := rapid.Int64Range(0, next).Draw(t, "done")
				l.done(o, o)
				delete(open, o)
			}
			want := next
			for o := range open {
				want = min(want, o)
			}
			if got := l.committable(); got != want || l.position() != next || l.inHand() != len(open) {
				t.Fatalf("got %d, position %d, %d in hand, want %d, %d, %d", got, l.position(), l.inHand(), want, next, len(open))
			}
		}
	})
}

func TestMark(t *testing.T) {
	for _, at := range []time.Time{{}, noon, noon.Add(time.Millisecond)} {
		if got, err := parseMark(markText(at)); err != nil || !got.Equal(at) {
			t.Errorf("got %v, %v, want %v", got, err, at)
		}
	}
	if got, err := parseMark(markText(noon.Add(1500 * time.Microsecond))); err != nil || got.After(noon.Add(1500*time.Microsecond)) {
		t.Errorf("got %v, %v, want nothing after what was marked", got, err)
	}
	for _, text := range []string{"x", "haproxystats mark ", "haproxystats mark x", "haproxystats mark -1", "haproxystats mark 99999999999999999999"} {
		if got, err := parseMark(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
