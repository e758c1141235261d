package pull

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestAlive watches a puller whose second round takes long: it shows signs of
// life while it sleeps and while a round is in time, and none while one is
// overdue.
func TestAlive(t *testing.T) {
	for _, test := range []struct {
		name           string
		interval       time.Duration // of rounds
		timeout, takes time.Duration
		least, most    time.Duration // the longest time without a sign of life
	}{
		{"sleeps long", time.Hour, 2 * time.Second, 0, 0, 5 * time.Second},
		{"rounds are short", time.Second, time.Second, 0, 0, 5 * time.Second},
		{"a round takes all its time", 10 * time.Second, 5 * time.Minute, 5 * time.Minute, 0, 5 * time.Second},
		{"a round is late to end", 10 * time.Second, 2 * time.Second, time.Minute, 0, 5 * time.Second},
		{"a round is stuck", 10 * time.Second, 2 * time.Second, 10 * time.Minute, 8 * time.Minute, 10 * time.Minute},
		{"a round has no bound", 10 * time.Second, 0, 10 * time.Minute, 0, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logged
				last := time.Now()
				var pause time.Duration
				rounds := 0
				p := &Puller{
					Spool: new(memory), Servers: threeServers[:1], Log: log.logger(),
					Interval: test.interval, Timeout: test.timeout,
					Alive: func() {
						pause = max(pause, time.Since(last))
						last = time.Now()
					},
					AliveInterval: 5 * time.Second,
					Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
						if rounds++; rounds == 2 {
							time.Sleep(test.takes) // whatever the context says
						}
						return answer(ctx, address, info, stat)
					}),
				}
				runFor(t, p, 3*time.Hour+time.Second/2)
				pause = max(pause, time.Since(last))
				if pause < test.least || pause > test.most {
					t.Errorf("no sign of life for %v, want %v to %v", pause, test.least, test.most)
				}
				if rounds < 3 {
					t.Errorf("%d rounds", rounds)
				}
			})
		})
	}
}

func TestNobodyWantsSignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		spool := new(memory)
		p := &Puller{
			Spool: spool, Servers: threeServers, Interval: 10 * time.Second, Fetcher: fetchFunc(answer), Log: log.logger(),
		}
		runFor(t, p, 25*time.Second)
		if n := len(spool.epochs()); n != 3 {
			t.Errorf("%d rounds", n)
		}
	})
}
