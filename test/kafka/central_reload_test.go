package kafka

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/test/faults/harness"
)

// TestReloadCentral sends SIGUSR1 to one of two haproxystats-central in the middle of
// windows, each time with another configuration.
func TestReloadCentral(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{{"static members", "a", "b"}, {"dynamic members", "", ""}} {
		t.Run(c.name, func(t *testing.T) {
			row := harness.Begin(t, "SIGUSR1 to central reading Kafka, "+c.name, lastValues)
			random := harness.Random(t)
			f := newFleet(t, 3, 3)
			conf := f.configure("a", c.a)
			b := f.Start(harness.Central, f.configure("b", c.b))
			a := f.Start(harness.Central, conf)
			f.begin()
			text, err := os.ReadFile(conf)
			f.Must(err)
			changed := []string{strings.Replace(string(text), "workers = 2", "workers = 3", 1), string(text)}
			for i := range harness.Count(4, 100) {
				f.windows(2)
				f.Pause(time.Duration(random.Int64N(int64(time.Second))))
				f.Must(os.WriteFile(conf, []byte(changed[i%2]), 0o640), a.Signal(syscall.SIGUSR1))
				row.Inject(1)
				f.Until("the reload", time.Minute, func() bool {
					f.send()
					return len(a.Lines("configuration reloaded")) == i+1
				})
			}
			f.windows(2)
			f.settle(row, a, b)
		})
	}
}
