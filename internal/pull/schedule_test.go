package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/snapshot"
)

func at(seconds float64) time.Time {
	return time.Unix(1e9, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// pass returns when the pause that begins now ends.
func pass(s *schedule, now time.Time) time.Time {
	pause, _ := s.next(now)
	return now.Add(pause)
}

func TestSchedule(t *testing.T) {
	// now is the clock at the end of a round; the rounds start at 3.5.
	for _, test := range []struct {
		name      string
		ends      []float64
		wantPause []float64
		wantEpoch int64 // when the timer fires in time
	}{
		{"at once", []float64{3.5}, []float64{10}, 13},
		{"soon", []float64{4.25}, []float64{9.25}, 13},
		{"overrun", []float64{13.75}, []float64{9.75}, 23},
		{"at the next start", []float64{13.5}, []float64{10}, 23},
		{"timer ahead of the clock", []float64{4, 13.25}, []float64{9.5, 10.25}, 23},
		{"set back a little", []float64{4, 9}, []float64{9.5, 14.5}, 23},
		{"set back far", []float64{4, -3000}, []float64{9.5, 3.5}, -2997},
		{"set forward", []float64{4, 3600}, []float64{9.5, 3.5}, 3603},
		{"before 1970", []float64{-2e9}, []float64{3.5}, -2e9 + 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSchedule(at(3.5), 10*time.Second)
			var end time.Time
			var pause time.Duration
			for i := range test.ends {
				end = at(test.ends[i])
				pause, _ = s.next(end)
				if want := time.Duration(test.wantPause[i] * float64(time.Second)); pause != want {
					t.Errorf("pause %d is %v, %v wanted", i, pause, want)
				}
			}
			if got := s.epoch(end.Add(pause)) - 1e9; got != test.wantEpoch {
				t.Errorf("epoch %d, %d wanted", got, test.wantEpoch)
			}
		})
	}
}

// TestEpochNearSecondsEnd has timers that fire late over the end of a second.
func TestEpochNearSecondsEnd(t *testing.T) {
	start := at(0.9995)
	s := newSchedule(start, time.Second)
	now := start
	for want := int64(1e9); want < 1e9+1000; want++ {
		if got := s.epoch(now); got != want {
			t.Fatalf("epoch %d, %d wanted", got, want)
		}
		now = pass(s, now).Add(time.Duration(rand.IntN(2e6)))
	}
}

// TestLateRoundTakesItsSecond has a program suspended until shortly before a
// slot, whose round would have the name of the late one.
func TestLateRoundTakesItsSecond(t *testing.T) {
	s := newSchedule(at(3.75), time.Second)
	_, _ = s.next(at(4))
	if got := s.epoch(at(6.5)) - 1e9; got != 6 {
		t.Errorf("the late round is named %d, 6 wanted", got)
	}
	if pause, missed := s.next(at(6.625)); pause != 1125*time.Millisecond || missed != 2 {
		t.Errorf("got a pause of %v and %d missed, want one until 7.75 and 2", pause, missed)
	}
	if got := s.epoch(at(7.75)) - 1e9; got != 7 {
		t.Errorf("the next round is named %d, 7 wanted", got)
	}
}

// TestNoTwoSnapshotsOfOneName makes a million rounds on a clock that is set back
// and forth, with a queue that is emptied now and then. What the queue holds is
// never staged again: a commit to the same name would lose a snapshot.
func TestNoTwoSnapshotsOfOneName(t *testing.T) {
	rounds := 1_000_000
	if testing.Short() {
		rounds = 50_000
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	spool := new(memory)
	p := &Puller{Spool: spool, Interval: 10 * time.Second}
	var used epochs
	named := make(map[int64]int) // how many seconds had been used before each
	total, dropped := 0, 0
	taken := func(second int64) bool {
		n, ok := named[second]
		return ok && total-n <= remembered
	}
	now := at(0.9999)
	s := newSchedule(now, p.Interval)
	for round := range rounds {
		planned := s.epoch(now)
		stage, epoch, err := p.stage(planned, &used)
		if errors.Is(err, fs.ErrExist) {
			dropped++
			now = pass(s, now)
			continue
		}
		if err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		if taken(epoch) {
			// Only where every second up to the next round has been used.
			for second := planned; second < planned+10; second++ {
				if !taken(second) {
					t.Fatalf("seed %d, round %d: named %d again, and %d is free", seed, round, epoch, second)
				}
			}
		} else {
			named[epoch] = total
			total++
		}
		if off := epoch - now.Unix(); off < -1 || off >= 10 {
			t.Fatalf("seed %d, round %d: named %d at %d", seed, round, epoch, now.Unix())
		}
		if _, ok := spool.stored[epoch]; ok {
			t.Fatalf("seed %d, round %d: %d is in the queue already", seed, round, epoch)
		}
		if err := stage.Commit(snapshot.Round{}); err != nil {
			t.Fatal(err)
		}
		used.add(epoch)
		if rnd.IntN(20) == 0 {
			clear(spool.stored)
		}
		now = now.Add(time.Duration(rnd.Int64N(int64(12 * time.Second))))
		switch rnd.IntN(200) {
		case 0:
			now = now.Add(-time.Duration(rnd.Int64N(int64(time.Hour))))
		case 1:
			now = now.Add(time.Duration(rnd.Int64N(int64(time.Hour))))
		case 2:
			now = now.Add(-10 * time.Second)
		}
		now = pass(s, now).Add(time.Duration(rnd.IntN(3e6)))
	}
	if dropped > rounds/1000 {
		t.Errorf("seed %d: %d of %d rounds found no name", seed, dropped, rounds)
	}
	if len(used.used) != remembered || len(used.ring) != remembered {
		t.Errorf("%d seconds are remembered, %d wanted", len(used.used), remembered)
	}
}

// TestSecondOfADoneSnapshot is not used again, also when the queue knows nothing
// of the snapshot any more.
func TestSecondOfADoneSnapshot(t *testing.T) {
	spool := new(memory)
	var log logged
	p := &Puller{
		Spool: spool, Servers: threeServers, Fetcher: fetchFunc(answer), Interval: 10 * time.Second, Log: log.logger(),
	}
	used := new(epochs)
	for want := int64(1000); want < 1003; want++ {
		p.round(t.Context(), 1000, 0, used)
		if got := spool.epochs(); fmt.Sprint(got) != fmt.Sprint([]int64{want}) {
			t.Errorf("stored %d, want %d", got, want)
		}
		clear(spool.stored)
	}
}

// TestMissed counts rounds whose time has passed, and none that a clock which is
// set has taken.
func TestMissed(t *testing.T) {
	now := time.Now() // with a monotonic clock
	for _, test := range []struct {
		name  string
		took  time.Duration // from the slot to the end of its round
		set   time.Duration // by which the clock is set meanwhile
		want  int
		pause time.Duration
	}{
		{"soon", time.Second, 0, 0, 9 * time.Second},
		{"one interval", 10 * time.Second, 0, 1, 10 * time.Second},
		{"three intervals and a half", 35 * time.Second, 0, 3, 5 * time.Second},
		{"set forward", time.Second, time.Hour, 0, 9 * time.Second},
		{"set back", time.Second, -time.Hour, 0, 9 * time.Second},
		{"late, and set forward", 12 * time.Second, time.Hour, 1, 8 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSchedule(now, 10*time.Second)
			end := now.Add(test.took)
			// What the wall clock says is what s has planned by.
			s.slot -= int64(test.set)
			s.phase = modulo(s.slot, int64(s.interval))
			pause, missed := s.next(end)
			if missed != test.want || pause != test.pause {
				t.Errorf("got %d missed and a pause of %v, want %d and %v", missed, pause, test.want, test.pause)
			}
		})
	}
}

// TestMissedRoundsAreTold has a disk that takes two and a half intervals for a while.
func TestMissedRoundsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logged
		disk := &slowCommit{memory: new(memory), takes: 25 * time.Second}
		observer := new(seen)
		p := &Puller{
			Spool: disk, Servers: threeServers, Fetcher: fetchFunc(answer), Interval: 10 * time.Second, Log: log.logger(), Observer: observer,
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		time.Sleep(15*time.Minute + time.Second)
		cancel()
		<-done
		total := 0
		for _, n := range observer.missed {
			total += n
		}
		if want := 2 * len(disk.epochs()); total != want || total < 50 {
			t.Errorf("got %d missed, want two a snapshot, %d", total, want)
		}
		if log.count("level=WARN", "rounds missed, their time has passed", "missed=2 duration=25s", "a round takes longer than pull-interval") != 1 || log.count("rounds missed") != 2 {
			t.Errorf("want a line at once and one after ten minutes, got\n%s", log.String())
		}
		for i, r := range observer.results {
			wantMissed, wantHandOver := 2, 25*time.Second
			if i == 0 {
				wantMissed, wantHandOver = 0, 0
			}
			if r.Missed != wantMissed || r.Round.HandOver != wantHandOver {
				t.Errorf("snapshot %d: got %d missed before it and a hand-over of %v, want %d and %v",
					i, r.Missed, r.Round.HandOver, wantMissed, wantHandOver)
			}
		}
		if r := observer.results[0]; r.HandOver != 25*time.Second || r.Duration != 0 {
			t.Errorf("got %v for the sockets and %v for the hand-over, want 0 and 25s", r.Duration, r.HandOver)
		}
	})
}

// TestMissedRoundsOutliveADroppedRound has a snapshot tell of the rounds that were
// missed before a round that was dropped.
func TestMissedRoundsOutliveADroppedRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowCommit{memory: new(memory), takes: 25 * time.Second}
		observer := new(seen)
		asked := 0
		p := &Puller{
			Spool: disk, Servers: threeServers[:1], Interval: 10 * time.Second, Observer: observer,
			Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
				if asked++; asked == 2 {
					return errors.New("reset")
				}
				return answer(ctx, address, info, stat)
			}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		time.Sleep(69 * time.Second) // stored until 25, dropped at 30, stored from 40 to 65; the next round is at 70
		cancel()
		<-done
		if len(observer.results) != 3 || observer.results[1].Outcome != Dropped {
			t.Fatalf("got %+v, want three rounds, the second one dropped", observer.results)
		}
		if got := disk.last; got.Missed != 2 || got.HandOver != 25*time.Second {
			t.Errorf("got %d missed and a hand-over of %v, want 2 and 25s", got.Missed, got.HandOver)
		}
	})
}

// slowCommit is a spool whose disk takes its time.
type slowCommit struct {
	*memory
	takes time.Duration
}

func (s *slowCommit) Stage(epoch int64) (Stage, error) {
	stage, err := s.memory.Stage(epoch)
	return slowCommitStage{stage, s}, err
}

type slowCommitStage struct {
	Stage
	spool *slowCommit
}

func (s slowCommitStage) Commit(r snapshot.Round) error {
	time.Sleep(s.spool.takes)
	return s.Stage.Commit(r)
}

// TestScheduleChange: another interval moves the next round, and no other change does.
func TestScheduleChange(t *testing.T) {
	for _, test := range []struct {
		name      string
		interval  time.Duration
		now       float64
		wantPause float64
		wantEpoch int64
		wantNext  float64 // the pause after that round
	}{
		{"the same interval", 10 * time.Second, 5, 8.5, 13, 10},
		{"a longer one", 30 * time.Second, 5, 28.5, 33, 30},
		{"a shorter one", 4 * time.Second, 5, 2.5, 7, 4},
		{"a shorter one that has passed", 2 * time.Second, 8.25, 0, 8, 2},
		{"a shorter one in the second of the round", time.Second, 3.75, 0.75, 4, 1},
		{"a longer one, late", 11 * time.Second, 13.4, 1.1, 14, 11},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSchedule(at(3.5), 10*time.Second)
			s.epoch(at(3.5))
			s.next(at(3.6))
			pause := s.change(test.interval, at(test.now))
			if want := time.Duration(test.wantPause * float64(time.Second)); pause != want {
				t.Errorf("pause %v, want %v", pause, want)
			}
			begun := at(test.now).Add(pause)
			if got := s.epoch(begun) - 1e9; got != test.wantEpoch {
				t.Errorf("epoch %d, want %d", got, test.wantEpoch)
			}
			next, missed := s.next(begun)
			if want := time.Duration(test.wantNext * float64(time.Second)); next != want || missed != 0 {
				t.Errorf("then a pause of %v with %d missed, want %v and 0", next, missed, want)
			}
		})
	}
}
