package real

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// Request is a kind of traffic.
type Request uint8

// The kinds.
const (
	Page      Request = iota // 200 by backend app
	APICall                  // 200 by backend api
	NotFound                 // 404 by backend app
	Failure                  // 500 by backend app
	Slow                     // 200 by backend app, after 100 ms
	Denied                   // 403 by frontend web itself
	Refused                  // 503: the server of backend legacy refuses
	Aborted                  // the client gives up on backend app
	TCPStream                // 1 KiB there and back by backend stream
)

var requests = [...]struct {
	name, path string
	status     int
}{
	Page:      {"page", "/", http.StatusOK},
	APICall:   {"API call", "/api/v1", http.StatusOK},
	NotFound:  {"not found", "/missing", http.StatusNotFound},
	Failure:   {"failure", "/error", http.StatusInternalServerError},
	Slow:      {"slow", "/slow", http.StatusOK},
	Denied:    {"denied", "/denied", http.StatusForbidden},
	Refused:   {"refused", "/legacy", http.StatusServiceUnavailable},
	Aborted:   {"aborted", "/hang", 0},
	TCPStream: {"TCP stream", "", 0},
}

// String returns the kind's name.
func (r Request) String() string { return requests[r].name }

const (
	// requestTimeout bounds a request from dial to the end of the answer.
	requestTimeout = time.Minute
	// patience is how long the client of [Aborted] waits.
	patience = 50 * time.Millisecond
)

func newClient() *http.Client {
	return &http.Client{
		Timeout:   requestTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 8, MaxConnsPerHost: 32, IdleConnTimeout: originIdle},
	}
}

// Send sends n requests of a kind, one after the other. Any other end of a
// request than the kind's own is an error.
func (h *HAProxy) Send(ctx context.Context, kind Request, n int) error {
	send := h.get
	switch kind {
	case Aborted:
		send = h.abort
	case TCPStream:
		send = h.stream
	}
	for range n {
		if err := send(ctx, kind); err != nil {
			return fmt.Errorf("send %v to haproxy %s: %w", kind, h.Name, err)
		}
	}
	return nil
}

// Rest closes the idle connections and waits until HAProxy has no session open:
// its counters stand still then, until the next Send.
func (h *HAProxy) Rest(ctx context.Context) error {
	h.client.CloseIdleConnections()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		rows, err := h.Stat(ctx)
		if err != nil {
			return err
		}
		busy := slices.IndexFunc(rows, func(r Row) bool { return r["scur"] != "0" })
		if busy < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the sessions of %s/%s on haproxy %s: %w",
				rows[busy]["pxname"], rows[busy]["svname"], h.Name, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

func (h *HAProxy) get(ctx context.Context, kind Request) error {
	q := requests[kind]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.Web+q.path, nil)
	if err != nil {
		return err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != q.status {
		return fmt.Errorf("GET %s: got %s, want %d", q.path, resp.Status, q.status)
	}
	return nil
}

// abort sends a request and hangs up before the answer.
func (h *HAProxy) abort(ctx context.Context, kind Request) error {
	c, err := h.dial(ctx, h.Web)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", requests[kind].path, h.Web); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		return fmt.Errorf("GET %s: got an answer or %v, want none", requests[kind].path, err)
	}
	return nil
}

func (h *HAProxy) stream(ctx context.Context, _ Request) error {
	c, err := h.dial(ctx, h.Stream)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, 1024)); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, c)
	if err == nil && n != 1024 {
		err = fmt.Errorf("got %d bytes back, want 1024", n)
	}
	return err
}

func (h *HAProxy) dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
