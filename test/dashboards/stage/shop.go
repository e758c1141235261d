package stage

import (
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shops     = 4                     // servers
	shopSlots = 4                     // sessions that HAProxy gives each at a time; the others queue
	shopQueue = 2                     // requests that wait for the first of them
	idle      = time.Minute           // bounds a silent connection
	quick     = 25 * time.Millisecond // an answer takes, on average
)

// shop is the servers of the backend that can be upset.
type shop struct {
	upset   atomic.Bool
	opened  time.Time
	served  atomic.Int64
	addrs   []string
	servers []*http.Server
	wg      sync.WaitGroup
}

func openShop() (*shop, error) {
	s := &shop{opened: time.Now()}
	for i := range shops {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the shop: %w", err), s.close())
		}
		server := &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, i) }),
			ReadHeaderTimeout: idle, IdleTimeout: idle,
			ErrorLog: log.New(io.Discard, "", 0), // clients that give up are part of the show
		}
		s.addrs = append(s.addrs, l.Addr().String())
		s.servers = append(s.servers, server)
		s.wg.Go(func() { _ = server.Serve(l) }) // ends by close
	}
	return s, nil
}

func (s *shop) close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.wg.Wait()
	return errors.Join(errs...)
}

// sections are of HAProxy's configuration: a frontend that listens on a UNIX
// socket, also with TLS, and the backend. All that HAProxy can be asked for beside its
// statistics is there: a stick table, a certificate and a name server.
func (s *shop) sections(door, certificate string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "frontend shop\n    maxconn 120\n    bind unix@%s\n    bind unix@%s.tls ssl crt %s\n", door, door, certificate)
	b.WriteString("    stick-table type string len 32 size 1k expire 10m\n    http-request track-sc0 path\n    default_backend shop\n")
	b.WriteString("resolvers names\n    nameserver local 127.0.0.1:1\n")
	b.WriteString("backend shop\n    option httpchk GET /health\n    balance leastconn\n")
	for i, addr := range s.addrs {
		fmt.Fprintf(&b, "    server shop%d %s check maxconn %d", i+1, addr, shopSlots)
		if i == 0 {
			// One has a queue of its own. Those of all others wait in that of the backend.
			fmt.Fprintf(&b, " maxqueue %d", shopQueue)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// answer has the server i answer; one of them is down while the shop is upset,
// the others are slow and make mistakes then.
func (s *shop) answer(w http.ResponseWriter, r *http.Request, i int) {
	upset := s.upset.Load()
	n := s.served.Add(1)
	if r.URL.Path == "/health" {
		if upset && i == shops-1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	// Each server is of its own speed, which swings slowly.
	swing := 1 + math.Sin(time.Since(s.opened).Seconds()/40+float64(i))/3
	takes := time.Duration(float64(quick) * swing * (1 + float64(i)/4))
	if upset {
		takes *= 3
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return
	case <-timer.C:
	}
	switch {
	case upset && n%7 == 0, n%211 == 0:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case n%29 == 0:
		http.NotFound(w, r)
	case n%23 == 0:
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	default:
		_, _ = io.WriteString(w, strings.Repeat("haproxystats\n", int(100+n%400))) // a client may be gone
	}
}
