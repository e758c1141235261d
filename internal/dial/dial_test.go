package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"haproxystats/internal/dial/dialtest"
)

// network is a network in memory: an address refuses, is silent, or answers.
type network struct {
	mu    sync.Mutex
	state map[string]string // by address without port: "refuse", "silent", or ""
	tried []string
	open  int // connections that are not closed
}

type connection struct {
	net.Conn
	n       *network
	address string
}

func (c *connection) Close() error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	c.n.open--
	return nil
}

func (n *network) connect(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	n.mu.Lock()
	n.tried = append(n.tried, host)
	state := n.state[host]
	n.mu.Unlock()
	switch state {
	case "refuse":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "silent":
		<-ctx.Done()
		return nil, ctx.Err()
	case "late": // answers whether or not anybody waits
		time.Sleep(time.Second)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open++
	return &connection{n: n, address: host}, nil
}

// used returns which addresses were tried since it was called last.
func (n *network) used() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	tried := n.tried
	n.tried = nil
	return tried
}

func (n *network) set(address, state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state[address] = state
}

func lookup(addresses ...string) func(context.Context, string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, a := range addresses {
		found = append(found, netip.MustParseAddr(a))
	}
	return func(context.Context, string) ([]netip.Addr, error) { return found, nil }
}

// dialFor dials relay.example:1 and returns the address that answered.
func dialFor(t *testing.T, d *Dialer, timeout time.Duration) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	conn, err := d.Dial(ctx, "tcp", "relay.example:1")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.(*connection).address, nil
}

// TestSilentFirstAddress with the default time-outs of both programs: the second is
// used in time, and is the first one to be tried from then on, until it fails.
func TestSilentFirstAddress(t *testing.T) {
	for _, timeout := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{state: map[string]string{"10.0.0.1": "silent"}}
				d := &Dialer{Connect: n.connect, Lookup: lookup("10.0.0.1", "10.0.0.2")}
				for i, want := range [][]string{{"10.0.0.1", "10.0.0.2"}, {"10.0.0.2"}} {
					begin := time.Now()
					got, err := dialFor(t, d, timeout)
					if err != nil || got != "10.0.0.2" {
						t.Fatalf("dial %d: got %q, %v, want 10.0.0.2", i, got, err)
					}
					if taken := time.Since(begin); taken > timeout/2 {
						t.Errorf("dial %d: took %v of %v", i, taken, timeout)
					}
					if tried := n.used(); !slices.Equal(tried, want) {
						t.Errorf("dial %d: tried %v, want %v", i, tried, want)
					}
				}
				n.set("10.0.0.1", "")
				n.set("10.0.0.2", "silent")
				if got, err := dialFor(t, d, timeout); err != nil || got != "10.0.0.1" {
					t.Errorf("the other way round: got %q, %v, want 10.0.0.1", got, err)
				}
				n.used()
				if _, err := dialFor(t, d, timeout); err != nil || !slices.Equal(n.used(), []string{"10.0.0.1"}) {
					t.Error("what works now is not remembered")
				}
			})
		})
	}
}

// TestForgetsWhatFails: after a failure of all, the resolver's order counts again.
func TestForgetsWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{state: map[string]string{"10.0.0.1": "refuse"}}
		d := &Dialer{Connect: n.connect, Lookup: lookup("10.0.0.1", "10.0.0.2")}
		if got, err := dialFor(t, d, time.Second); got != "10.0.0.2" {
			t.Fatalf("got %q, %v, want 10.0.0.2", got, err)
		}
		n.set("10.0.0.2", "refuse")
		n.used()
		_, err := dialFor(t, d, time.Second)
		want := "no address of relay.example can be connected to: 10.0.0.2:1: connection refused; 10.0.0.1:1: connection refused"
		if err == nil || err.Error() != want || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got error %v, want %s", err, want)
		}
		n.set("10.0.0.1", "")
		n.used()
		if _, err := dialFor(t, d, time.Second); err != nil || !slices.Equal(n.used(), []string{"10.0.0.1"}) {
			t.Error("the address that failed is still tried first")
		}
	})
}

// TestNoAddressAnswers ends in time, and names each address with its own cause.
func TestNoAddressAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{state: map[string]string{"10.0.0.1": "silent", "fd00::1": "refuse", "10.0.0.3": "silent"}}
		d := &Dialer{Connect: n.connect, Lookup: lookup("10.0.0.1", "fd00::1", "10.0.0.3")}
		begin := time.Now()
		_, err := dialFor(t, d, time.Second)
		want := "no address of relay.example can be connected to: 10.0.0.1:1: no answer within 1s; [fd00::1]:1: connection refused; 10.0.0.3:1: no answer within 1s"
		if err == nil || err.Error() != want || !errors.Is(err, syscall.ECONNREFUSED) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want %s", err, want)
		}
		if taken := time.Since(begin); taken != time.Second {
			t.Errorf("took %v, want 1s", taken)
		}
	})
}

// TestManyAddresses bounds the tries, and says so.
func TestManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{state: make(map[string]string)}
		var all []string
		for i := range 40 {
			all = append(all, fmt.Sprintf("10.0.1.%d", i))
			n.state[all[i]] = "silent"
		}
		_, err := dialFor(t, &Dialer{Connect: n.connect, Lookup: lookup(all...)}, time.Second)
		if err == nil || !strings.HasSuffix(err.Error(), "; 24 more are not tried") {
			t.Errorf("got error %v, want that 24 are not tried", err)
		}
		if got := len(n.used()); got != maxAddresses {
			t.Errorf("tried %d addresses, want %d", got, maxAddresses)
		}
	})
}

// TestLateConnectionIsClosed: the loser of a race is no leak.
func TestLateConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{state: map[string]string{"10.0.0.1": "late"}}
		d := &Dialer{Connect: n.connect, Lookup: lookup("10.0.0.1", "10.0.0.2")}
		if got, err := dialFor(t, d, time.Second); got != "10.0.0.2" {
			t.Fatalf("got %q, %v, want 10.0.0.2", got, err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n.open != 0 {
			t.Errorf("got %d open connections, want none", n.open)
		}
	})
}

func TestOrder(t *testing.T) {
	for _, c := range []struct{ all, first, want string }{
		{"10.0.0.1 10.0.0.2 fd00::1 fd00::2", "", "10.0.0.1 fd00::1 10.0.0.2 fd00::2"},
		{"fd00::1 fd00::2 fd00::3 10.0.0.1", "", "fd00::1 10.0.0.1 fd00::2 fd00::3"},
		{"10.0.0.1 10.0.0.2 10.0.0.1 ::ffff:10.0.0.2", "10.0.0.2", "10.0.0.2 10.0.0.1"},
		{"10.0.0.1", "10.0.0.9", "10.0.0.1"},
		{"", "10.0.0.9", ""},
	} {
		var all []netip.Addr
		for _, a := range strings.Fields(c.all) {
			all = append(all, netip.MustParseAddr(a))
		}
		first, _ := netip.ParseAddr(c.first)
		var got []string
		for _, a := range order(all, first) {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("order of %q with %q first: got %q, want %q", c.all, c.first, got, c.want)
		}
	}
}

// TestKernel uses real connections: a silent address of either family, and the name's
// other one.
func TestKernel(t *testing.T) {
	for _, silent := range []string{"127.0.0.2", "::1"} {
		t.Run(silent, func(t *testing.T) {
			var lc net.ListenConfig
			l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			live := netip.MustParseAddrPort(l.Addr().String())
			dialtest.Silent(t, netip.AddrPortFrom(netip.MustParseAddr(silent), live.Port()))
			d := &Dialer{Lookup: lookup(silent, "127.0.0.1")}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			conn, err := d.Dial(ctx, "tcp", fmt.Sprintf("relay.example:%d", live.Port()))
			if err != nil {
				t.Fatal(err)
			}
			if got := conn.RemoteAddr().String(); got != live.String() {
				t.Errorf("got a connection to %s, want one to %v", got, live)
			}
			conn.Close()
		})
	}
}

// TestAddressesAndSockets go to the network's dialer as they are.
func TestAddressesAndSockets(t *testing.T) {
	for _, c := range []struct{ network, address string }{{"unix", "/run/x"}, {"tcp", "127.0.0.1:80"}, {"tcp", "[::1]:80"}, {"tcp", ":80"}} {
		d := &Dialer{
			Connect: func(_ context.Context, network, address string) (net.Conn, error) {
				return nil, errors.New(network + " " + address)
			},
			Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("looked up") },
		}
		if _, err := d.Dial(t.Context(), c.network, c.address); err == nil || err.Error() != c.network+" "+c.address {
			t.Errorf("got %v, want %s %s", err, c.network, c.address)
		}
	}
	d := &Dialer{Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("looked up") }}
	if _, err := d.Dial(t.Context(), "tcp", "relay.example:1"); err == nil || err.Error() != "looked up" {
		t.Errorf("got %v, want the resolver's error", err)
	}
}
