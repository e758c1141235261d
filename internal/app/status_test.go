package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
)

// TestStates asks a program from its start to its end.
func TestStates(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "s")
	page := openStatus(ctx, path, config.ForPull, release{version: "test", sha256: "abc"}, Log{Logger: slog.New(slog.DiscardHandler), Dropped: func() int64 { return 6 }})
	defer page.close()
	work := &pullStatus{}
	for _, step := range []struct {
		do    func()
		state status.State
		works bool
	}{
		{func() {}, status.Starting, false},
		{func() { page.running(work.tell) }, status.Running, true},
		{end, status.Ending, true},
	} {
		step.do()
		d, err := status.Ask(t.Context(), path)
		if err != nil || d.State != step.state || (d.Pull != nil) != step.works || d.Program != "haproxystats-pull" || d.LogMessagesDropped != 6 {
			t.Errorf("%s: %+v, %v", step.state, d, err)
		}
	}
}
