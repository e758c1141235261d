package kafka

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestClosedClientIsNotTheCause: a client that was given up says nothing of the brokers,
// so another one asks for the cause.
func TestClosedClientIsNotTheCause(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody listens there now
	tr := &Sessions{
		Connection: Options{Brokers: []string{address}, ConnectTimeout: time.Second, RequestTimeout: time.Second},
		Options:    func() []kgo.Opt { return nil },
	}
	defer tr.Close()
	s, err := tr.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer tr.release(s)
	s.close()
	if err := tr.ask(t.Context(), s); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want that the brokers refuse connections", err)
	}
}
