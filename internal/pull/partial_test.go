package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/haproxy"
	"haproxystats/internal/haproxysim"
)

// TestPartialRounds fails some of three sockets, with what they had written by
// then, in either mode.
func TestPartialRounds(t *testing.T) {
	for _, test := range []struct {
		name   string
		keep   bool
		fail   []string
		stored []string // sockets; nil: no snapshot
	}{
		{"none fails", true, nil, []string{"lb:1", "lb:2", "lb:3"}},
		{"one fails", true, []string{"lb:2"}, []string{"lb:1", "lb:3"}},
		{"all but one fail", true, []string{"lb:1", "lb:3"}, []string{"lb:2"}},
		{"all fail", true, []string{"lb:1", "lb:2", "lb:3"}, nil},
		{"one fails, discarding", false, []string{"lb:2"}, nil},
		{"none fails, discarding", false, nil, []string{"lb:1", "lb:2", "lb:3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spool := new(memory)
				var log logged
				p := &Puller{
					Spool: spool, Servers: threeServers, Interval: 10 * time.Second, KeepPartial: test.keep, Log: log.logger(),
					Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
						time.Sleep(300 * time.Millisecond)
						if err := answer(ctx, address, info, stat); err != nil {
							return err
						}
						if slices.Contains(test.fail, address) {
							return errors.New("reset of " + address)
						}
						return nil
					}),
				}
				p.round(t.Context(), 1000, 7*time.Millisecond, new(epochs))
				if got := log.count("level=ERROR", "socket failed", `error="reset of `); got != len(test.fail) {
					t.Errorf("%d sockets are logged as failed:\n%s", got, log.String())
				}
				if test.stored == nil {
					wantDropped(t, spool, &log)
					if log.count("level=ERROR", "round dropped", "sockets=3") != 1 {
						t.Errorf("log:\n%s", log.String())
					}
					return
				}
				var want []string
				for _, s := range test.stored {
					want = append(want, s+"_info", s+"_stat")
				}
				if got := slices.Sorted(maps.Keys(spool.stored[1000])); !slices.Equal(got, want) || spool.staged != 0 {
					t.Errorf("stored %q, want %q; %d left staged", got, want, spool.staged)
				}
				var failed []string
				for _, f := range spool.last.Failures {
					failed = append(failed, f.Socket)
					if f.Cause != "reset of "+f.Socket {
						t.Errorf("%s: got %s, want reset of it", f.Socket, f.Cause)
					}
				}
				if !slices.Equal(failed, test.fail) || spool.last.Duration != 300*time.Millisecond || spool.last.Skew != 7*time.Millisecond {
					t.Errorf("committed as %+v", spool.last)
				}
				line := []string{"level=INFO", `msg="snapshot stored"`, "bytes=72"}
				if len(test.fail) > 0 {
					line = []string{"level=WARN", "stored without the sockets", "sockets=3", fmt.Sprintf("bytes=%d", 24*len(test.stored))}
				}
				if log.count(line...) != 1 {
					t.Errorf("log:\n%s", log.String())
				}
			})
		})
	}
}

func TestPartialRoundThatCanNotBeCleaned(t *testing.T) {
	spool := &memory{removeErr: errors.New("read-only file system")}
	var log logged
	p := &Puller{
		Spool: spool, Servers: threeServers, Interval: 10 * time.Second, KeepPartial: true, Log: log.logger(),
		Fetcher: fetchFunc(func(ctx context.Context, address string, info, stat io.Writer) error {
			if address == "lb:1" {
				return errors.New("reset")
			}
			return answer(ctx, address, info, stat)
		}),
	}
	p.round(t.Context(), 1000, 0, new(epochs))
	wantDropped(t, spool, &log)
	if log.count("level=ERROR", "round dropped", "read-only file system") != 1 {
		t.Errorf("log:\n%s", log.String())
	}
}

// TestFailedFileLeavesNothing fails the second file of a socket, so that its
// first one is there and its second is not.
func TestFailedFileLeavesNothing(t *testing.T) {
	spool := &fullDisk{memory: new(memory), refuse: "lb:1_stat"}
	var log logged
	p := &Puller{
		Spool: spool, Servers: threeServers, Interval: 10 * time.Second, KeepPartial: true, Log: log.logger(),
		Fetcher: fetchFunc(answer),
	}
	p.round(t.Context(), 1000, 0, new(epochs))
	want := []string{"lb:2_info", "lb:2_stat", "lb:3_info", "lb:3_stat"}
	if got := slices.Sorted(maps.Keys(spool.stored[1000])); !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q\n%s", got, want, log.String())
	}
}

// fullDisk refuses to create one file.
type fullDisk struct {
	*memory
	refuse string
}

func (d *fullDisk) Stage(epoch int64) (Stage, error) {
	s, err := d.memory.Stage(epoch)
	return fullStage{s, d.refuse}, err
}

type fullStage struct {
	Stage
	refuse string
}

func (s fullStage) Create(name string) (io.WriteCloser, error) {
	if name == s.refuse {
		return nil, errors.New("no space left on device")
	}
	return s.Stage.Create(name)
}

// TestPartialRoundOfSimulatedSockets breaks one real socket in every way; the
// others' replies are stored as they are.
func TestPartialRoundOfSimulatedSockets(t *testing.T) {
	dir := t.TempDir()
	node, server := simulate(t, dir)
	for name, fault := range map[string]haproxysim.Fault{
		"cut":    {Kind: haproxysim.Cut, At: 3000},
		"reset":  {Kind: haproxysim.Reset, At: 10},
		"stall":  {Kind: haproxysim.Stall, At: 2000},
		"denied": {Kind: haproxysim.Text, Text: "Permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			spool := new(memory)
			var log logged
			p := &Puller{
				Spool: spool, Fetcher: new(haproxy.Client), SocketDir: dir, Servers: []Socket{server},
				Interval: 10 * time.Second, Timeout: 10 * time.Second, KeepPartial: true, Log: log.logger(),
			}
			if fault.Kind == haproxysim.Stall {
				p.Timeout = 500 * time.Millisecond
			}
			s := node.sockets["admin3.sock"]
			s.SetFault(fault)
			p.round(t.Context(), 1000, 0, new(epochs))
			s.SetFault(haproxysim.Fault{})
			stored := spool.stored[1000]
			if len(stored) != len(node.files)-2 || len(spool.last.Failures) != 1 {
				t.Fatalf("%d files, %+v\n%s", len(stored), spool.last, log.String())
			}
			if down := spool.last.Down; len(down) != 1 || down[0] != "admin3.sock" {
				t.Errorf("got the failed sockets %q, want admin3.sock", down)
			}
			for file, got := range stored {
				if want := node.files[file]; string(got) != string(want) {
					t.Errorf("%s: %d bytes, %d wanted", file, len(got), len(want))
				}
			}
		})
	}
}

// TestSkew measures how late a round begins, and takes no clock that was set
// back for it.
func TestSkew(t *testing.T) {
	for _, test := range []struct {
		late, want time.Duration
	}{
		{0, 0},
		{3 * time.Millisecond, 3 * time.Millisecond},
		{4 * time.Second, 4 * time.Second},
		{-time.Hour, 0},
	} {
		s := newSchedule(at(100.25), 10*time.Second)
		slot := pass(s, at(100.25))
		if got := s.skew(slot.Add(test.late)); got != test.want {
			t.Errorf("%v late: %v, want %v", test.late, got, test.want)
		}
	}
}
