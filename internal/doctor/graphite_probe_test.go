package doctor

import (
	"testing"
	"time"

	"haproxystats/internal/config"
)

// TestGraphiteLimit checks that the limit has room for a confirmation, which may take five
// seconds with any write-timeout, and that it is bounded.
func TestGraphiteLimit(t *testing.T) {
	for _, c := range []struct{ connect, write, want time.Duration }{
		{time.Second, time.Second, 15 * time.Second},
		{2 * time.Second, 8 * time.Second, 20 * time.Second},
		{time.Hour, time.Second, 36 * time.Second},
		{time.Second, time.Hour, 36 * time.Second},
	} {
		got := graphiteLimit(config.Graphite{ConnectTimeout: c.connect, WriteTimeout: c.write, ConfirmHold: 6 * time.Second})
		if got != c.want {
			t.Errorf("connect-timeout %v, write-timeout %v: %v, want %v", c.connect, c.write, got, c.want)
		}
	}
}
