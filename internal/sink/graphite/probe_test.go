package graphite

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

func TestProbeSendsNoLine(t *testing.T) {
	for _, confirm := range confirmations {
		t.Run(string(confirm), func(t *testing.T) {
			r := newReceiver(t)
			o := options(t, r.address)
			o.Confirm = confirm
			found := ProbeServer(t.Context(), o, o.Servers[0])
			if found.Err != nil || found.Connect <= 0 || !found.Expires.IsZero() {
				t.Errorf("%+v", found)
			}
			r.stop() // when all connections have been served
			defer r.start()
			if lines := r.strange(); len(lines) > 0 || r.connections() != 2 {
				t.Errorf("got %q over %d connections, want none over 2", lines, r.connections())
			}
		})
	}
}

func TestProbeFindsFaults(t *testing.T) {
	closed := newReceiver(t)
	closed.stop()
	t.Cleanup(closed.start)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // never accepts, so never closes
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	resetting := newReceiver(t)
	resetting.arm(fault{how: "reset", after: 1}) // at our end, since nothing is sent

	for _, test := range []struct {
		name, address string
		want          error
		hint          string
	}{
		{"closed", closed.address, syscall.ECONNREFUSED, "Check that it runs and listens on that port for the plaintext protocol"},
		{"silent", mute.Addr().String(), context.DeadlineExceeded, "Check the address and the firewalls, or set a longer connect-timeout"},
		{"reset", resetting.address, syscall.ECONNRESET, "Check its log and its limits: it closed the connection before it had read everything"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, test.address)
			ctx := t.Context()
			if test.name == "silent" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			found := ProbeServer(ctx, o, o.Servers[0])
			hint, bare := Advice(found.Err)
			if !errors.Is(found.Err, test.want) || hint != test.hint {
				t.Errorf("got %v with hint %q", found.Err, hint)
			}
			if bare == nil || found.Err.Error() != bare.Error()+" ("+hint+")" {
				t.Errorf("bare is %v", bare)
			}
		})
	}
}

// TestProbeFindsProxyWithoutServer probes a proxy that accepts connections and then
// closes them.
func TestProbeFindsProxyWithoutServer(t *testing.T) {
	for _, confirm := range confirmations {
		o := options(t, serverless(t, nil, 0))
		o.Confirm, o.Hold = confirm, 25*time.Second
		found := ProbeServer(t.Context(), o, o.Servers[0])
		hint, bare := Advice(found.Err)
		if !errors.Is(found.Err, errEarly) || !strings.Contains(hint, "A TCP proxy whose server is down does this") || !strings.Contains(bare.Error(), "over which nothing was sent") {
			t.Errorf("confirm = %s: got %v, want %v", confirm, found.Err, errEarly)
		}
	}
}

// TestProbeFindsOtherProtocols probes ports that keep connections open, and confirm,
// until they receive bytes of another protocol.
func TestProbeFindsOtherProtocols(t *testing.T) {
	a := tlstest.NewAuthority(t, "a")
	secure := newTLSReceiver(t, &tls.Config{Certificates: []tls.Certificate{a.Sign("127.0.0.1", time.Hour)}})
	for _, test := range []struct {
		name, address string
		want          error
		hint          string
	}{
		{"TLS", secure.address, errInTLS, "Set tls = true in [graphite]"},
		{"pickles", serverless(t, nil, 4), errProtocol, "Set port in [graphite] to the one for the plaintext protocol"},
	} {
		o := options(t, test.address)
		err := newRelays(o, quiet).peers[0].probeProtocol(t.Context())
		if hint, _ := Advice(err); !errors.Is(err, test.want) || !strings.HasPrefix(hint, test.hint) {
			t.Errorf("%s: got %v with hint %q, want %v with %q", test.name, err, hint, test.want, test.hint)
		}
	}
}

func TestProbeTellsWhenCertificatesExpire(t *testing.T) {
	ours := tlstest.NewAuthority(t, "ours") // good for an hour
	for name, good := range map[string]time.Duration{"server first": 20 * time.Minute, "authority first": 5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newTLSReceiver(t, &tls.Config{Certificates: []tls.Certificate{ours.Sign("127.0.0.1", good)}})
			o := options(t, r.address)
			o.TLS = &tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(ours)}
			found := ProbeServer(t.Context(), o, o.Servers[0])
			left := time.Until(found.Expires)
			if want := min(good, time.Hour); found.Err != nil || left > want || left < want-time.Minute {
				t.Errorf("expires in %v, %v; want %v", left, found.Err, want)
			}
		})
	}
}
