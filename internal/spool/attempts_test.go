package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/durable"
)

// crash ends a reader as a kill would: what it holds is neither committed nor
// given back.
func crash(r *Reader, held ...*Entry) {
	for _, e := range held {
		e.dir.Close()
	}
	r.Close()
}

// TestTriesOutliveTheProgram counts one try in each of three programs.
func TestTriesOutliveTheProgram(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	for i := range maxTries {
		if i > 0 && len(names(t, dir+".corrupt")) > 0 {
			t.Fatalf("given up after %d tries", i)
		}
		r := openReaderAt(t, dir, nil)
		e := claim(t, r)
		e.Release(errors.New("some cause"))
		r.Close()
	}
	if got := names(t, dir+".corrupt"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("corrupt holds %q", got)
	}
}

// TestTriedBefore gives up, before it is read again, what a program had to
// leave in the queue after its last try.
func TestTriedBefore(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2")
	for _, name := range []string{".try1", ".try2", ".try3"} {
		os.WriteFile(filepath.Join(dir, "1", name), nil, durable.FileMode)
	}
	var log journal
	r := openReaderAt(t, dir, log.logger())
	commit(t, claim(t, r))
	nothing(t, r)
	if got := names(t, dir+".corrupt"); !slices.Equal(got, []string{"1"}) || log.count("before the program started") != 1 {
		t.Errorf("corrupt holds %q, log:\n%s", got, &log)
	}
}

func TestMarksOfClaims(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	entry := filepath.Join(dir, "1")
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		for _, step := range []struct {
			end  func(*Entry)
			want []string
		}{
			{(*Entry).Postpone, []string{}},
			{func(e *Entry) { e.Release(nil) }, []string{".try1"}},
			{(*Entry).Postpone, []string{".try1"}},
			{func(e *Entry) { e.Release(nil) }, []string{".try1", ".try2"}},
		} {
			e := claim(t, r)
			if got := names(t, entry); !slices.Contains(got, ".claim1") {
				t.Errorf("claimed, it holds %q", got)
			}
			step.end(e)
			if got := names(t, entry); !slices.Equal(got, step.want) {
				t.Errorf("then it holds %q, want %q", got, step.want)
			}
		}
		claim(t, r).Release(nil)
	})
	if got := names(t, filepath.Join(dir+".corrupt", "1")); len(got) != 0 {
		t.Errorf("given up, it holds %q", got)
	}
}

// TestMarkOfAnEarlierClaim stays when a later claim ends, which has a mark of the same name:
// nothing else has been read in either program.
func TestMarkOfAnEarlierClaim(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2")
	entry := filepath.Join(dir, "1")
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		crash(r, claim(t, r), claim(t, r))
		r = openReaderAt(t, dir, nil)
		claim(t, r).Postpone()
		if got := names(t, entry); !slices.Equal(got, []string{".claim0"}) {
			t.Errorf("postponed, it holds %q", got)
		}
		r.Close()
		r = openReaderAt(t, dir, nil)
		claim(t, r).Release(errors.New("some cause"))
		if got := names(t, entry); !slices.Equal(got, []string{".claim0", ".try1"}) {
			t.Errorf("released, it holds %q", got)
		}
	})
}

// TestMarksCanNotBeMade claims and counts all the same.
func TestMarksCanNotBeMade(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		for range maxTries {
			e := claim(t, r)
			os.Remove(filepath.Join(dir, "1", ".claim1"))
			e.Release(errors.New("some cause"))
		}
		if r.Corrupt() != 1 {
			t.Errorf("%d corrupt", r.Corrupt())
		}
	})
}

// TestPoisonThatEndsTheProgram has three workers and an entry that ends the
// program at once whenever it is claimed. It is given up, and takes none of
// those with it that were in hand at the same time.
func TestPoisonThatEndsTheProgram(t *testing.T) {
	for _, poison := range []string{"1", "3", "9"} {
		dir := queue(t)
		plant(t, dir, "1", "2", "3", "4", "5", "6", "7", "8", "9")
		crashes, done := 0, 0
		synctest.Test(t, func(t *testing.T) {
			for len(names(t, dir)) > 0 {
				r := openReaderAt(t, dir, nil)
				var held []*Entry
				start := time.Now()
				for len(names(t, dir)) > 0 && !slices.ContainsFunc(held, func(e *Entry) bool { return e.Name() == poison }) {
					r.scan(r.scanWanted)
					a, _, err := r.next()
					if err != nil {
						t.Fatal(err)
					}
					if a != nil {
						if e := r.open(a); e != nil {
							held = append(held, e)
						}
						continue
					}
					if len(held) == 0 {
						time.Sleep(50 * time.Millisecond)
					}
					for _, e := range held {
						commit(t, e)
						done++
					}
					held = nil
				}
				if took := time.Since(start); took > 2*maxRetry {
					t.Fatalf("%v between two crashes", took)
				}
				crash(r, held...)
				if len(held) > 0 {
					crashes++
				}
			}
		})
		if got := names(t, dir+".corrupt"); !slices.Equal(got, []string{poison + unreadSuffix}) || done != 8 {
			t.Errorf("%s: given up %q, done with %d", poison, got, done)
		}
		if crashes > maxUnended+1 { // the first does not count: nothing else had been read
			t.Errorf("%s: %d crashes", poison, crashes)
		}
		// An operator who puts it back gets all tries again.
		os.Rename(filepath.Join(dir+".corrupt", poison+unreadSuffix), filepath.Join(dir, poison))
		commit(t, claim(t, openReaderAt(t, dir, nil)))
	}
}

// TestKilledOften loses nothing to a few kills that happen to hit one entry.
func TestKilledOften(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	synctest.Test(t, func(t *testing.T) {
		for range maxUnended - 1 {
			r := openReaderAt(t, dir, nil)
			crash(r, claim(t, r))
		}
		r := openReaderAt(t, dir, nil)
		start := time.Now()
		commit(t, claim(t, r))
		if took := time.Since(start); took > maxRetry {
			t.Errorf("claimed after %v", took)
		}
	})
}

// TestSuspectsWait lets those go first that were in nobody's hand.
func TestSuspectsWait(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2", "3", "4")
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		crash(r, claim(t, r), claim(t, r))
		r = openReaderAt(t, dir, nil)
		var got []string
		var held []*Entry
		for range 3 {
			held = append(held, claim(t, r))
			got = append(got, held[len(held)-1].Name())
		}
		if want := []string{"3", "4", "1"}; !slices.Equal(got, want) {
			t.Errorf("claimed %q, want %q", got, want)
		}
		if a, _, _ := r.next(); a != nil {
			t.Errorf("%s claimed, and another suspect is in hand", a.name)
		}
		for _, e := range held {
			commit(t, e)
		}
		if e := claim(t, r); e.Name() != "2" {
			t.Errorf("claimed %s, want 2", e.Name())
		} else {
			e.Postpone()
		}
	})
}

// TestNextSuspect: who waits for the suspect in hand learns of its end at once.
func TestNextSuspect(t *testing.T) {
	for name, end := range map[string]func(*Entry) error{
		"committed": (*Entry).Commit,
		"postponed": func(e *Entry) error { e.Postpone(); return nil },
		"given up":  func(e *Entry) error { e.Release(errors.New("some cause")); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := queue(t)
			plant(t, dir, "1", "2")
			for _, try := range []string{".try1", ".try2"} {
				os.WriteFile(filepath.Join(dir, "1", try), nil, durable.FileMode)
			}
			synctest.Test(t, func(t *testing.T) {
				r := openReaderAt(t, dir, nil)
				crash(r, claim(t, r), claim(t, r))
				r = openReaderAt(t, dir, nil)
				first := claim(t, r)
				next := make(chan *Entry, 1)
				go func() { next <- claim(t, r) }()
				synctest.Wait()
				if len(next) > 0 {
					t.Error("two suspects in hand")
				}
				if err := end(first); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if len(next) == 0 {
					t.Error("the next one is not claimed")
				}
				commit(t, <-next)
			})
		})
	}
}

// TestSuspectIsOlder: a suspect that has waited is no later than one that came
// back.
func TestSuspectIsOlder(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		crash(r, claim(t, r))
		plant(t, dir, "2")
		r = openReaderAt(t, dir, nil)
		claim(t, r).Postpone() // of 2
		time.Sleep(maxRetry)
		for _, want := range []string{"1", "2"} {
			e := claim(t, r)
			if e.Name() != want {
				t.Errorf("claimed %s, want %s", e.Name(), want)
			}
			commit(t, e)
		}
	})
}

func TestCorruptIsBounded(t *testing.T) {
	dir := queue(t)
	for i := range maxCorrupt + 5 {
		plant(t, dir+".corrupt", fmt.Sprint(1000+i))
	}
	plant(t, dir+".corrupt", "kept for later", "7.old", ".hidden")
	plant(t, dir, "1050")
	var log journal
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, log.logger())
		for range maxTries {
			claim(t, r).Release(errors.New("some cause"))
		}
	})
	got := names(t, dir+".corrupt")
	for _, name := range []string{"1006", "1050", "1050.1", "1104", "kept for later", ".hidden"} {
		if !slices.Contains(got, name) {
			t.Errorf("%q is gone", name)
		}
	}
	if len(got) != maxCorrupt+2 || slices.Contains(got, "1005") || slices.Contains(got, "7.old") {
		t.Errorf("%d are left: %q", len(got), got)
	}
	if n := log.count("oldest of the snapshots given up"); n != 7 || len(names(t, dir+".trash")) != 0 {
		t.Errorf("%d logged, trash holds %q", n, names(t, dir+".trash"))
	}
}
