package scrape

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"haproxystats/internal/htpasswd"
	"haproxystats/internal/tlsfile"
)

const (
	// maxConnections bounds those that are open.
	maxConnections = 256
	// maxHeader bounds the header of a question, in bytes.
	maxHeader = 16 << 10
	// headerTime bounds the time for a header, questionTime for the whole question, and
	// idleTime the pause between two questions of a connection.
	headerTime   = 5 * time.Second
	questionTime = 10 * time.Second
	idleTime     = 2 * time.Minute
	// stopTime bounds the end of answers when the program stops.
	stopTime = time.Second
)

func (s *Sink) newServer() *http.Server {
	return &http.Server{
		Handler:           s.reported(s.guarded(s.routes())),
		ReadHeaderTimeout: headerTime, ReadTimeout: questionTime, WriteTimeout: s.opt.Timeout, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // of foreign mistakes
	}
}

// Run answers questions until ctx ends. It works once.
func (s *Sink) Run(ctx context.Context) error {
	ended := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		go func() { ended <- s.server.Serve(l) }()
	}
	left := len(s.listeners)
	var failed error
	select {
	case <-ctx.Done():
	case err := <-ended:
		left--
		if !errors.Is(err, http.ErrServerClosed) {
			failed = fmt.Errorf("prometheus: %w", err)
			break
		}
		<-ctx.Done()
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if s.server.Shutdown(bounded) != nil {
		_ = s.server.Close()
	}
	for range left {
		<-ended
	}
	return failed
}

// encrypted returns a listener whose connections are encrypted if a certificate is
// configured.
func (s *Sink) encrypted(l net.Listener) net.Listener {
	if s.opt.TLS.CertFile == "" {
		return l
	}
	credentials := tlsfile.NewCredentials(s.opt.TLS, s.log)
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return credentials.Server() },
	})
}

// reported logs a fault of this program, which costs the answer and its connection.
func (s *Sink) reported(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				if v != http.ErrAbortHandler {
					s.log.Error("panic while answering a question", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				}
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// guarded asks for a user and a password.
func (s *Sink) guarded(next http.Handler) http.Handler {
	if s.users == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, given := r.BasicAuth()
		allowed := false
		if given {
			var err error
			allowed, err = s.users.Allowed(r.Context(), name, password)
			switch {
			case errors.Is(err, htpasswd.ErrBusy):
				s.refuse(w, http.StatusServiceUnavailable, "too many passwords are being compared, try again")
				return
			case err != nil && r.Context().Err() == nil:
				s.log.Warn("users can't be read, nobody may ask", "error", err)
				s.refuse(w, http.StatusInternalServerError, "the users can't be read")
				return
			}
		}
		if !allowed {
			w.Header().Set("WWW-Authenticate", `Basic realm="haproxystats"`)
			s.refuse(w, http.StatusUnauthorized, "a user and a password are needed")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers with an error.
func (s *Sink) refuse(w http.ResponseWriter, status int, text string) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	s.count(status)
	http.Error(w, text, status)
}

// count counts an answer.
func (s *Sink) count(status int) {
	s.counting.Lock()
	defer s.counting.Unlock()
	s.asked[status]++
}

// limit bounds the connections of listeners.
type limit struct{ open atomic.Int64 }

func (l *limit) of(from net.Listener) net.Listener { return limited{from, l} }

type limited struct {
	net.Listener
	limit *limit
}

// Accept closes connections that are too many.
func (l limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.limit.open.Add(1) <= maxConnections {
			return &counted{Conn: c, limit: l.limit}, nil
		}
		l.limit.open.Add(-1)
		_ = c.Close()
	}
}

type counted struct {
	net.Conn
	limit *limit
	once  sync.Once
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	c.once.Do(func() { c.limit.open.Add(-1) })
	return c.Conn.Close()
}
