package main

import (
	"context"
	"errors"
	"os"
	"time"
)

const (
	// frame is the time between two looks at what arrived.
	frame = 250 * time.Millisecond
	// extra is how long the demo goes on to have at least one snapshot checked.
	extra = 20 * time.Second
)

// show plays on an open stage.
type show struct {
	stage  *stage
	store  *store
	screen *screen // nil where nobody watches
	start  time.Time
	length time.Duration // 0: until ctx ends

	board    board
	audit    audit
	expected int
}

// play goes on until the length is over and a snapshot has been checked, or
// ctx ends, or something breaks.
func (s *show) play(ctx context.Context) (verdict, error) {
	parent := os.Getppid()
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.verdict(), nil
		case now := <-ticker.C:
			if err := s.step(ctx, now); err != nil && ctx.Err() == nil {
				return verdict{}, err
			}
			if s.over(now) {
				return s.verdict(), nil
			}
		}
		// `go run` dies of a SIGTERM without a word to the program it runs.
		if os.Getppid() != parent {
			return verdict{}, errors.New("the program that started the demo has ended")
		}
	}
}

// step takes in what arrived, compares it, and draws.
func (s *show) step(ctx context.Context, now time.Time) error {
	if err := s.stage.alive(); err != nil {
		return err
	}
	for _, snap := range s.store.take(now) {
		s.board.take(snap)
		s.audit.check(snap)
	}
	if !s.audit.pending() {
		want, err := accounted(ctx, s.stage.balancers)
		if err != nil {
			return err
		}
		s.expected = len(want)
		s.audit.expect(want, time.Now().Unix())
	}
	if s.screen != nil {
		s.screen.draw(s.view())
	}
	return nil
}

func (s *show) over(now time.Time) bool {
	if s.length == 0 {
		return false
	}
	late := now.Sub(s.start) - s.length
	return late >= 0 && (s.audit.checked > 0 || late >= extra)
}

func (s *show) view() view {
	v := s.board.view()
	v.elapsed = time.Since(s.start)
	v.expected, v.checked, v.missing = s.expected, s.audit.checked, len(s.audit.missing)
	v.sent = s.stage.traffic.Sent()
	return v
}

func (s *show) verdict() verdict {
	return verdict{
		view: s.view(), missing: s.audit.missing, badLines: s.stage.receiver.Bad(),
		unexpected: s.stage.traffic.Unexpected(), logs: s.stage.logs(),
	}
}
