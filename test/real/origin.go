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
// 100 ms to /slow, in pieces for a second to /download, not before the client gives up to
// /hang, else 200.
type Origin struct {
	HTTP string // address of the web server
	Echo string // address of the echo

	server *http.Server
	wg     sync.WaitGroup // of the web server
	echo   *connections
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
		server: &http.Server{
			Handler:           http.HandlerFunc(answer),
			ReadHeaderTimeout: originIdle,
			IdleTimeout:       originIdle,
			ErrorLog:          log.New(io.Discard, "", 0), // clients that give up are part of the show
		},
	}
	o.wg.Go(func() { _ = o.server.Serve(web) }) // ends by Stop
	o.echo = accept(echo, serveEcho)
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
	o.wg.Wait()
	return errors.Join(err, o.echo.close())
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/missing":
		http.NotFound(w, r)
	case "/error":
		http.Error(w, "out of order", http.StatusInternalServerError)
	case "/hang":
		<-r.Context().Done()
	case "/download":
		serveDownload(w, r)
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

// serveDownload answers in pieces, for a second.
func serveDownload(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(slowness / 2)
	defer tick.Stop()
	for range 20 {
		if _, err := io.WriteString(w, strings.Repeat("haproxystats\n", 1000)); err != nil {
			return // the client is gone
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-tick.C:
		}
	}
}

func serveEcho(c net.Conn) {
	b := make([]byte, 4096)
	for {
		_ = c.SetDeadline(time.Now().Add(originIdle)) // fails only when closed
		n, err := c.Read(b)
		if n > 0 {
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil { // the client has gone
			return
		}
	}
}
