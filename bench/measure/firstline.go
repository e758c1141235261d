package measure

import (
	"context"
	"fmt"
	"os"
	"time"
)

// FirstLine starts haproxystats-process with one snapshot waiting in the spool
// and returns the time from its start to the arrival of the first line.
func FirstLine(ctx context.Context, program Program, pool *Pool) (time.Duration, error) {
	base, err := os.MkdirTemp("", "hsbench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(base)
	spool, err := newSpool(base)
	if err != nil {
		return 0, err
	}
	staged, visible, err := pool.stage(spool, 0)
	if err != nil {
		return 0, err
	}
	if err := os.Rename(staged, visible); err != nil {
		return 0, err
	}
	sink, stop, err := StartSink()
	if err != nil {
		return 0, err
	}
	defer stop()

	first := sink.First()
	begin := time.Now()
	c, err := start(program.Process, processConfig(base, spool, sink.Port()), base)
	if err != nil {
		return 0, err
	}
	defer c.stop()
	var took time.Duration
	err = c.until(ctx, snapshotLimit, func() (bool, error) {
		select {
		case at := <-first:
			took = at.Sub(begin)
			return true, nil
		default:
			return false, nil
		}
	})
	if err != nil {
		return 0, fmt.Errorf("wait for the first line: %w", err)
	}
	// A clean end: let it finish the snapshot.
	return took, c.until(ctx, snapshotLimit, gone(visible))
}
