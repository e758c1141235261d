package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// disk fails reads of queue files as long as it says so.
type disk struct {
	fails func(seq uint64) error
}

func (d *disk) read(seq uint64, f readable) readable { return failingFile{f, d, seq} }

type failingFile struct {
	readable
	disk *disk
	seq  uint64
}

func (f failingFile) Read(p []byte) (int, error) {
	if err := f.disk.fails(f.seq); err != nil {
		return 0, &fs.PathError{Op: "read", Path: "queue file", Err: err}
	}
	return f.readable.Read(p)
}

// filled returns a closed queue's directory with so many batches.
func filled(t testing.TB, n int64) string {
	t.Helper()
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	for epoch := range n {
		put(t, q, epoch, 5)
	}
	q.Close()
	return dir
}

// attached opens the queue on a disk.
func attached(t testing.TB, o QueueOptions, d *disk) *Queue {
	t.Helper()
	q := newQueue(o)
	q.read = d.read
	if err := q.attach(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// sendAll sends what waits until ctx ends, with a pause after each error, as an
// outbox does. It returns what was sent.
func sendAll(ctx context.Context, t testing.TB, q *Queue) (sent []string) {
	t.Helper()
	for q.Wait(ctx) == nil {
		var out bytes.Buffer
		err := q.First(func(i Item) error {
			_, err := i.Content.WriteTo(&out)
			return err
		})
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		if out.Len() > 0 {
			first, _, _ := strings.Cut(out.String(), "\n")
			sent = append(sent, first)
		}
	}
	return sent
}

// TestQueueOutlivesErrorsOfTheDisk has a disk that fails all reads for a while,
// before the queue is opened or after. Nothing is damaged, nothing is deleted, and
// all batches come in their order once the disk is well.
func TestQueueOutlivesErrorsOfTheDisk(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ESTALE, syscall.ENOMEM, syscall.EMFILE} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v late %v", fault, late), func(t *testing.T) {
				const n = 40
				dir := filled(t, n)
				synctest.Test(t, func(t *testing.T) {
					var failing atomic.Bool
					failing.Store(!late)
					d := &disk{func(uint64) error {
						if failing.Load() {
							return fault
						}
						return nil
					}}
					q := attached(t, QueueOptions{Dir: dir, Log: quiet}, d)
					failing.Store(true)
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
					defer cancel()
					// Never in the instant of a try: a read that fails may then be
					// followed by one that does not, and the second batch goes first.
					time.AfterFunc(20*time.Second+time.Nanosecond, func() { failing.Store(false) })
					sent := sendAll(ctx, t, q)
					var want []string
					for epoch := range n {
						want = append(want, fmt.Sprint(epoch))
					}
					equal(t, sent, want...)
					if s := q.Stats(); s != (QueueStats{}) {
						t.Errorf("got %+v, want an empty queue and no losses", s)
					}
				})
			})
		}
	}
}

// TestQueueUnreadableFileDelaysNothing checks that the other batches are sent, that the
// message has the remedy, and that the file is sent once it can be read.
func TestQueueUnreadableFileDelaysNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault error
		says  string
	}{
		{"another's", syscall.EACCES, `hint="Run chown `},
		{"bad sector", syscall.EIO, "Check the disk"},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s late %v", c.name, late), func(t *testing.T) {
				dir := filled(t, 5)
				synctest.Test(t, func(t *testing.T) {
					failing := !late
					d := &disk{func(seq uint64) error {
						if failing && seq == 1 {
							return c.fault
						}
						return nil
					}}
					var log bytes.Buffer
					q := attached(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}, d)
					failing = true
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					equal(t, sendAll(ctx, t, q), "1", "2", "3", "4")
					if s := q.Stats(); s.Unreadable != 1 || s.DamagedBatches != 0 || s.DroppedBatches != 0 || len(files(t, dir)) != 1 {
						t.Errorf("got %+v, files %q, want one unreadable file", s, files(t, dir))
					}
					if !strings.Contains(log.String(), "queue file can't be read") || !strings.Contains(log.String(), c.says) {
						t.Errorf("got log %s, want %q", &log, c.says)
					}
					if n := strings.Count(log.String(), "chown"); n > 1 {
						t.Errorf("got the remedy %d times, want it once: %s", n, &log)
					}
					if batches, metrics := q.Len(); batches != 0 || metrics != 0 {
						t.Errorf("got %d batches with %d metrics that keep fresh ones, want none", batches, metrics)
					}
					failing = false
					ctx, cancel = context.WithTimeout(t.Context(), 2*lastHold)
					defer cancel()
					equal(t, sendAll(ctx, t, q), "0")
					if s := q.Stats(); s != (QueueStats{}) {
						t.Errorf("got %+v, want an empty queue", s)
					}
				})
			})
		}
	}
}

// TestQueueSeveralBadFiles in a row, as on one bad track of the disk, delay no others.
func TestQueueSeveralBadFiles(t *testing.T) {
	for _, bad := range []uint64{2, 5} {
		dir := filled(t, 8)
		synctest.Test(t, func(t *testing.T) {
			d := &disk{func(uint64) error { return nil }}
			q := attached(t, QueueOptions{Dir: dir, Log: quiet}, d)
			d.fails = func(seq uint64) error {
				if seq <= bad {
					return syscall.EIO
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			var want []string
			for epoch := bad; epoch < 8; epoch++ {
				want = append(want, fmt.Sprint(epoch))
			}
			equal(t, sendAll(ctx, t, q), want...)
			if s := q.Stats(); s.Unreadable != int64(bad) || len(files(t, dir)) != int(bad) {
				t.Errorf("got %+v and %d files, want %d unreadable ones", s, len(files(t, dir)), bad)
			}
		})
	}
}

// TestQueueKeepsFilesOfALaterVersion has files of a later version, as after a rollback.
func TestQueueKeepsFilesOfALaterVersion(t *testing.T) {
	dir := filled(t, 3)
	later := header{metrics: 1}.bytes()
	later[8]++
	data := binary.LittleEndian.AppendUint32(later[:48:48], crc32.Checksum(later[:48], castagnoli))
	path := filepath.Join(dir, fileName(2, extBatch))
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	q := open(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	equal(t, drain(t, q), "0", "2")
	if s := q.Stats(); s.DamagedBatches != 0 || s.Unreadable != 1 {
		t.Errorf("got %+v, want one unreadable file and no damage", s)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file is not as it was: %v", err)
	}
	if !strings.Contains(log.String(), "queue file is of a later version") {
		t.Errorf("got log %s", &log)
	}
}

// TestQueueNumbersDoNotWrap has a file with a number that the queue can't reach by
// counting: it is not a file of the queue.
func TestQueueNumbersDoNotWrap(t *testing.T) {
	dir := filled(t, 2)
	foreign := []string{"18446744073709551615.batch", "18446744073709551614.tmp", "04611686018427387904.corrupt"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 2, 1)
	q.Close()
	q = open(t, QueueOptions{Dir: dir})
	put(t, q, 3, 1)
	equal(t, drain(t, q), "0", "1", "2", "3")
	for _, name := range foreign {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != name {
			t.Errorf("%s holds %q, %v, want what was there", name, got, err)
		}
	}
}

// TestQueueEndsAtTheLastNumber checks that numbers do not wrap.
func TestQueueEndsAtTheLastNumber(t *testing.T) {
	q := open(t, QueueOptions{Dir: t.TempDir()})
	q.next = maxSeq - 1
	put(t, q, 1, 1)
	if err := q.Append(2, text(2, 1)); err == nil || !strings.Contains(err.Error(), "no number is left") {
		t.Errorf("got error %v, want that no number is left", err)
	}
	equal(t, drain(t, q), "1")
}

// TestQueueReplacesNothing checks that Append does not replace a file that has taken the
// name meanwhile.
func TestQueueReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	taken := []string{fileName(1, extTemp), fileName(2, extBatch)}
	for _, name := range taken {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("theirs"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	put(t, q, 7, 1)
	put(t, q, 8, 1)
	equal(t, drain(t, q), "7", "8")
	for _, name := range taken {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != "theirs" {
			t.Errorf("%s holds %q, %v, want what was there", name, got, err)
		}
	}
}

// TestQueueRefusesNumbersThatCanNotBe has a header with a correct checksum that claims
// more than its frame can hold.
func TestQueueRefusesNumbersThatCanNotBe(t *testing.T) {
	for _, h := range []header{
		{metrics: 1, raw: math.MaxInt64},
		{metrics: math.MaxInt64, raw: 100},
		{metrics: 1, raw: 17*maxRatio + maxRatio},
		{metrics: -1, raw: 1},
	} {
		h.frame = 17
		_, err := readHeader(bytes.NewReader(h.bytes()), headerSize+h.frame)
		if !errors.Is(err, errDamaged) {
			t.Errorf("%+v: got error %v, want damage", h, err)
		}
	}
	bomb := header{metrics: 1, raw: maxRaw + 1, frame: 1 << 20}
	if _, err := readHeader(bytes.NewReader(bomb.bytes()), bomb.size()); !errors.Is(err, errDamaged) {
		t.Errorf("%+v: got error %v, want damage", bomb, err)
	}
	h := header{metrics: 1, raw: 1, frame: math.MaxInt64}
	if _, err := readHeader(bytes.NewReader(h.bytes()), headerSize+17); !errors.Is(err, errDamaged) {
		t.Errorf("%+v: got error %v, want damage", h, err)
	}
}

// TestQueueSetsManyDamagedFilesAside a few at a time, after it was opened, and logs
// the first of them.
func TestQueueSetsManyDamagedFilesAside(t *testing.T) {
	const n = 1000
	dir := t.TempDir()
	for seq := range uint64(n) {
		if err := os.WriteFile(filepath.Join(dir, fileName(seq+1, extBatch)), make([]byte, 100), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		q := open(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if got := len(files(t, dir)); got != n || q.Stats().DamagedBatches != n {
			t.Errorf("got %d files and %+v after opening, want all of them and counted", got, q.Stats())
		}
		put(t, q, 7, 1)
		equal(t, []string{strings.TrimSpace(take(t, q))}, "7")
		if got := len(files(t, dir)); got < n-2*tidySize {
			t.Errorf("got %d files after the first batch, want that batch not to wait for all of them", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		left := files(t, dir)
		if len(left) != maxCorrupt || left[maxCorrupt-1] != fileName(n, extCorrupt) {
			t.Errorf("left %q, want the last %d", left, maxCorrupt)
		}
		if got := strings.Count(log.String(), "\n"); got != 2*maxCorrupt {
			t.Errorf("got %d lines of log, want %d", got, 2*maxCorrupt)
		}
	})
}

// TestQueueHoldsWhatIsRefused checks that the others go first, and that a held batch comes
// again later, or at once when it is released.
func TestQueueHoldsWhatIsRefused(t *testing.T) {
	dir := filled(t, 3)
	synctest.Test(t, func(t *testing.T) {
		q := open(t, QueueOptions{Dir: dir})
		refused := errors.New("refused")
		refuse := func() {
			t.Helper()
			if err := q.First(func(i Item) error {
				if i.Epoch != 0 {
					t.Errorf("got the batch of %d, want that of 0", i.Epoch)
				}
				return Hold(refused)
			}); !errors.Is(err, refused) {
				t.Errorf("got error %v", err)
			}
		}
		refuse()
		if s := q.Stats(); s.Refused != 1 || s.Batches != 3 || s.OldestEpoch != 1 {
			t.Errorf("got %+v, want one refused of three", s)
		}
		equal(t, []string{take(t, q)}, strings.Repeat("1\n", 5))
		q.Release()
		refuse()
		begun := time.Now()
		equal(t, []string{take(t, q)}, strings.Repeat("2\n", 5))
		if err := q.Wait(t.Context()); err != nil || time.Since(begun) != 2*firstRefused {
			t.Errorf("held for %v, %v, want %v", time.Since(begun), err, 2*firstRefused)
		}
		if err := q.First(func(i Item) error {
			if !i.Refused {
				t.Error("the batch is not told to be refused")
			}
			_, err := i.Content.WriteTo(io.Discard)
			return err
		}); err != nil {
			t.Error(err)
		}
		if s := q.Stats(); s != (QueueStats{}) {
			t.Errorf("got %+v, want an empty queue", s)
		}
	})
}

// TestQueueDoesNotRestWhileABatchIsDue has a hold end just before the queue begins to
// rest, which only a new batch would have ended.
func TestQueueDoesNotRestWhileABatchIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, QueueOptions{Dir: t.TempDir()})
		put(t, q, 1, 5)
		<-q.wake
		if err := q.First(func(Item) error { return Hold(errors.New("refused")) }); !errors.As(err, new(HoldError)) {
			t.Fatalf("got error %v, want a hold", err)
		}
		time.Sleep(firstRefused)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		q.rest(ctx)
		if took := time.Since(start); took > 0 {
			t.Errorf("got a rest of %v with a batch due, want none", took)
		}
	})
}

// TestQueueBoundsCountWhatIsHeld checks that a held batch counts, and is dropped first
// because it is the oldest.
func TestQueueBoundsCountWhatIsHeld(t *testing.T) {
	q := open(t, QueueOptions{Dir: t.TempDir(), MaxMetrics: 20})
	put(t, q, 0, 10)
	put(t, q, 1, 10)
	_ = q.First(func(Item) error { return Hold(errors.New("refused")) })
	put(t, q, 2, 10)
	equal(t, drain(t, q), "1", "2")
	if s := q.Stats(); s.DroppedBatches != 1 || s.Refused != 0 {
		t.Errorf("got %+v, want one dropped", s)
	}
}
