package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"haproxystats/internal/durable"
	"haproxystats/internal/snapshot"
)

// failing is an error as reading a file returns it.
func failing(cause error) error {
	return fmt.Errorf("read a_stat: %w", &fs.PathError{Op: "read", Path: "a_stat", Err: cause})
}

// TestMachinesErrorsCostNoTry has a disk that fails for a while, for each of many
// entries. All of them are processed when it works again, and the log says so once.
func TestMachinesErrorsCostNoTry(t *testing.T) {
	for _, cause := range []error{unix.EIO, unix.ESTALE, unix.EACCES, unix.ETIMEDOUT, unix.EBADMSG} {
		t.Run(cause.Error(), func(t *testing.T) {
			dir := queue(t)
			const number = 150
			for i := range number {
				plant(t, dir, fmt.Sprint(1000+i))
			}
			var log journal
			synctest.Test(t, func(t *testing.T) {
				r := openReaderAt(t, dir, log.logger())
				start := time.Now()
				claims := 0
				for time.Since(start) < 5*time.Minute {
					claim(t, r).Release(failing(cause))
					claims++
				}
				if claims > 2*5*60 {
					t.Errorf("%d claims in 5 minutes, want about one a second", claims)
				}
				for range number {
					commit(t, claim(t, r))
				}
				if got := append(names(t, dir), names(t, dir+".corrupt")...); len(got) > 0 {
					t.Errorf("left or given up: %q", got)
				}
			})
			if n := log.count("snapshots can't be read now, will try again"); n != 1 {
				t.Errorf("%d warnings, want 1:\n%s", n, &log)
			}
			if n := log.count("all snapshots can be read again"); n != 1 {
				t.Errorf("%d messages that it is over, want 1:\n%s", n, &log)
			}
		})
	}
}

// TestContentIsBlamed: what was read and is wrong costs a try, and so does what
// is not the machine's.
func TestContentIsBlamed(t *testing.T) {
	for _, cause := range []error{
		fmt.Errorf("%w: 3 bytes", snapshot.ErrDamaged), errors.New("panic: index out of range"),
		fs.ErrNotExist, unix.ENOENT, unix.ENOTDIR, durable.ErrNotRegular,
	} {
		dir := queue(t)
		plant(t, dir, "1")
		synctest.Test(t, func(t *testing.T) {
			r := openReaderAt(t, dir, nil)
			for range maxTries {
				claim(t, r).Release(failing(cause))
			}
		})
		if got := names(t, dir+".corrupt"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("%v: corrupt holds %q, want [1]", cause, got)
		}
	}
}

// TestBadSectorHoldsUpNobody has two entries that can't be read among others.
func TestBadSectorHoldsUpNobody(t *testing.T) {
	dir := queue(t)
	for i := range 20 {
		plant(t, dir, fmt.Sprint(1000+i))
	}
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		start := time.Now()
		for done := 0; done < 18; {
			e := claim(t, r)
			if e.Name() == "1000" || e.Name() == "1007" {
				e.Release(failing(unix.EIO))
				continue
			}
			commit(t, e)
			done++
		}
		if took := time.Since(start); took > outagePause {
			t.Errorf("the others took %v, want at most %v", took, outagePause)
		}
	})
}

// TestManyUnreadableHoldUpNobody has more of them than can be tried again within a
// minute: they are older than the others, as entries of another user from a run by
// hand are.
func TestManyUnreadableHoldUpNobody(t *testing.T) {
	for _, cause := range []error{unix.EACCES, unix.EIO} {
		dir := queue(t)
		const unreadable, others = 200, 20
		for i := range unreadable + others {
			plant(t, dir, fmt.Sprint(1000+i))
		}
		synctest.Test(t, func(t *testing.T) {
			r := openReaderAt(t, dir, nil)
			start, last := time.Now(), ""
			for done := 0; done < others; {
				e := claim(t, r)
				if e.Epoch() < 1000+unreadable {
					e.Release(failing(cause))
					if time.Since(start) > 5*time.Minute {
						t.Fatalf("%v: %d of %d others came in 5 minutes, want all", cause, done, others)
					}
					continue
				}
				if e.Name() < last {
					t.Errorf("%v: got %s after %s, want the order of time", cause, e.Name(), last)
				}
				last = e.Name()
				commit(t, e)
				done++
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%v: the others took %v, want at most 10s", cause, took)
			}
		})
	}
}

// TestManyThatComeBackHoldUpNobody has a sink that takes nothing: each entry comes
// back, and the others have their first turn all the same.
func TestManyThatComeBackHoldUpNobody(t *testing.T) {
	dir := queue(t)
	const number = 50
	for i := range number {
		plant(t, dir, fmt.Sprint(1000+i))
	}
	synctest.Test(t, func(t *testing.T) {
		r := openReaderAt(t, dir, nil)
		seen := make(map[string]bool)
		for range number {
			e := claim(t, r)
			seen[e.Name()] = true
			time.Sleep(maxRetry) // a worker rests, and those that came back are due
			e.Postpone()
		}
		if len(seen) != number {
			t.Errorf("got %d of %d entries in as many claims, want each once", len(seen), number)
		}
		commit(t, claim(t, r))
		time.Sleep(maxRetry)
		for range number - 1 {
			commit(t, claim(t, r))
		}
	})
}

// TestUnreadableIsSetAside after an hour in which others could be read, and not
// while none can. It is never deleted.
func TestUnreadableIsSetAside(t *testing.T) {
	for _, others := range []bool{true, false} {
		dir := queue(t)
		plant(t, dir, "1")
		var log journal
		synctest.Test(t, func(t *testing.T) {
			w := openWriterAt(t, dir, nil)
			r := openReaderAt(t, dir, log.logger())
			start := time.Now()
			for epoch := int64(1000); time.Since(start) < 3*time.Hour && len(names(t, dir+".corrupt")) == 0; epoch++ {
				handOver(t, w, epoch)
				r.listAgain()
				for done := false; !done; {
					e := claim(t, r)
					if e.Name() == "1" || !others {
						e.Release(failing(unix.EIO))
						done = !others
						continue
					}
					commit(t, e)
					done = true
				}
				time.Sleep(10 * time.Second)
			}
			took := time.Since(start)
			if others && (took < unreadableLimit || took > unreadableLimit+5*time.Minute) {
				t.Errorf("set aside after %v, want %v", took, unreadableLimit)
			}
			for range maxCorrupt + 20 { // none of which may push it out
				handOver(t, w, time.Now().Unix())
				r.listAgain()
				for range maxTries {
					if others {
						claim(t, r).Release(errors.New("some cause"))
					}
				}
				time.Sleep(10 * time.Second)
			}
		})
		kept := slices.Contains(names(t, dir+".corrupt"), "1.unread")
		if kept != others {
			t.Errorf("others readable %t: set aside and kept %t, want %t", others, kept, others)
		}
		if n := log.count("it could not be read for 1h"); (n == 1) != others {
			t.Errorf("others readable %t: %d messages:\n%s", others, n, &log)
		}
	}
}

// TestReadThatDoesNotReturn costs no try, and leaves the mark of the claim, as the
// end of the program would.
func TestReadThatDoesNotReturn(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1")
	if err := unix.Mkfifo(filepath.Join(dir, "1", "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := openReaderAt(t, dir, nil)
	e := claim(t, r)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	hanging := &countedFile{read, &e.files.reading}
	began, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		close(began)
		hanging.Read(make([]byte, 1))
	}()
	<-began
	for e.files.reading.Load() == 0 { // until the read is under way
		<-time.After(time.Millisecond)
	}
	e.Release(errors.New("worker is stuck"))
	write.Close()
	<-ended
	if got, want := names(t, filepath.Join(dir, "1")), []string{".claim1", "fifo"}; !slices.Equal(got, want) {
		t.Errorf("the entry holds %q, want %q", got, want)
	}
	r.Close()
	if n := r.Corrupt(); n != 0 {
		t.Errorf("%d given up, want none", n)
	}
}

// TestHungDiskBlamesNobody ends the program with whatever it reads, time after
// time, until the disk works again.
func TestHungDiskBlamesNobody(t *testing.T) {
	dir := queue(t)
	plant(t, dir, "1", "2", "3")
	synctest.Test(t, func(t *testing.T) {
		for range 10 * maxUnended {
			r := openReaderAt(t, dir, nil)
			crash(r, claim(t, r))
		}
		r := openReaderAt(t, dir, nil)
		for range 3 {
			commit(t, claim(t, r))
		}
	})
	if got := append(names(t, dir), names(t, dir+".corrupt")...); len(got) > 0 {
		t.Errorf("left or given up: %q", got)
	}
}

func TestImplausibleTimes(t *testing.T) {
	dir := queue(t)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		plant(t, dir, "1", "1000000000", fmt.Sprint(now-100), fmt.Sprint(now+86400), "9223372036854775807")
		var log journal
		r := openReaderAt(t, dir, log.logger())
		r.scan(r.scanWanted)
		if got := r.Oldest(); got != 100*time.Second {
			t.Errorf("the oldest is %v old, want 1m40s", got)
		}
		held := []*Entry{claim(t, r), claim(t, r)}
		if got := r.Oldest(); got != 100*time.Second {
			t.Errorf("with claims, the oldest is %v old, want 1m40s", got)
		}
		for range 3 {
			held = append(held, claim(t, r))
		}
		for _, e := range held {
			commit(t, e)
		}
		if n := log.count("has a time in the future, or one long past"); n != 1 {
			t.Errorf("%d warnings, want 1:\n%s", n, &log)
		}
		if got := r.Oldest(); got != 0 {
			t.Errorf("in an empty queue, the oldest is %v old, want 0", got)
		}
	})
}
