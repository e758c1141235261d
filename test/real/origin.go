package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Origin is what stands behind HAProxy: a web server and a TCP echo, both in
// this process. The web server answers 404 to /missing, 500 to /error, after
// 100 ms to /slow, not before the client gives up to /hang, else 200.
type Origin struct {
	HTTP string // address of the web server
	Echo string // address of the echo

	server *http.Server
	echo   net.Listener
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // of the echo; nil when stopped
}

const (
	slowness = 100 * time.Millisecond
	// originIdle bounds how long a silent connection is kept.
	originIdle = time.Minute
)

// StartOrigin starts both servers.
func StartOrigin() (*Origin, error) {
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start origin: %w", err)
	}
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start origin: %w", err), web.Close())
	}
	o := &Origin{
		HTTP: web.Addr().String(), Echo: echo.Addr().String(),
		echo: echo, conns: make(map[net.Conn]struct{}),
		server: &http.Server{
			Handler:           http.HandlerFunc(answer),
			ReadHeaderTimeout: originIdle,
			IdleTimeout:       originIdle,
			ErrorLog:          log.New(io.Discard, "", 0), // clients that give up are part of the show
		},
	}
	o.wg.Go(func() { _ = o.server.Serve(web) }) // ends by Stop
	o.wg.Go(o.serveEcho)
	return o, nil
}

// Stop closes both servers with all their connections, and waits.
func (o *Origin) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	err := o.server.Shutdown(ctx)
	if err != nil { // a handler or a client still holds on
		err = o.server.Close()
	}
	err = errors.Join(err, o.echo.Close())
	o.mu.Lock()
	for c := range o.conns {
		_ = c.Close()
	}
	o.conns = nil
	o.mu.Unlock()
	o.wg.Wait()
	return err
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/missing":
		http.NotFound(w, r)
	case "/error":
		http.Error(w, "out of order", http.StatusInternalServerError)
	case "/hang":
		<-r.Context().Done()
	case "/slow":
		select {
		case <-r.Context().Done():
		case <-time.After(slowness):
		}
		fallthrough
	default:
		_, _ = io.WriteString(w, strings.Repeat("haproxystats\n", 100)) // a client may be gone
	}
}

func (o *Origin) serveEcho() {
	for {
		c, err := o.echo.Accept()
		if err != nil {
			return
		}
		o.mu.Lock()
		if o.conns == nil {
			o.mu.Unlock()
			_ = c.Close()
			return
		}
		o.conns[c] = struct{}{}
		o.wg.Go(func() {
			_ = c.SetDeadline(time.Now().Add(originIdle))
			_, _ = io.Copy(c, c) // ends with the client
			_ = c.Close()
			o.mu.Lock()
			delete(o.conns, c)
			o.mu.Unlock()
		})
		o.mu.Unlock()
	}
}
