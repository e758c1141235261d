package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// rescan bounds how long a snapshot is overlooked that made no event.
const rescan = time.Second

// Follower follows the snapshots that haproxystats-pull puts into a spool. It claims, marks
// and locks none: haproxystats-process takes them out meanwhile.
type Follower struct {
	// Dir is the spool.
	Dir string
	// Patience is the time without a snapshot after which that is an error.
	Patience time.Duration

	watcher *spool.Watcher
	last    int64 // the newest snapshot that was returned
	waited  time.Time
	missing int // snapshots in succession that were gone before they were read
}

// Names implements [Source].
func (f *Follower) Names() string { return "the snapshots in " + f.Dir }

// Next implements [Source].
func (f *Follower) Next(ctx context.Context) (*Round, error) {
	if f.waited.IsZero() {
		f.waited = time.Now()
	}
	for ctx.Err() == nil {
		if f.watcher == nil {
			// Entries that come before the list are in it, and later ones make an event.
			f.watcher, _ = spool.NewWatcher(f.Dir) // without, the list is made every second
		}
		round, err := f.newest()
		if round != nil {
			f.last, f.waited, f.missing = round.Snapshot.Epoch, time.Now(), 0
			return round, nil
		}
		if err == nil && time.Since(f.waited) > f.Patience {
			err = f.late()
		}
		if err != nil {
			f.waited = time.Now()
			if e := f.wait(ctx); e != nil {
				return nil, e
			}
			return nil, err
		}
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
	return nil, ctx.Err()
}

func (f *Follower) late() error {
	err := fmt.Errorf("no snapshot has come to %s for %v", f.Dir, f.Patience.Round(time.Second))
	if f.missing > 0 {
		err = fmt.Errorf("each snapshot in %s was gone before it could be read", f.Dir)
		return &Problem{err, "Ask the sockets instead: leave --follow and --spool out"}
	}
	return &Problem{err, "Run haproxystats doctor, which reports whether haproxystats-pull runs"}
}

func (f *Follower) wait(ctx context.Context) error {
	if f.watcher == nil {
		return wait(ctx, rescan)
	}
	ok, err := f.watcher.Wait(ctx, rescan)
	if !ok {
		f.watcher.Close()
		f.watcher = nil
	}
	return err
}

// Close ends the watch.
func (f *Follower) Close() error {
	if f.watcher == nil {
		return nil
	}
	return f.watcher.Close()
}

// newest returns the newest snapshot, unless it is known already or has gone.
func (f *Follower) newest() (*Round, error) {
	listed, err := spool.List(f.Dir)
	if err != nil {
		return nil, spoolProblem(f.Dir, err)
	}
	if len(listed) == 0 {
		return nil, nil
	}
	newest := listed[len(listed)-1]
	// An older one is what is left after the newest was taken out, unless nothing else comes:
	// then the clock was set back.
	if newest.Epoch == f.last || newest.Epoch < f.last && time.Since(f.waited) <= f.Patience {
		return nil, nil
	}
	s, err := load(newest.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, snapshot.ErrDamaged) {
		f.missing++
		return nil, nil // it was taken out while it was read
	}
	if err != nil {
		return nil, spoolProblem(f.Dir, err)
	}
	r := &Round{At: time.Unix(newest.Epoch, 0), Snapshot: s}
	if s.Round != nil {
		for i, failed := range s.Round.Failures {
			name := failed.Socket
			if i < len(s.Round.Down) {
				name = s.Round.Down[i]
			}
			r.Failures = append(r.Failures, Failure{Name: name, Socket: failed.Socket, Problem: failed.Cause})
		}
	}
	return r, nil
}

func spoolProblem(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Problem{fmt.Errorf("%s does not exist", dir), "Name the directory that dst-dir of haproxystats-pull names: --spool DIR"}
	case errors.Is(err, fs.ErrPermission):
		return &Problem{err, "Run it as the user of haproxystats-pull, as in: sudo -u haproxystats haproxystats top --follow"}
	}
	return &Problem{err, ""}
}

// load reads the files of a snapshot. All are open before the first is read, because they may
// be removed meanwhile.
func load(path string) (s snapshot.Snapshot, err error) {
	view, err := spool.OpenView(path, nil)
	if err != nil {
		return s, err
	}
	defer view.Close()
	if s, err = view.Snapshot(); err != nil {
		return s, err
	}
	entries, err := fs.ReadDir(s.Files, ".")
	if err != nil {
		return s, err
	}
	open := make(map[string]fs.File)
	defer func() {
		for _, file := range open {
			file.Close()
		}
	}()
	for _, e := range entries {
		if !e.Type().IsRegular() || snapshot.IsHidden(e.Name()) {
			continue
		}
		file, err := s.Files.Open(e.Name())
		if err != nil {
			return s, err
		}
		open[e.Name()] = file
	}
	files, left := make(snapshot.Memory), int64(maxReplies)
	for name, file := range open {
		text, err := io.ReadAll(io.LimitReader(file, left+1))
		if err != nil {
			return s, err
		}
		if left -= int64(len(text)); left < 0 {
			return s, errMemory
		}
		files[name] = text
	}
	s.Files = files
	return s, nil
}

// FollowerPatience returns the time without a snapshot after which something is wrong.
func FollowerPatience(interval time.Duration) time.Duration {
	return max(30*time.Second, 3*min(interval, time.Hour))
}
