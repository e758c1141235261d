package graphite

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"haproxystats/internal/dial/dialtest"
	"haproxystats/internal/sink/sinktest"
)

// TestSilentFirstAddress: a server's name has two addresses, the first of which does
// not answer. With the default connect-timeout the second gets the batch, in time.
func TestSilentFirstAddress(t *testing.T) {
	for _, silent := range []string{"127.0.0.2", "::1"} {
		t.Run(silent, func(t *testing.T) {
			r := newReceiver(t)
			live := netip.MustParseAddrPort(r.address)
			dialtest.Silent(t, netip.AddrPortFrom(netip.MustParseAddr(silent), live.Port()))
			o := options(t, r.address)
			o.Servers = []Server{{"relay.example", int(live.Port())}}
			o.ConnectTimeout = time.Second
			o.Lookup = func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr(silent), live.Addr()}, nil
			}
			q := openQueue(t, t.TempDir(), 0)
			o.Queue = q
			s := New(o)
			t.Cleanup(s.Close)
			b := sinktest.Batch(1000)
			if err := s.Deliver(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if batches, _ := q.Len(); batches != 0 {
				t.Fatalf("got %d batches in the queue, want none: %v", batches, s.Status().Health.Cause)
			}
			await(t, r, content(t, b))
		})
	}
}
