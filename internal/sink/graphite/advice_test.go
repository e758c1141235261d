package graphite

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestAdviceOnTheDefaultPort: carbon does not listen on the port that applies where
// none is set.
func TestAdviceOnTheDefaultPort(t *testing.T) {
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	for _, test := range []struct {
		port int
		err  error
		want string
	}{
		{3002, refused, "Set port in [graphite]: 3002 is only the default, and carbon listens on 2003"},
		{2003, refused, "Check that it runs and listens on that port for the plaintext protocol"},
		{3002, syscall.EHOSTUNREACH, "Check the route to it"},
		{3002, errors.New("other"), ""},
	} {
		p := &peer{server: Server{"127.0.0.1", test.port}}
		hint, _ := Advice(p.explain("connect to", test.err))
		if !strings.HasPrefix(hint, test.want) || (hint == "") != (test.want == "") {
			t.Errorf("port %d, %v: got %q, want %q", test.port, test.err, hint, test.want)
		}
	}
}
