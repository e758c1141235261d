package graphite

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/sink"
	"haproxystats/internal/sink/sinktest"
)

// TestHealth has a server that works, is down and comes back.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var received bytes.Buffer
		p := new(peers)
		up := func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.serve = append(p.serve, func(d *duplex) { io.Copy(&received, d) })
		}
		o, _ := inMemory(t, p)
		s := New(o)
		if got := s.Health(); got != (sink.Health{}) {
			t.Errorf("at first %+v", got)
		}
		deliver := func(epoch int64) {
			t.Helper()
			time.Sleep(time.Hour)
			if err := s.Deliver(t.Context(), sinktest.Batch(epoch)); err != nil {
				t.Fatal(err)
			}
		}
		up()
		deliver(1000)
		confirmed := time.Now()
		if got := s.Health(); got != (sink.Health{Confirmed: confirmed}) {
			t.Errorf("while it is up %+v", got)
		}
		deliver(1001)
		down := time.Now()
		for range 2 {
			got := s.Health()
			if !got.Confirmed.Equal(confirmed) || !got.Down.Equal(down) || !errors.Is(got.Cause, syscall.ECONNREFUSED) {
				t.Errorf("while it is down %+v", got)
			}
			deliver(1002)
		}
		up()
		if err := o.Queue.First(func(metrics, size int64, content io.WriterTo) error {
			server, err := s.relays.send(t.Context(), time.Minute, func(w io.Writer) error {
				_, err := content.WriteTo(w)
				return err
			})
			s.sent(server, metrics, size, true)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := s.Health(); got != (sink.Health{Confirmed: time.Now()}) {
			t.Errorf("up again %+v", got)
		}
		p.wg.Wait()
	})
}
