package sink

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// limited is a file on a disk with little room.
type limited struct {
	file
	room             *int
	syncErr, placeAt error
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), *l.room)
	*l.room -= n
	if done, err := l.file.Write(p[:n]); err != nil {
		return done, err
	}
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (l *limited) WriteAt(p []byte, off int64) (int, error) {
	if l.placeAt != nil {
		return 0, l.placeAt
	}
	return l.file.WriteAt(p, off)
}

func (l *limited) Sync() error {
	if l.syncErr != nil {
		return l.syncErr
	}
	return l.file.Sync()
}

// onDisk makes the queue write its files through l.
func (l *limited) onDisk(q *Queue) {
	q.create = func(d directory, name string) (file, error) {
		f, err := createFile(d, name)
		l.file = f
		return l, err
	}
}

func TestQueueOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 1, 100)
	want := files(t, dir)
	info, err := os.Stat(filepath.Join(dir, want[0]))
	if err != nil {
		t.Fatal(err)
	}
	for room := range int(info.Size()) {
		left := room
		(&limited{room: &left}).onDisk(q)
		if err := q.Append(2, text(2, 100)); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("with room for %d bytes: %v", room, err)
		}
		equal(t, files(t, dir), want...)
	}
	enough := int(info.Size())
	for _, l := range []*limited{{syncErr: syscall.EIO}, {placeAt: syscall.EIO}} {
		room := enough
		l.room = &room
		l.onDisk(q)
		if err := q.Append(2, text(2, 100)); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		equal(t, files(t, dir), want...)
	}
	(&limited{room: &enough}).onDisk(q)
	put(t, q, 3, 100)
	equal(t, drain(t, q), "1", "3")
}

func TestQueueStoresNothingWhenTheFormatterFails(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	broken := errors.New("broken")
	if err := q.Append(1, func(w io.Writer) (int, error) {
		io.WriteString(w, "half")
		return 0, broken
	}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	put(t, q, 2, 1)
	equal(t, drain(t, q), "2")
}

// stored returns the bytes of a file of the queue.
func stored(t testing.TB, metrics int) []byte {
	t.Helper()
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	put(t, q, 7, metrics)
	data, err := os.ReadFile(filepath.Join(dir, files(t, dir)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// damaged puts a damaged file between two good ones, before the queue is opened
// or after, and returns what comes out.
func damaged(t testing.TB, data []byte, late bool, log io.Writer) (got []string, s QueueStats) {
	t.Helper()
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	for epoch := range int64(3) {
		put(t, q, epoch, 20)
	}
	if !late {
		q.Close()
	}
	if err := os.WriteFile(filepath.Join(dir, files(t, dir)[1]), data, 0o640); err != nil {
		t.Fatal(err)
	}
	if !late {
		q = open(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(log, nil))})
	}
	return drain(t, q), q.Stats()
}

func TestQueueSendsNothingOfADamagedFile(t *testing.T) {
	good := stored(t, 20)
	var cases [][]byte
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1 << (i % 8)
		cases = append(cases, flipped, good[:i])
	}
	cases = append(cases, append(bytes.Clone(good), 0), append(bytes.Clone(good), good...), make([]byte, len(good)))
	for i, data := range cases {
		for _, late := range []bool{false, true} {
			got, s := damaged(t, data, late, io.Discard)
			if len(got) != 2 || got[0] != "0" || got[1] != "2" || s.DamagedBatches != 1 {
				t.Fatalf("case %d, late %v: got %v, stats %+v", i, late, got, s)
			}
		}
	}
	// A whole file, but not the one that was there when the queue was opened.
	if got, s := damaged(t, stored(t, 21), true, io.Discard); len(got) != 2 || s.DamagedBatches != 1 {
		t.Errorf("another file: got %v, stats %+v", got, s)
	}
}

// TestQueueSendsNoBeginningOfADamagedFile, however far from it the damage is.
func TestQueueSendsNoBeginningOfADamagedFile(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	random := rand.New(rand.NewPCG(1, 2))
	if err := q.Append(1, func(w io.Writer) (int, error) {
		for range 4 * windowSize / 16 { // that can't be compressed well
			if _, err := fmt.Fprintf(w, "%016x", random.Uint64()); err != nil {
				return 0, err
			}
		}
		return 1, nil
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, files(t, dir)[0])
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-100] ^= 1
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if err := q.First(func(item Item) error {
		_, err := item.Content.WriteTo(&sent)
		return err
	}); err != nil || sent.Len() > 0 || q.Stats().DamagedBatches != 1 {
		t.Errorf("%d bytes were sent, error %v, stats %+v", sent.Len(), err, q.Stats())
	}
}

func TestQueueSetsDamagedFilesAside(t *testing.T) {
	dir := t.TempDir()
	q := open(t, QueueOptions{Dir: dir})
	for epoch := range int64(maxCorrupt + 5) {
		put(t, q, epoch, 1)
	}
	names := files(t, dir)
	for _, name := range names[:maxCorrupt+2] {
		if err := os.Truncate(filepath.Join(dir, name), 60); err != nil {
			t.Fatal(err)
		}
	}
	q.Close()
	var log bytes.Buffer
	q = open(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	equal(t, drain(t, q), "10", "11", "12")
	if s := q.Stats(); s.DamagedBatches != maxCorrupt+2 {
		t.Errorf("stats %+v", s)
	}
	left := files(t, dir)
	if len(left) != maxCorrupt || left[maxCorrupt-1] != fileName(maxCorrupt+2, extCorrupt) {
		t.Errorf("left %v", left)
	}
	if !strings.Contains(log.String(), "file is damaged") || !strings.Contains(log.String(), left[0]) {
		t.Errorf("log %s", &log)
	}
	// A number in use is not used again, so nothing kept is overwritten.
	q.Close()
	q = open(t, QueueOptions{Dir: dir})
	put(t, q, 99, 1)
	if got := files(t, dir); len(got) != maxCorrupt+1 {
		t.Errorf("left %v", got)
	}
}

func TestQueueNamesAnotherFormat(t *testing.T) {
	later := header{metrics: 1}.bytes()
	later[8]++
	// Its checksum is right: it is no damage but a later program's file.
	data := binary.LittleEndian.AppendUint32(later[:48:48], crc32.Checksum(later[:48], castagnoli))
	_, err := readHeader(bytes.NewReader(data), int64(len(data)))
	if !errors.Is(err, errLater) || errors.Is(err, errDamaged) || !strings.Contains(err.Error(), "format version 2, this program reads 1") {
		t.Errorf("error %v", err)
	}
}

// FuzzQueueHeader checks that an accepted header is one that the queue would write.
func FuzzQueueHeader(f *testing.F) {
	good := stored(f, 20)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHeader(bytes.NewReader(data), int64(len(data)))
		if err == nil && !bytes.HasPrefix(data, h.bytes()) {
			t.Errorf("%q was read as %+v", data, h)
		}
	})
}

// FuzzQueueContent checks that the content of a batch stays, in whatever pieces it was
// written.
func FuzzQueueContent(f *testing.F) {
	f.Add([]byte("a.b 1 1795335122\n"), uint16(3))
	f.Add(bytes.Repeat([]byte("a.b 1 1795335122\n"), 30000), uint16(4096))
	enc, err := newEncoder()
	if err != nil {
		f.Fatal(err)
	}
	dec, err := newDecoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		var stored inMemory
		h, err := writeBatch(&stored, enc, 1, func(w io.Writer) (int, error) {
			for p := range slices.Chunk(data, int(piece)+1) {
				if _, err := w.Write(p); err != nil {
					return 0, err
				}
			}
			return min(1, len(data)), nil // a metric has a byte, at the least
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := readHeader(bytes.NewReader(stored), int64(len(stored)))
		if err != nil || got != h {
			t.Fatalf("header %+v was read as %+v, %v", h, got, err)
		}
		var out bytes.Buffer
		if _, err := decodeFrame(&out, bytes.NewReader(stored[headerSize:]), dec, h); err != nil || !bytes.Equal(out.Bytes(), data) {
			t.Errorf("%q came out as %q, %v", data, &out, err)
		}
	})
}

// inMemory is a file in memory.
type inMemory []byte

func (m *inMemory) Write(p []byte) (int, error) { *m = append(*m, p...); return len(p), nil }

func (m *inMemory) WriteAt(p []byte, off int64) (int, error) { return copy((*m)[off:], p), nil }

func (m *inMemory) Sync() error { return nil }

func (m *inMemory) Close() error { return nil }

// FuzzQueueDamage checks that a changed byte of a file is detected, unless the content is
// the same.
func FuzzQueueDamage(f *testing.F) {
	good := stored(f, 200)
	f.Add(0, byte(1), 0)
	f.Add(len(good)-1, byte(0xff), 1)
	f.Fuzz(func(t *testing.T, at int, mask byte, cut int) {
		data := bytes.Clone(good)
		if at >= 0 && at < len(data) {
			data[at] ^= mask
		}
		if cut > 0 && cut < len(data) {
			data = data[:len(data)-cut]
		}
		intact := bytes.Equal(data, good)
		h, err := readHeader(bytes.NewReader(data), int64(len(data)))
		if err == nil {
			err = verifyFrame(bytes.NewReader(data[headerSize:]), h)
		}
		if intact != (err == nil) {
			t.Errorf("changed at %d by %#x, cut by %d: %v", at, mask, cut, err)
		}
	})
}

// TestQueueFileCanNotBeDeleted checks that a file that was sent is deleted as soon as
// possible, and not sent again.
func TestQueueFileCanNotBeDeleted(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	q := open(t, QueueOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	// A directory in a file's place is not the queue's to be deleted.
	stuck := func(name string) (release func()) {
		if err := errors.Join(os.Remove(filepath.Join(dir, name)), os.MkdirAll(filepath.Join(dir, name, "x"), 0o700)); err != nil {
			t.Fatal(err)
		}
		return func() {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var releases []func()
	for epoch := range int64(3) {
		put(t, q, epoch, 5)
		name := files(t, dir)[len(files(t, dir))-1]
		if err := q.First(func(item Item) error {
			_, err := item.Content.WriteTo(io.Discard)
			releases = append(releases, stuck(name))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if batches, metrics := q.Len(); batches != 0 || metrics != 0 || len(files(t, dir)) != 3 {
		t.Errorf("%d batches, %d metrics, files %q", batches, metrics, files(t, dir))
	}
	if n := strings.Count(log.String(), "can't be removed, will try again"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
	releases[0]()
	put(t, q, 3, 5)
	equal(t, drain(t, q), "3")
	if left := files(t, dir); len(left) != 2 {
		t.Errorf("left after the next batch: %q", left)
	}
	synctest.Test(t, func(t *testing.T) {
		q.wake = make(chan struct{}, 1)
		ctx, cancel := context.WithTimeout(t.Context(), sweepPause+time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- q.Wait(ctx) }()
		synctest.Wait()
		releases[1]()
		releases[2]()
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left in the end: %q", left)
	}
}
