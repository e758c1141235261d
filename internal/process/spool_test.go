package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// directories makes a spool the source, as the program does.
type directories struct{ *spool.Reader }

func (d directories) Claim(ctx context.Context) (Claim, error) {
	e, err := d.Reader.Claim(ctx)
	if err != nil {
		return nil, err
	}
	return entry{e}, nil
}

type entry struct{ *spool.Entry }

func (entry) Lane() string { return "" }

// TestSpool uses real directories with two workers, a sink that fails at times, a snapshot
// that can't be processed first in the queue, a FIFO, and a restart in the middle. Nothing
// is lost, and only snapshots that were in hand at the restart are delivered again, and to
// the steady sink also those that waited for the other one.
func TestSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "incoming")
	w, err := spool.OpenWriter(spool.WriterOptions{Dir: dir, Tmp: dir + ".tmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	recording, err := os.ReadFile("../../testdata/recordings/1.6.0-nbproc4/1795335509/admin1.sock_stat")
	if err != nil {
		t.Fatal(err)
	}
	const first, last, workers = 1500000000, 1500000060, 2
	handOver := func(epoch int64) {
		d, err := w.Stage(epoch)
		if err != nil {
			t.Error(err)
			return
		}
		defer d.Discard()
		f, err := d.Create("a_info")
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprintln(f, epoch)
		f.Write(recording)
		f.Close()
		if err := d.Commit(snapshot.Round{}); err != nil {
			t.Error(err)
		}
	}
	plant := func(epoch int64, special bool) {
		path := filepath.Join(dir, fmt.Sprint(epoch))
		if err := os.Mkdir(path, 0o750); err != nil {
			t.Fatal(err)
		}
		if special {
			if err := unix.Mkfifo(filepath.Join(path, "a_info"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	plant(1, false)
	plant(2, true)

	read := func(epoch int64, files fs.FS) error {
		b, err := fs.ReadFile(files, "a_info")
		if err != nil {
			return err
		}
		if want := fmt.Appendf(nil, "%d\n%s", epoch, recording); !bytes.Equal(b, want) {
			t.Errorf("%d: read %d bytes, want %d", epoch, len(b), len(want))
		}
		return nil
	}
	var mu sync.Mutex
	calls := 0
	all := make(chan struct{})
	fragile := newRecorder("fragile", func(context.Context, int64) error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls%7 == 0 {
			return errors.New("disk full")
		}
		return nil
	})
	seen := make(map[int64]bool)
	steady := newRecorder("steady", func(_ context.Context, epoch int64) error {
		mu.Lock()
		defer mu.Unlock()
		if seen[epoch] = true; len(seen) == last-first && all != nil {
			close(all)
			all = nil
		}
		return nil
	})
	ended := all

	program := func(ctx context.Context) {
		r, err := spool.OpenReader(spool.ReaderOptions{Dir: dir})
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		p := New(Options{
			Source: directories{r}, Sinks: []Sink{fragile, steady},
			NewAggregator: newAggregator(read), Workers: workers,
		})
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	}
	restarts, waited := 0, 0
	var wg sync.WaitGroup
	wg.Go(func() {
		for epoch := int64(first); epoch < last; epoch++ {
			handOver(epoch)
		}
	})
	for done := false; !done; restarts++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(restarts+1)*200*time.Millisecond)
		program(ctx)
		cancel()
		n, err := w.Waiting()
		if err != nil {
			t.Fatal(err)
		}
		waited += n
		select {
		case <-ended:
			done = n == 0
		default:
		}
		if restarts > 100 {
			t.Fatalf("%d still wait", n)
		}
	}
	wg.Wait()
	for r, most := range map[*recorder]int{fragile: restarts * workers, steady: restarts*workers + waited} {
		repeats := 0
		for epoch := int64(first); epoch < last; epoch++ {
			if r.got[epoch] == 0 {
				t.Errorf("%s never got %d", r.name, epoch)
			}
			repeats += r.got[epoch] - 1
		}
		if len(r.got) != last-first {
			t.Errorf("%s got %d snapshots, want %d", r.name, len(r.got), last-first)
		}
		if repeats > most {
			t.Errorf("%s: %d repeats in %d restarts of %d workers, want at most %d", r.name, repeats, restarts, workers, most)
		}
	}
	corrupt, err := os.ReadDir(dir + ".corrupt")
	if err != nil || len(corrupt) != 2 {
		t.Errorf("corrupt holds %v, %v", corrupt, err)
	}
	for _, d := range []string{dir, dir + ".tmp", dir + ".trash"} {
		if left, err := os.ReadDir(d); err != nil || len(left) != 0 {
			t.Errorf("%s holds %v, %v", d, left, err)
		}
	}
}

// TestSinkThatAcceptsNothing delays no other sink: each snapshot reaches that one at
// once, however many wait for the broken one.
func TestSinkThatAcceptsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "incoming")
	const first, last = 1500000000, 1500000030
	for epoch := first; epoch < last; epoch++ {
		if err := os.MkdirAll(filepath.Join(dir, fmt.Sprint(epoch)), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r, err := spool.OpenReader(spool.ReaderOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		broken := newRecorder("broken", func(context.Context, int64) error { return errors.New("disk full") })
		works := newRecorder("works", func(context.Context, int64) error { return nil })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		p := New(Options{
			Source: directories{r}, Sinks: []Sink{broken, works},
			NewAggregator: newAggregator(func(int64, fs.FS) error { return nil }), Workers: 1,
		})
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
		for epoch := int64(first); epoch < last; epoch++ {
			if n := works.got[epoch]; n != 1 {
				t.Errorf("the sink that works got %d %d times, want once", epoch, n)
			}
		}
		calls := 0
		for _, n := range broken.calls {
			calls += n
		}
		if most := 2 * (last - first); calls > most {
			t.Errorf("the broken sink was called %d times in 10 s, want at most %d", calls, most)
		}
	})
}
