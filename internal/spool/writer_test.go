package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/snapshot"
)

func TestHandOver(t *testing.T) {
	dir := queue(t)
	w := openWriterAt(t, dir, nil)
	d, err := w.Stage(1500000000)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"haproxy.sock_info", "127.0.0.1:1_stat", "[::1]:2_info", "new\nline"} {
		f, err := d.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, name)
		f.Close()
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("visible before the commit: %q", got)
	}
	if err := d.Commit(snapshot.Round{}); err != nil {
		t.Fatal(err)
	}
	if err := d.Discard(); err != nil {
		t.Error(err)
	}
	if got := names(t, dir+".tmp"); len(got) != 0 {
		t.Errorf("left in tmp: %q", got)
	}
	final := filepath.Join(dir, "1500000000")
	info, err := os.Stat(final)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm() &^ 0o750; got != 0 {
		t.Errorf("directory has mode %o", info.Mode().Perm())
	}
	for _, name := range names(t, final) {
		b, err := os.ReadFile(filepath.Join(final, name))
		if err != nil || string(b) != name && name != snapshot.ManifestName {
			t.Errorf("%q holds %q, %v", name, b, err)
		}
		if info, _ := os.Stat(filepath.Join(final, name)); info.Mode().Perm()&^0o640 != 0 {
			t.Errorf("%q has mode %o", name, info.Mode().Perm())
		}
	}
	if n := len(names(t, final)); n != 5 {
		t.Errorf("%d files, want 4 and the manifest", n)
	}
	if err := d.Commit(snapshot.Round{}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second commit: %v", err)
	}
	if _, err := d.Create("late"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("create after commit: %v", err)
	}
}

func TestCreateRefusesNames(t *testing.T) {
	w := openWriterAt(t, queue(t), nil)
	d, err := w.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	for _, name := range []string{"", ".", "..", ".hidden", "a/b", "/etc/passwd", "../x", "nul\x00"} {
		if f, err := d.Create(name); err == nil {
			f.Close()
			t.Errorf("create %q: no error", name)
		}
	}
	target := filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(target, filepath.Join(d.path, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "twice"} {
		f, err := d.Create(name)
		if err == nil {
			f.Close()
			_, err = d.Create(name)
		}
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("create %q: %v, want one that says it exists", name, err)
		}
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("a symbolic link was followed")
	}
}

// TestManifestThatNobodyReads is not handed over.
func TestManifestThatNobodyReads(t *testing.T) {
	w := openWriterAt(t, queue(t), nil)
	d, err := w.Stage(7)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	for i := range 4 << 20 / 250 {
		d.files = append(d.files, &draftFile{File: snapshot.File{Name: fmt.Sprintf("%0250d", i)}})
	}
	if err := d.Commit(snapshot.Round{}); err == nil || !strings.Contains(err.Error(), "their manifest has more than") {
		t.Errorf("commit: %v", err)
	}
}

func TestNeverOverwrites(t *testing.T) {
	dir := queue(t)
	w := openWriterAt(t, dir, nil)
	d, err := w.Stage(7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stage(7); !errors.Is(err, fs.ErrExist) {
		t.Errorf("staged twice: %v", err)
	}
	plant(t, dir, "7") // empty: a plain rename would replace it
	if err := d.Commit(snapshot.Round{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("commit over another: %v", err)
	}
	if err := d.Discard(); err != nil {
		t.Error(err)
	}
	if _, err := w.Stage(7); !errors.Is(err, fs.ErrExist) {
		t.Errorf("stage of a waiting name: %v", err)
	}
	if got := names(t, filepath.Join(dir, "7")); len(got) != 0 {
		t.Errorf("the one that was there now holds %q", got)
	}
	if got := names(t, dir+".tmp"); len(got) != 0 {
		t.Errorf("left in tmp: %q", got)
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	dir := queue(t)
	w := openWriterAt(t, dir, nil)
	for range 3 {
		d, err := w.Stage(7)
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Create("a")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := d.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	if got := append(names(t, dir), names(t, dir+".tmp")...); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func TestStageRefusesNegative(t *testing.T) {
	w := openWriterAt(t, queue(t), nil)
	for _, epoch := range []int64{-1, math.MinInt64} {
		if _, err := w.Stage(epoch); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("stage %d: %v", epoch, err)
		}
	}
	handOver(t, w, math.MaxInt64)
}

// TestLeftoversAreCleaned removes drafts, and nothing that may be somebody's.
func TestLeftoversAreCleaned(t *testing.T) {
	dir := queue(t)
	tmp := dir + ".tmp"
	now := time.Now()
	fresh := fmt.Sprint(now.Unix())
	plant(t, tmp, "7/sub", "8", "0"+fresh, fresh, "10", "11", "2023", "2024", "keep")
	old := fmt.Sprint(now.Unix() - 1000)
	plant(t, tmp, old)
	if err := os.Chtimes(filepath.Join(tmp, old), now, now.Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"7/old_info", "9", "10/a.sock_info", "10/a.sock_stat", "11/.manifest", "2023/photo.jpg"} {
		if err := os.WriteFile(filepath.Join(tmp, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("2023", filepath.Join(tmp, "12"))
	var log journal
	w := openWriterAt(t, dir, log.logger())
	if got, want := names(t, tmp), []string{"0" + fresh, "12", old, "2023", "2024", "7", "8", "9", "keep"}; !slices.Equal(got, want) {
		t.Errorf("tmp holds %q, want %q", got, want)
	}
	if n := log.count("unfinished snapshot of an earlier run is removed"); n != 3 {
		t.Errorf("%d removals are told, want 3:\n%s", n, &log)
	}
	if n := log.count("leaving them alone"); n != 1 || log.count("2023") != 1 {
		t.Errorf("%d messages about the others, want 1:\n%s", n, &log)
	}
	for _, taken := range []int64{7, 2023, 2024, 8, 9, 12} {
		if _, err := w.Stage(taken); !errors.Is(err, fs.ErrExist) {
			t.Errorf("stage %d: got %v, want %v", taken, err, fs.ErrExist)
		}
	}
	plant(t, tmp, "13")
	os.WriteFile(filepath.Join(tmp, "13", "b_stat"), nil, 0o600)
	handOver(t, w, 13)
	if got, want := names(t, filepath.Join(dir, "13")), []string{snapshot.ManifestName, "a_info"}; !slices.Equal(got, want) {
		t.Errorf("the entry holds %q, want %q", got, want)
	}
}

// TestEmptyDraftIsKnown: a writer dies after it has made a draft, and before it has made
// a file in it. The next one removes the draft, and not an empty directory of which
// it could not make a draft.
func TestEmptyDraftIsKnown(t *testing.T) {
	dir := queue(t)
	tmp := dir + ".tmp"
	plant(t, tmp, "2024")
	w := openWriterAt(t, dir, nil)
	if _, err := w.Stage(7); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w = openWriterAt(t, dir, nil)
	if got, want := names(t, tmp), []string{"2024"}; !slices.Equal(got, want) {
		t.Errorf("tmp holds %q, want %q", got, want)
	}
	if _, err := w.Stage(2024); !errors.Is(err, fs.ErrExist) {
		t.Errorf("stage 2024: got %v, want %v", err, fs.ErrExist)
	}
	w.Close()
	openWriterAt(t, dir, nil)
	if got, want := names(t, tmp), []string{"2024"}; !slices.Equal(got, want) {
		t.Errorf("tmp holds %q, want %q", got, want)
	}
}

// finish moves a snapshot out of the queue into another directory, as if its
// writer had died before the rename.
func finish(t *testing.T, dir, to string, epochs ...int64) {
	t.Helper()
	w := openWriterAt(t, dir, nil)
	plant(t, to)
	for _, epoch := range epochs {
		handOver(t, w, epoch)
		name := fmt.Sprint(epoch)
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
}

// TestFinishedDraftIsHandedOver: its writer died between the manifest and the
// rename.
func TestFinishedDraftIsHandedOver(t *testing.T) {
	dir := queue(t)
	tmp := dir + ".tmp"
	finish(t, dir, tmp, 7)
	var log journal
	w := openWriterAt(t, dir, log.logger())
	if got, want := fmt.Sprint(names(t, dir), names(t, tmp)), "[7] []"; got != want {
		t.Errorf("queue and tmp hold %s, want %s", got, want)
	}
	if n := log.count("finished snapshot of an earlier run is handed over"); n != 1 {
		t.Errorf("%d messages, want 1:\n%s", n, &log)
	}
	w.Close()
	if got := content(t, claim(t, openReaderAt(t, dir, nil))); got != "epoch 7\n" {
		t.Errorf("it holds %q", got)
	}

	// One that the queue has already stays, and its name is not used.
	finish(t, dir+"2", tmp, 7)
	w = openWriterAt(t, dir, log.logger())
	if got, want := fmt.Sprint(names(t, dir), names(t, tmp)), "[7] [7]"; got != want {
		t.Errorf("queue and tmp hold %s, want %s", got, want)
	}
	if n := log.count("can't be handed over, leaving it"); n != 1 {
		t.Errorf("%d messages, want 1:\n%s", n, &log)
	}
	if err := os.RemoveAll(filepath.Join(dir, "7")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stage(7); !errors.Is(err, fs.ErrExist) {
		t.Errorf("stage: got %v, want %v", err, fs.ErrExist)
	}
}

// TestTmpIsAQueue refuses a place for drafts that is, or was, a queue, and touches
// nothing in it.
func TestTmpIsAQueue(t *testing.T) {
	for name, make := range map[string]func(tmp string){
		"of finished snapshots": func(tmp string) { finish(t, tmp+".queue", tmp, 7, 8) },
		"with a reader": func(tmp string) {
			finish(t, tmp+".queue", tmp, 7)
			openReaderAt(t, tmp, nil)
		},
		"with a trash":   func(tmp string) { plant(t, tmp, "7"); plant(t, tmp+".trash") },
		"with a corrupt": func(tmp string) { plant(t, tmp, "7"); plant(t, tmp+".corrupt") },
		"of claimed snapshots": func(tmp string) {
			plant(t, tmp, "7", "8")
			for _, name := range []string{"7/.claim1", "8/.try2"} {
				os.WriteFile(filepath.Join(tmp, name), nil, 0o600)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := queue(t)
			tmp := dir + ".tmp"
			make(tmp)
			before := tree(t, tmp)
			w, err := OpenWriter(WriterOptions{Dir: dir, Tmp: tmp})
			if err == nil {
				w.Close()
			}
			refused(t, err, tmp, "Set tmp-dst-dir to another directory")
			if after := tree(t, tmp); !slices.Equal(before, after) {
				t.Errorf("it holds\n%q, before\n%q", after, before)
			}
			// The refusal holds no lock.
			openWriterAt(t, dir+"3", nil)
		})
	}
}

// TestRefusedRemovalIsMadeUpFor: a draft that could not be removed goes when the
// next one is staged, and those being staged stay.
func TestRefusedRemovalIsMadeUpFor(t *testing.T) {
	dir := queue(t)
	var log journal
	w := openWriterAt(t, dir, log.logger())
	stage := func(epoch int64) *Draft {
		t.Helper()
		d, err := w.Stage(epoch)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	left, other := stage(7), stage(8)
	plant(t, dir+".tmp", "7/in the way")
	if err := left.Discard(); err == nil {
		t.Fatal("discarded what can't be")
	}
	if n := log.count("will try again"); n != 1 {
		t.Errorf("%d messages, want 1:\n%s", n, &log)
	}
	if got, want := names(t, dir+".tmp"), []string{"7", "8"}; !slices.Equal(got, want) {
		t.Errorf("tmp holds %q, want %q", got, want)
	}
	if err := os.Remove(filepath.Join(dir+".tmp", "7", "in the way")); err != nil {
		t.Fatal(err)
	}
	stage(9)
	if got, want := names(t, dir+".tmp"), []string{"8", "9"}; !slices.Equal(got, want) {
		t.Errorf("tmp holds %q, want %q", got, want)
	}
	if err := other.Commit(snapshot.Round{}); err != nil {
		t.Error(err)
	}
}

func TestDirectoriesAreMadeAgain(t *testing.T) {
	dir := queue(t)
	var log journal
	w := openWriterAt(t, dir, log.logger())
	for range 2 {
		os.RemoveAll(filepath.Dir(dir))
		if n, err := w.Waiting(); n != 0 || err != nil {
			t.Fatalf("waiting: %d, %v", n, err)
		}
		handOver(t, w, 1) // its tmp is gone, too
		d, err := w.Stage(2)
		if err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(dir)
		if err := d.Commit(snapshot.Round{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := log.count("disappeared"); n != 6 {
		t.Errorf("%d warnings, want 6: one for each time it disappeared\n%s", n, &log)
	}
	if n, err := w.Waiting(); n != 1 || err != nil {
		t.Errorf("waiting: %d, %v", n, err)
	}
}

// TestRemovedDraft says nothing of the queue, which is there.
func TestRemovedDraft(t *testing.T) {
	dir := queue(t)
	var log journal
	w := openWriterAt(t, dir, log.logger())
	d, err := w.Stage(1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Discard()
	if err := os.RemoveAll(dir + ".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(snapshot.Round{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("commit: %v", err)
	}
	if log.count("disappeared") != 0 {
		t.Errorf("log %s", &log)
	}
}

func TestWriterWaiting(t *testing.T) {
	dir := queue(t)
	w := openWriterAt(t, dir, nil)
	plant(t, dir, "1", "2", "0003", "lost+found")
	os.WriteFile(filepath.Join(dir, "4"), nil, 0o600)
	os.Symlink("1", filepath.Join(dir, "5"))
	if n, err := w.Waiting(); n != 3 || err != nil {
		t.Errorf("waiting: %d, %v, want 3", n, err)
	}
}

func TestStagedAtOnce(t *testing.T) {
	dir := queue(t)
	w := openWriterAt(t, dir, nil)
	var wg sync.WaitGroup
	for epoch := range int64(8) {
		wg.Go(func() {
			d, err := w.Stage(epoch)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Discard()
			var files sync.WaitGroup
			for i := range 20 {
				files.Go(func() {
					f, err := d.Create(fmt.Sprint("file", i))
					if err != nil {
						t.Error(err)
						return
					}
					f.Close()
				})
			}
			files.Wait()
			if err := d.Commit(snapshot.Round{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, name := range names(t, dir) {
		if n := len(names(t, filepath.Join(dir, name))); n != 21 {
			t.Errorf("%s holds %d files", name, n)
		}
	}
	if n, _ := w.Waiting(); n != 8 {
		t.Errorf("waiting: %d", n)
	}
}
