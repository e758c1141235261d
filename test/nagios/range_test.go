package nagios

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"haproxystats/internal/nagios"
	"haproxystats/test/real"
)

// TestRangesLikeOthers compares with a plugin of the Monitoring Plugins, which
// counts the faults of a cluster and compares them with a range.
func TestRangesLikeOthers(t *testing.T) {
	plugin := real.Need(t, "monitoring-plugins-basic")
	for _, text := range []string{
		"0", "1", "2", "3", "@0", "@1", "@2:3", "1:", "2:", "4:", "0:", "~:0", "~:1", "~:2", "~:", "@~:", "@~:1", "1:2", "2:2",
		"@1:2", "@2:2", "1.5:", "~:1.5", "@0.5:1.5", "-1:1", "@-3:-1", "5:1", "@5:1",
	} {
		r, err := nagios.ParseRange(text)
		for faults := range 4 {
			states := strings.Split(strings.Repeat("2,", faults)+strings.Repeat("0,", 3-faults), ",")[:3]
			out, runErr := exec.CommandContext(t.Context(), plugin, "-s", "-d", strings.Join(states, ","), "-c", text).CombinedOutput()
			status := nagios.OK
			var exit *exec.ExitError
			if errors.As(runErr, &exit) {
				status = nagios.Status(exit.ExitCode())
			}
			want := nagios.OK
			switch {
			case err != nil:
				want = nagios.Unknown
			case r.Alerts(float64(faults)):
				want = nagios.Critical
			}
			if status != want {
				t.Errorf("%s of %d: the other says %v (%s), ours %v", text, faults, status, out, want)
			}
		}
	}
}
