package real

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// deliver writes lines, closes its half, and wants a clean end in return.
func deliver(t *testing.T, addr, lines string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, lines); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("after the half-close: read %q, %v; want a clean end", rest, err)
	}
}

func TestCarbonBehindRelay(t *testing.T) {
	carbonBinary, relayBinary := Need(t, "graphite-carbon"), Need(t, "carbon-c-relay")
	Need(t, "python3-whisper")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := shortDir(t)
	carbon, err := StartCarbon(ctx, CarbonConfig{Binary: carbonBinary, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, carbon.Process)
	relay, err := StartRelay(ctx, RelayConfig{Binary: relayBinary, Dir: dir, To: carbon.Addr})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, relay.Process)

	now := time.Now().Unix()
	then := now - now%10 - 20 // whisper files hold a value every 10 s
	deliver(t, carbon.Addr, fmt.Sprintf("direct.one 1.5 %d\ndirect.one 18446744073709551615 %d\n", then, then+10))
	deliver(t, relay.Addr, fmt.Sprintf("relayed.one.a 7 %d\n", then+3))

	paths := []string{"direct.one", "relayed.one.a", "never.sent"}
	got, err := carbon.Await(ctx, time.Unix(then, 0), paths, func(s map[string]Series) bool {
		return len(s["direct.one"]) == 2 && len(s["relayed.one.a"]) == 1
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Series{
		"direct.one":    {then: 1.5, then + 10: 18446744073709551615},
		"relayed.one.a": {then: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("whisper files (-want +got):\n%s", diff)
	}
	found, err := carbon.Paths()
	slices.Sort(found)
	if diff := cmp.Diff(paths[:2], found); diff != "" || err != nil {
		t.Errorf("paths (-want +got):\n%s%v", diff, err)
	}
}

func stop(t *testing.T, p *Process) {
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAwaitCarbonGivesUp(t *testing.T) {
	Need(t, "python3-whisper")
	c := &Carbon{data: t.TempDir(), Process: &Process{done: make(chan struct{})}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := c.Await(ctx, time.Now(), []string{"a.b"}, func(s map[string]Series) bool {
		cancel()
		return len(s) > 0
	})
	if err == nil || !strings.Contains(err.Error(), "wait for 1 metrics in whisper files: context canceled") {
		t.Errorf("Await: %v", err)
	}
}
