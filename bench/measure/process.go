package measure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// snapshotLimit is how long one snapshot may take: the slowest implementation
// needs a quarter of a minute for the largest.
const snapshotLimit = 5 * time.Minute

// ProcessTrial is what one run of haproxystats-process gave.
type ProcessTrial struct {
	CPU       time.Duration // per snapshot
	WordCount time.Duration // CPU of "wc -l" per snapshot
	Peak      int64         // bytes
	Lines     int64         // sent per snapshot
}

// processConfig asks for the classic metric set from one worker. The original
// does not know metric-set and ignores it.
func processConfig(base string, s spool, port int) string {
	return fmt.Sprintf(`[paths]
base-dir = %s

[process]
src-dir = %s
workers = 1
metric-set = classic

[graphite]
server = 127.0.0.1
port = %d
connect-timeout = 30
write-timeout = 30
namespace = loadbalancers
prefix-hostname = false
`, base, s.incoming, port)
}

// Process starts the program, lets it work off warm snapshots unmeasured, at
// least one, and measures it over the next count. Snapshots are handed over one by one; the
// means are over the whole time, so work that a program puts off until after it
// has removed a snapshot is counted too.
func Process(ctx context.Context, program Program, pool *Pool, warm, count int) (trial ProcessTrial, err error) {
	base, err := os.MkdirTemp("", "hsbench")
	if err != nil {
		return trial, err
	}
	defer os.RemoveAll(base)
	spool, err := newSpool(base)
	if err != nil {
		return trial, err
	}
	sink, stop, err := StartSink()
	if err != nil {
		return trial, err
	}
	defer stop()

	// The first snapshot waits in the spool: the original does not see what
	// arrives while it starts.
	visible, _, err := handOver(pool, spool, 0)
	if err != nil {
		return trial, err
	}
	c, err := start(program.Process, processConfig(base, spool, sink.Port()), base)
	if err != nil {
		return trial, err
	}
	defer c.stop()

	var pids []int
	var cpuBefore time.Duration
	var linesBefore int64
	for n := 1; ; n++ {
		if err := c.until(ctx, snapshotLimit, gone(visible)); err != nil {
			return trial, fmt.Errorf("snapshot %d of size %s: %w", n, pool.Size.Name, err)
		}
		if n == warm+count {
			break
		}
		if n == warm {
			if pids, err = family(c.cmd.Process.Pid); err != nil {
				return trial, err
			}
			if cpuBefore, err = cpuTime(pids); err != nil {
				return trial, err
			}
			linesBefore, trial.WordCount = sink.Lines(), 0
		}
		var wc time.Duration
		if visible, wc, err = handOver(pool, spool, n); err != nil {
			return trial, err
		}
		trial.WordCount += wc
	}
	cpuAfter, err := cpuTime(pids)
	if err != nil {
		return trial, err
	}
	if trial.Peak, err = peakMemory(pids); err != nil {
		return trial, err
	}
	trial.CPU = (cpuAfter - cpuBefore) / time.Duration(count)
	trial.WordCount /= time.Duration(count)
	trial.Lines = (sink.Lines() - linesBefore) / int64(count)
	if trial.Lines == 0 {
		return trial, c.explain(errors.New("sent nothing"))
	}
	return trial, nil
}

// handOver makes the nth snapshot visible to the program and returns its path,
// and what "wc -l" needed for it.
func handOver(pool *Pool, s spool, n int) (visible string, wc time.Duration, err error) {
	staged, visible, err := pool.stage(s, n)
	if err != nil {
		return "", 0, err
	}
	if wc, err = wordCount(staged); err != nil {
		return "", 0, err
	}
	return visible, wc, os.Rename(staged, visible)
}

// gone reports whether a path is no more.
func gone(path string) func() (bool, error) {
	return func() (bool, error) {
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
}
