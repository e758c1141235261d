package haproxy_test

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"haproxystats/internal/haproxy"
)

// TestNoNetwork fails as in the packaged unit, which opens no network.
func TestNoNetwork(t *testing.T) {
	for _, cause := range []error{syscall.EAFNOSUPPORT, syscall.ENETUNREACH, syscall.EPERM} {
		client := &haproxy.Client{Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", cause)}
		}}
		err := client.Fetch(t.Context(), "tcp", "192.0.2.1:9000", io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), cause.Error()) || !strings.Contains(err.Error(), "drop-in tcp.conf") {
			t.Errorf("%v: got %v, want the cause and the drop-in", cause, err)
		}
	}
}
