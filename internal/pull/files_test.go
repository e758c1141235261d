package pull

import (
	"context"
	"errors"
	"testing"
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
