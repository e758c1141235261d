package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// roundLimit is how long a round of haproxystats-pull may take.
const roundLimit = time.Minute

// PullTrial is what one run of haproxystats-pull gave.
type PullTrial struct {
	CPU   time.Duration // per round
	Peak  int64         // bytes
	Bytes int64         // pulled per round
}

func pullConfig(base, sockets string, s spool) string {
	return fmt.Sprintf(`[paths]
base-dir = %s

[pull]
socket-dir = %s
dst-dir = %s
tmp-dst-dir = %s
pull-interval = 2
pull-timeout = 60
timeout = 30
`, base, sockets, s.incoming, s.staging)
}

// Pull starts haproxystats-pull on n sockets, each with a process of the pool's
// size behind it, and measures count rounds after warm unmeasured ones, at
// least one. All replies of a process are the same.
func Pull(ctx context.Context, program Program, pool *Pool, n, warm, count int) (PullTrial, error) {
	return pull(ctx, program, pool, n, warm, count, false)
}

// PullBusy is Pull on processes with traffic: from round to round, the counters of all rows
// but those of idle servers grow.
func PullBusy(ctx context.Context, program Program, pool *Pool, n, warm, count int) (PullTrial, error) {
	return pull(ctx, program, pool, n, warm, count, true)
}

func pull(ctx context.Context, program Program, pool *Pool, n, warm, count int, busy bool) (trial PullTrial, err error) {
	base, err := os.MkdirTemp(memoryDir(), "hsbench")
	if err != nil {
		return trial, err
	}
	defer os.RemoveAll(base)
	spool, err := newSpool(base)
	if err != nil {
		return trial, err
	}
	dir := filepath.Join(base, "s")
	if err := os.Mkdir(dir, 0o750); err != nil {
		return trial, err
	}
	files := pool.rounds[0]
	served, err := serveSockets(ctx, dir, n, files)
	if err != nil {
		return trial, err
	}
	defer func() { err = errors.Join(err, served.stop()) }()
	c, err := start(program.Pull, pullConfig(base, dir, spool), base)
	if err != nil {
		return trial, err
	}
	defer c.stop()

	trial.Bytes = served.size(files)
	begun := time.Now()
	var pids []int
	var before time.Duration
	for round := range warm + count {
		next := files
		if busy {
			next = pool.live(round+1, time.Since(begun))
		}
		if err := c.until(ctx, roundLimit, func() (bool, error) { return collect(spool, trial.Bytes) }); err != nil {
			return trial, fmt.Errorf("round %d: %w", round, err)
		}
		if busy {
			served.serve(next)
			trial.Bytes = served.size(next)
		}
		if round+1 == warm {
			if pids, err = family(c.cmd.Process.Pid); err != nil {
				return trial, err
			}
			if before, err = cpuTime(pids); err != nil {
				return trial, err
			}
		}
	}
	after, err := cpuTime(pids)
	if err != nil {
		return trial, err
	}
	trial.CPU = (after - before) / time.Duration(count)
	trial.Peak, err = peakMemory(pids)
	return trial, err
}

// memoryDir is a directory in memory, where syncing costs nothing, or "" where there
// is none. A disk's share in a round differs from machine to machine.
func memoryDir() string {
	const dir = "/dev/shm"
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// collect removes a finished round, if there is one, after a look at the size of its replies.
func collect(s spool, want int64) (bool, error) {
	finished, err := filepath.Glob(filepath.Join(s.incoming, "[0-9]*"))
	if err != nil || len(finished) == 0 {
		return false, err
	}
	replies, err := filepath.Glob(filepath.Join(finished[0], "*_[is][nt][fa][ot]"))
	if err != nil {
		return false, err
	}
	var got int64
	for _, f := range replies {
		info, err := os.Stat(f)
		if err != nil {
			return false, err
		}
		got += info.Size()
	}
	if got != want {
		return false, fmt.Errorf("%s holds %d bytes in %d replies, want %d bytes", finished[0], got, len(replies), want)
	}
	return true, os.RemoveAll(finished[0])
}
