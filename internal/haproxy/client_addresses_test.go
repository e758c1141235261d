package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/dial/dialtest"
)

// TestSilentFirstAddress: the name of a socket has two addresses, the first of which
// does not answer. With the default time-out the second is asked, in time.
func TestSilentFirstAddress(t *testing.T) {
	const info, stat = "Name: HAProxy\nPid: 1\n\n", "# pxname,svname,\nweb,FRONTEND,\n\n"
	for _, silent := range []string{"127.0.0.2", "::1"} {
		t.Run(silent, func(t *testing.T) {
			var lc net.ListenConfig
			l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			t.Cleanup(func() { l.Close(); <-done })
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Read(make([]byte, 100))
					io.WriteString(conn, info+stat)
					conn.Close()
				}
			}()
			live := netip.MustParseAddrPort(l.Addr().String())
			dialtest.Silent(t, netip.AddrPortFrom(netip.MustParseAddr(silent), live.Port()))
			// A busy machine may need a second try, which the defaults allow too.
			c := &Client{Timeout: 100 * time.Millisecond, Retries: 20}
			c.addresses.Lookup = func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr(silent), live.Addr()}, nil
			}
			var gotInfo, gotStat bytes.Buffer
			err = c.Fetch(t.Context(), "tcp", fmt.Sprintf("lb.example:%d", live.Port()), &gotInfo, &gotStat)
			if err != nil || gotInfo.String() != info || gotStat.String() != stat {
				t.Errorf("got %q, %q, %v, want the replies of the second address", &gotInfo, &gotStat, err)
			}
		})
	}
}

// TestNoAddressAnswers: the error says what came of each address.
func TestNoAddressAnswers(t *testing.T) {
	silent := dialtest.Silent(t, netip.MustParseAddrPort("127.0.0.2:0"))
	c := &Client{Timeout: 2 * time.Second} // enough for a refusal on a busy machine
	c.addresses.Lookup = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{silent.Addr(), netip.MustParseAddr("127.0.0.3")}, nil
	}
	err := c.Fetch(t.Context(), "tcp", fmt.Sprintf("lb.example:%d", silent.Port()), io.Discard, io.Discard)
	if !errors.Is(err, ErrTimeout) {
		t.Fatalf("got %v, want %v", err, ErrTimeout)
	}
	for _, want := range []string{silent.String() + ": no answer within ", fmt.Sprintf("127.0.0.3:%d: connection refused", silent.Port())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
