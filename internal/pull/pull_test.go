package pull

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var threeServers = []Socket{{"tcp", "lb:1"}, {"tcp", "lb:2"}, {"tcp", "lb:3"}}

// runFor runs p for a time on the clock of the bubble.
func runFor(t *testing.T, p *Puller, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	start := time.Now()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(start); took != d {
		t.Errorf("Run ended %v after the context", took-d)
	}
}

func sortedEpochs(m *memory) []int64 {
	all := m.epochs()
	slices.Sort(all)
	return all
}

func TestRounds(t *testing.T) {
	base := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix() // the bubble's start
	for _, test := range []struct {
		name  string
		after time.Duration // the start's offset
		takes []time.Duration
		want  []int64 // seconds after base
	}{
		{"on a fixed phase", 0, nil, []int64{0, 10, 20, 30}},
		{"the phase of the start", 3700 * time.Millisecond, nil, []int64{3, 13, 23, 33}},
		{"a slow round moves none", 0, []time.Duration{4 * time.Second}, []int64{0, 10, 20, 30}},
		{"an overrun skips", 0, []time.Duration{12 * time.Second}, []int64{0, 20, 30}},
		{"a round of one interval skips", 0, []time.Duration{10 * time.Second}, []int64{0, 20, 30}},
		{"two overruns", 0, []time.Duration{15 * time.Second, 11 * time.Second}, []int64{0, 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(test.after)
				spool := new(memory)
				round := 0
				var log logged
				p := &Puller{
					Spool: spool, Servers: threeServers[:1], Interval: 10 * time.Second, Log: log.logger(),
					Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
						if round++; round <= len(test.takes) {
							time.Sleep(test.takes[round-1])
						}
						return answer(ctx, address, info, stat)
					}),
				}
				runFor(t, p, 39*time.Second)
				got := sortedEpochs(spool)
				for i := range got {
					got[i] -= base
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("rounds at %v, %v wanted\n%s", got, test.want, log.String())
				}
			})
		})
	}
}

func TestFullQueueSkipsRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spool := &memory{waiting: 2}
		var log logged
		p := &Puller{
			Spool: spool, Servers: threeServers, Interval: time.Second, QueueSize: 5,
			Fetcher: fetchFunc(answer), Log: log.logger(),
		}
		runFor(t, p, 9500*time.Millisecond)
		if got := len(spool.epochs()); got != 3 {
			t.Errorf("%d snapshots, 3 wanted", got)
		}
		if got := log.count("level=WARN", "queue is full", "waiting=5"); got != 7 {
			t.Errorf("%d warnings, 7 wanted", got)
		}
	})
}

// TestStalledSocket holds a round with a socket that does not answer to the
// round's timeout, fractions of a second too, and the other sockets to none of it.
func TestStalledSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spool := new(memory)
		var log logged
		var fast atomic.Int32
		start := time.Now()
		p := &Puller{
			Spool: spool, Servers: threeServers, Interval: 10 * time.Second, Timeout: 700 * time.Millisecond, Workers: 1,
			Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
				if address == "lb:2" {
					<-ctx.Done()
					if took := time.Since(start); took != 700*time.Millisecond {
						t.Errorf("the round lasted %v", took)
					}
					return errors.New("read lb:2: time-out")
				}
				if err := answer(ctx, address, info, stat); err != nil {
					return err
				}
				if time.Since(start) == 0 {
					fast.Add(1)
				}
				return nil
			}),
			Log: log.logger(),
		}
		runFor(t, p, 9*time.Second)
		if fast.Load() != 2 {
			t.Errorf("%d sockets were read at once, 2 wanted", fast.Load())
		}
		wantDropped(t, spool, &log)
		if log.count("level=ERROR", "socket failed", "socket=lb:2", `error="read lb:2: time-out"`) != 1 || log.count("socket failed") != 1 {
			t.Errorf("log:\n%s", log.String())
		}
		if log.count("level=ERROR", "round dropped", "failed=1", "sockets=3", "duration=700ms") != 1 {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

func wantDropped(t *testing.T, spool *memory, log *logged) {
	t.Helper()
	if len(spool.epochs()) != 0 || spool.staged != 0 {
		t.Errorf("%d snapshots stored, %d left staged\n%s", len(spool.epochs()), spool.staged, log.String())
	}
}

func TestNoErrorEndsRun(t *testing.T) {
	cause := errors.New("input/output error")
	exists := &fs.PathError{Op: "rename", Path: "x", Err: fs.ErrExist}
	for _, test := range []struct {
		name    string
		break_  func(*Puller, *memory)
		message []string
	}{
		{"queue can't be listed", func(_ *Puller, m *memory) { m.waitingErr = cause }, []string{"round skipped", "queue can't be counted", "input/output error"}},
		{"nothing can be staged", func(_ *Puller, m *memory) { m.stageErr = cause }, []string{"round skipped", "no snapshot can be made", "input/output error"}},
		{"every name exists", func(_ *Puller, m *memory) { m.stageErr = exists }, []string{"round skipped", "no snapshot can be made", "file already exists"}},
		{"no hand-over", func(_ *Puller, m *memory) { m.commitErr = cause }, []string{"round dropped", "can't be handed over", "input/output error"}},
		{"the name exists by now", func(_ *Puller, m *memory) { m.commitErr = exists }, []string{"round dropped", "can't be handed over", "file already exists"}},
		{"no sockets", func(p *Puller, _ *memory) { p.Servers = nil }, []string{"round skipped: no socket found", errUnset.Error()}},
		{"no socket-dir", func(p *Puller, _ *memory) { p.Servers, p.SocketDir = nil, "/nonexistent" }, []string{"round skipped: no socket found", errNoDir.Error(), "socket_dir=/nonexistent"}},
		{"a comment behind socket-dir", func(p *Puller, _ *memory) { p.Servers, p.SocketDir = nil, "/nonexistent # of HAProxy" }, []string{"round skipped: no socket found", errComment.Error()}},
		{"socket-dir holds none", func(p *Puller, _ *memory) { p.Servers, p.SocketDir = nil, t.TempDir() }, []string{"round skipped: no socket found", "socket-dir holds no socket: start HAProxy"}},
		{"socket-dir is a socket", func(p *Puller, _ *memory) {
			p.Servers, p.SocketDir = nil, filepath.Join(t.TempDir(), "s")
			listen(t, p.SocketDir)
		}, []string{"round skipped: no socket found", errIsOne.Error()}},
		{"socket-dir is a file", func(p *Puller, _ *memory) { p.SocketDir = "/dev/null" }, []string{"round skipped", "socket-dir can't be read", "/dev/null: not a directory"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spool := new(memory)
				var log logged
				p := &Puller{Spool: spool, Servers: threeServers, Interval: 10 * time.Second, Fetcher: fetchFunc(answer), Log: log.logger()}
				test.break_(p, spool)
				runFor(t, p, 25*time.Second)
				wantDropped(t, spool, &log)
				if got := log.count(append(test.message, "level=ERROR")...); got != 3 {
					t.Errorf("%d of 3 rounds are logged so:\n%s", got, log.String())
				}
			})
		})
	}
}

func TestRoundAfterFailedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spool := &memory{discardErr: errors.New("device busy")}
		var log logged
		round := 0
		p := &Puller{
			Spool: spool, Servers: threeServers[:1], Interval: 10 * time.Second, Log: log.logger(),
			Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
				if round++; round == 1 {
					return errors.New("reset")
				}
				return answer(ctx, address, info, stat)
			}),
		}
		runFor(t, p, 15*time.Second)
		if len(spool.epochs()) != 1 || log.count("dropped snapshot can't be removed", "device busy") != 1 {
			t.Errorf("%d snapshots\n%s", len(spool.epochs()), log.String())
		}
		if log.count("level=INFO", "snapshot stored", "sockets=1", "bytes=24", "duration=0s") != 1 {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

// TestEndDuringRound drops the round that the end of the program cuts short, also
// where partial ones are kept: sockets that have not answered yet have not failed.
func TestEndDuringRound(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			spool := new(memory)
			var log logged
			p := &Puller{
				Spool: spool, Servers: threeServers, Interval: 10 * time.Second, KeepPartial: keep, Log: log.logger(),
				Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
					if address == "lb:1" {
						return answer(ctx, address, info, stat)
					}
					<-ctx.Done()
					return ctx.Err()
				}),
			}
			runFor(t, p, 5*time.Second)
			wantDropped(t, spool, &log)
			if log.String() != "" {
				t.Errorf("the end of the program is logged as a failure:\n%s", log.String())
			}
		})
	}
}

// TestWorkers holds concurrent writes to the number of workers, while sockets
// that have nothing to write take none.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers []Socket
		for _, c := range strings.Split("abcdefghijklmnop", "") {
			servers = append(servers, Socket{"tcp", c + ":1"})
		}
		disk := &slowDisk{memory: new(memory)}
		var log logged
		p := &Puller{
			Spool: disk, Servers: servers, Interval: time.Minute, Timeout: 50 * time.Second, Workers: 3, Log: log.logger(),
			Fetcher: fetchFunc(answer),
		}
		runFor(t, p, time.Second)
		if disk.most.Load() != 3 || len(disk.epochs()) != 1 {
			t.Errorf("%d writes at once, 3 wanted; %d snapshots\n%s", disk.most.Load(), len(disk.epochs()), log.String())
		}
	})
}

// slowDisk takes a millisecond for each write and counts those under way.
type slowDisk struct {
	*memory
	now, most atomic.Int32
}

func (d *slowDisk) Stage(epoch int64) (Stage, error) {
	s, err := d.memory.Stage(epoch)
	return slowStage{s, d}, err
}

type slowStage struct {
	Stage
	disk *slowDisk
}

func (s slowStage) Create(name string) (io.WriteCloser, error) {
	f, err := s.Stage.Create(name)
	return slowFile{f, s.disk}, err
}

type slowFile struct {
	io.WriteCloser
	disk *slowDisk
}

func (f slowFile) Write(p []byte) (int, error) {
	f.disk.most.Store(max(f.disk.most.Load(), f.disk.now.Add(1)))
	time.Sleep(time.Millisecond)
	f.disk.now.Add(-1)
	return f.WriteCloser.Write(p)
}
