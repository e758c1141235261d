package graphite

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// TestRefusedBatch has a receiver that does not confirm a batch with a certain name, and
// keeps an idle connection open. The other batches are delivered.
func TestRefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(peers)
		var received bytes.Buffer
		picky := func(d *duplex) {
			var got bytes.Buffer
			for b := make([]byte, 4096); ; {
				n, err := d.Read(b)
				got.Write(b[:n])
				switch {
				case strings.Contains(got.String(), "poison"):
					d.Write([]byte("no")) // a clean end would confirm it
					return
				case err != nil && got.Len() == 0:
					blockUntilClosed(d)
					return
				case err != nil:
					io.Copy(&received, &got)
					return
				}
			}
		}
		up := false
		o, log := inMemory(t, p)
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if up {
				p.mu.Lock()
				p.serve = []func(*duplex){picky}
				p.mu.Unlock()
			}
			return p.dial(ctx, network, address)
		}
		s := New(o)
		named := func(name string) *metric.Batch {
			return sinktest.One(metric.Frontend, metric.Entity{Name: name}, "scur", 1)
		}
		for _, name := range []string{"a", "poison", "b", "c"} {
			if err := s.Deliver(t.Context(), named(name)); err != nil {
				t.Fatal(err)
			}
		}
		up = true
		stop := start(t, s)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		stop()
		if got, want := received.String(), content(t, named("a"))+content(t, named("b"))+content(t, named("c")); got != want {
			t.Errorf("received %q, want %q", got, want)
		}
		status := s.Status()
		if status.Queue.Refused != 1 || status.Queue.Batches != 1 || !status.Health.Down.IsZero() {
			t.Errorf("got status %+v, queue %+v, want one refused batch and no outage", status, status.Queue)
		}
		if n := strings.Count(log.String(), "destination refuses a batch and takes others"); n != 1 {
			t.Errorf("got %d messages about the batch, want one: %s", n, log)
		}
		p.wg.Wait()
	})
}
