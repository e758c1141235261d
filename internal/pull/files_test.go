package pull

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"
)

// TestDiskIsToBlameOnlyWhenItIsBusy writes when the round is over already.
func TestDiskIsToBlameOnlyWhenItIsBusy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &files{ctx: ctx, workers: make(chan struct{}, 1)}
	for range 50 { // a choice between two would be made at random
		if err := f.work(func() error { return nil }); err != nil {
			t.Fatalf("with a free worker: %v", err)
		}
	}
	f.workers <- struct{}{}
	err := f.work(func() error { panic("no worker is free") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with no free worker: %v", err)
	}
}

// TestFileThatCanNotBeClosed may lack what was written to it.
func TestFileThatCanNotBeClosed(t *testing.T) {
	for _, name := range []string{"lb:2_info", "lb:2_stat"} {
		t.Run(name, func(t *testing.T) {
			spool := &memory{closeErr: map[string]error{name: syscall.EIO}}
			var log logged
			p := &Puller{
				Spool: spool, Servers: threeServers, Fetcher: fetchFunc(answer), Interval: 10 * time.Second, Log: log.logger(),
			}
			p.round(t.Context(), 1000, 0, new(epochs))
			wantDropped(t, spool, &log)
			if log.count("socket failed", "lb:2", syscall.EIO.Error()) != 1 {
				t.Errorf("log:\n%s", log.String())
			}
		})
	}
}
