package graphite

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

func TestDirectWaitsForTheServer(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	refusals := 20 // more than the retries
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if refusals > 0 {
			refusals--
			return nil, syscall.ECONNREFUSED
		}
		return newDialer(time.Second).DialContext(ctx, network, address)
	}
	d := NewDirect(o, time.Minute)
	defer d.Close()
	b := sinktest.One(metric.Frontend, metric.Entity{Name: "www"}, "scur", 7)
	lines, bytes, err := d.Send(t.Context(), b)
	want := content(t, b)
	if err != nil || lines != strings.Count(want, "\n") || bytes != int64(len(want)) {
		t.Fatalf("%d lines, %d bytes, %v; want those of %q", lines, bytes, err, want)
	}
	await(t, r, want)
}

func TestDirectGivesUp(t *testing.T) {
	r := newReceiver(t)
	r.stop()
	d := NewDirect(options(t, r.address), 20*time.Millisecond)
	defer d.Close()
	b := sinktest.One(metric.Frontend, metric.Entity{Name: "www"}, "scur", 7)
	start := time.Now()
	_, _, err := d.Send(t.Context(), b)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "graphite has been down for 20ms") {
		t.Error(err)
	}
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("given up after %v", took)
	}
	r.start() // for the clean-up
}

func TestDirectEndsWithItsContext(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	ctx, cancel := context.WithCancel(t.Context())
	o.Interval = time.Hour
	o.Dial = func(context.Context, string, string) (net.Conn, error) {
		time.AfterFunc(time.Millisecond, cancel) // while it waits for the next try
		return nil, syscall.ECONNREFUSED
	}
	d := NewDirect(o, 2*time.Hour)
	defer d.Close()
	if _, _, err := d.Send(ctx, sinktest.One(metric.Frontend, metric.Entity{Name: "www"}, "scur", 7)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDirectCountsWhatIsLeftOutOnce(t *testing.T) {
	r := newReceiver(t)
	o := options(t, r.address)
	refused := false
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !refused {
			refused = true
			return nil, syscall.ECONNREFUSED
		}
		return newDialer(time.Second).DialContext(ctx, network, address)
	}
	d := NewDirect(o, time.Minute)
	defer d.Close()
	b := sinktest.One(metric.Frontend, metric.Entity{Name: strings.Repeat("x", plaintext.MaxPath)}, "scur", 7)
	if lines, _, err := d.Send(t.Context(), b); lines != 0 || err != nil || d.Skipped() != 1 {
		t.Errorf("%d lines, %v, %d left out", lines, err, d.Skipped())
	}
}
