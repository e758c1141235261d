package pull

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// seen is an observer that keeps what it is told.
type seen struct {
	begun   []time.Time
	ended   []time.Time
	results []Result
	missed  []int
}

func (s *seen) RoundsMissed(_ time.Time, n int) { s.missed = append(s.missed, n) }

func (s *seen) RoundBegun(now time.Time) { s.begun = append(s.begun, now) }

func (s *seen) RoundEnded(now time.Time, r Result) {
	s.ended, s.results = append(s.ended, now), append(s.results, r)
}

// TestObserver makes one round of every kind.
func TestObserver(t *testing.T) {
	for _, test := range []struct {
		name    string
		arrange func(*Puller, *memory)
		outcome Outcome
		cause   error
		sockets int
		failed  int
	}{
		{"stored", func(*Puller, *memory) {}, Stored, nil, 3, 0},
		{"partial", func(p *Puller, _ *memory) { p.KeepPartial = true; failing(p, "lb:2") }, Partial, nil, 3, 1},
		{"dropped", func(p *Puller, _ *memory) { failing(p, "lb:2", "lb:3") }, Dropped, errSocket, 3, 2},
		{"not handed over", func(_ *Puller, m *memory) { m.commitErr = fs.ErrPermission }, Dropped, fs.ErrPermission, 3, 0},
		{"not counted", func(_ *Puller, m *memory) { m.waitingErr = fs.ErrPermission }, Skipped, fs.ErrPermission, 0, 0},
		{"full", func(p *Puller, _ *memory) { p.QueueSize = 5 }, Skipped, errFull, 0, 0},
		{"no socket", func(p *Puller, _ *memory) { p.Servers = nil }, Skipped, errUnset, 0, 0},
		{"not listed", func(p *Puller, _ *memory) { p.SocketDir = "result.go" }, Skipped, errUnlisted, 0, 0},
		{"not staged", func(_ *Puller, m *memory) { m.stageErr = fs.ErrPermission }, Skipped, fs.ErrPermission, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spool := &memory{waiting: 5}
				var log logged
				observer := new(seen)
				p := &Puller{
					Spool: spool, Servers: threeServers, Interval: 10 * time.Second, Log: log.logger(), Observer: observer,
					Fetcher: fetchFunc(answer),
				}
				test.arrange(p, spool)
				start := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- p.Run(ctx) }()
				time.Sleep(time.Second)
				synctest.Wait()
				cancel()
				<-done
				if len(observer.begun) != 1 || !observer.begun[0].Equal(start) || len(observer.results) != 1 || !observer.ended[0].Equal(start.Add(pauseOf(test.failed))) {
					t.Fatalf("begun %v, ended %v", observer.begun, observer.ended)
				}
				r := observer.results[0]
				if r.Outcome != test.outcome || !errors.Is(r.Cause, test.cause) || r.Sockets != test.sockets || r.SocketsFailed != test.failed {
					t.Errorf("%+v", r)
				}
				if spool.waitingErr == nil && r.Waiting != 5 {
					t.Errorf("%d waiting", r.Waiting)
				}
				if stored := test.outcome == Stored || test.outcome == Partial; stored != (r.Epoch == start.Unix()) {
					t.Errorf("epoch %d", r.Epoch)
				}
			})
		})
	}
}

func pauseOf(failed int) time.Duration {
	if failed > 0 {
		return 200 * time.Millisecond
	}
	return 0
}

// failing makes some sockets fail after a while.
func failing(p *Puller, addresses ...string) {
	p.Fetcher = fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
		if strings.Contains(strings.Join(addresses, " "), address) {
			time.Sleep(pauseOf(1))
			return errors.New("reset")
		}
		return answer(ctx, address, info, stat)
	})
}

// TestObserverOfAnEnd shows that the observer does not get a round that the end of
// the program interrupted.
func TestObserverOfAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observer := new(seen)
		var log logged
		p := &Puller{
			Spool: new(memory), Servers: threeServers, Interval: 10 * time.Second, Log: log.logger(), Observer: observer,
			Fetcher: fetchFunc(func(ctx context.Context, _ string, _, _ io.Writer) error {
				<-ctx.Done()
				return ctx.Err()
			}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		cancel()
		<-done
		if len(observer.begun) != 1 || len(observer.results) != 0 {
			t.Errorf("%d begun, results %+v", len(observer.begun), observer.results)
		}
	})
}
