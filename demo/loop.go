package main

import (
	"context"
	"errors"
	"os"
	"time"
)

const (
	// frame is the time between two pictures.
	frame = 250 * time.Millisecond
	// extra is the time that the demo adds until at least one snapshot has been checked.
	extra = 20 * time.Second
)

// loop reads, checks and draws the snapshots that arrive.
type loop struct {
	env    *environment
	store  *store
	screen *screen // nil if the output is not a terminal
	start  time.Time
	length time.Duration // 0: until ctx ends

	board    board
	audit    audit
	expected int
}

// run draws until the length is over and a snapshot has been checked. It ends early
// when ctx ends or a program fails.
func (l *loop) run(ctx context.Context) (verdict, error) {
	err := pace(ctx, func(now time.Time) (bool, error) {
		err := l.step(ctx, now)
		return l.over(now), err
	})
	if err != nil {
		return verdict{}, err
	}
	return l.verdict(), nil
}

// pace calls step once a frame until it reports that the demo is over, or ctx ends. An
// error that follows from the end of ctx is none.
func pace(ctx context.Context, step func(now time.Time) (over bool, err error)) error {
	parent := os.Getppid()
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			over, err := step(now)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if over {
				return nil
			}
		}
		// `go run` dies of a SIGTERM without a word to the program it runs.
		if os.Getppid() != parent {
			return errors.New("the program that started the demo has ended")
		}
	}
}

// step compares the snapshots that have arrived, and draws the newest.
func (l *loop) step(ctx context.Context, now time.Time) error {
	if err := l.env.alive(); err != nil {
		return err
	}
	for _, snap := range l.store.take(now) {
		l.board.take(snap)
		l.audit.check(snap)
	}
	if !l.audit.pending() {
		want, err := accounted(ctx, l.env.balancers)
		if err != nil {
			return err
		}
		l.expected = len(want)
		l.audit.expect(want, time.Now().Unix())
	}
	if l.screen != nil {
		l.screen.draw(l.view())
	}
	return nil
}

func (l *loop) over(now time.Time) bool {
	if l.length == 0 {
		return false
	}
	late := now.Sub(l.start) - l.length
	return late >= 0 && (l.audit.checked > 0 || late >= extra)
}

func (l *loop) view() view {
	v := l.board.view()
	v.elapsed = time.Since(l.start)
	v.expected, v.checked, v.missing = l.expected, l.audit.checked, len(l.audit.missing)
	v.sent = l.env.traffic.Sent()
	return v
}

func (l *loop) verdict() verdict {
	return verdict{
		view: l.view(), missing: l.audit.missing, badLines: l.env.receiver.Bad(),
		unexpected: l.env.traffic.Unexpected(), logs: l.env.logs(),
	}
}
