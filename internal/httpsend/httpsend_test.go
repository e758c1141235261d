package httpsend

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haproxystats/internal/httpcall"
	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func do(t *testing.T, r httpcall.Request) (httpcall.Answer, error) {
	t.Helper()
	c := New(httpcall.Options{Agent: "haproxystats/test"})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return c.Do(ctx, r)
}

func TestDo(t *testing.T) {
	type seen struct{ method, path, query, agent, kind, body string }
	var got seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Method, r.URL.Path, r.URL.RawQuery, r.UserAgent(), r.Header.Get("Content-Type"), string(body)}
		w.Header().Set("Retry-After", "7")
		w.Header().Set("x-written", "5")
		w.Header().Set("Other", "6")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "slowly")
	}))
	defer server.Close()
	answer, err := do(t, httpcall.Request{
		Method: "PATCH", URL: server.URL + "/a?b=c", Header: map[string]string{"Content-Type": "application/json"}, Body: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (seen{"PATCH", "/a", "b=c", "haproxystats/test", "application/json", "{}"}); got != want {
		t.Errorf("the server got %+v, want %+v", got, want)
	}
	if answer.Status != 429 || answer.RetryAfter != 7*time.Second || string(answer.Body) != "slowly" || answer.Redirect != "" {
		t.Errorf("got %+v, want status 429, a pause of 7s and the body", answer)
	}
	if want := map[string]string{"X-Written": "5"}; !maps.Equal(answer.Header, want) {
		t.Errorf("got the headers %v, want %v", answer.Header, want)
	}
}

func TestRedirectionIsNotFollowed(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere?secret=1", http.StatusFound)
	}))
	defer server.Close()
	answer, err := do(t, httpcall.Request{Method: "POST", URL: server.URL, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != 302 || answer.Redirect != server.URL+"/elsewhere" || asked != 1 {
		t.Errorf("got %+v after %d requests, want status 302, the new address without its query, and one request", answer, asked)
	}
}

func TestLongBodyIsCut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 3*httpcall.MaxBody))
	}))
	defer server.Close()
	answer, err := do(t, httpcall.Request{Method: "GET", URL: server.URL})
	if err != nil || len(answer.Body) != httpcall.MaxBody {
		t.Errorf("got %d bytes and error %v, want %d", len(answer.Body), err, httpcall.MaxBody)
	}
}

func TestLongHeaderIsRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
	}))
	defer server.Close()
	if _, err := do(t, httpcall.Request{Method: "GET", URL: server.URL}); err == nil {
		t.Error("got no error for a header of 1 MiB")
	}
}

func TestErrorsDoNotTellTheAddress(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:1/services/T0KEN?key=T0KEN", "http://127.0.0.1:1/%zz-T0KEN"} {
		_, err := do(t, httpcall.Request{Method: "POST", URL: address})
		if err == nil || strings.Contains(err.Error(), "services") {
			t.Errorf("got error %v, want one without the path", err)
		}
	}
}

func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := New(httpcall.Options{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, httpcall.Request{Method: "POST", URL: "http://" + l.Addr().String()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want that of the deadline", err)
	}
}

func TestTLS(t *testing.T) {
	ours := tlstest.NewAuthority(t, "ours")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ours.Sign("127.0.0.1", time.Hour)}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for name, c := range map[string]struct {
		authority *tlstest.Authority
		good      bool
	}{
		"the server's": {ours, true},
		"another one":  {tlstest.NewAuthority(t, "others"), false},
		"the system's": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var o httpcall.Options
			if c.authority != nil {
				o.TLS = tlsfile.NewCredentials(tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(c.authority)}, nil).Config
			}
			client := New(o)
			defer client.Close()
			answer, err := client.Do(t.Context(), httpcall.Request{Method: "GET", URL: server.URL})
			if good := err == nil && answer.Status == 200; good != c.good {
				t.Errorf("got %+v and error %v, want an answer: %t", answer, err, c.good)
			}
		})
	}
}

// TestConnectionsAreKept: as many requests at a time as there are connections make no new ones.
func TestConnectionsAreKept(t *testing.T) {
	const atOnce = 4
	var opened atomic.Int64
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived.Done()
		arrived.Wait() // until all are there
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := New(httpcall.Options{Connections: atOnce})
	defer c.Close()
	for range 3 {
		arrived.Add(atOnce)
		var asking sync.WaitGroup
		for range atOnce {
			asking.Go(func() {
				if _, err := c.Do(t.Context(), httpcall.Request{Method: "POST", URL: server.URL}); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
	}
	// net/http may dial one more while it waits for one that becomes idle.
	if n := opened.Load(); n < atOnce || n > 2*atOnce {
		t.Errorf("got %d connections for 3 times %d requests, want %d", n, atOnce, atOnce)
	}
}

func TestPause(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "120": 2 * time.Minute, "99999999999": time.Hour, "soon": 0, "1.5": 0,
		"Sun, 29 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 29 Nov 2026 11:00:00 GMT": 0,
		"Sun, 29 Nov 2099 11:00:00 GMT": time.Hour,
	} {
		if got := pause(text, now); got != want {
			t.Errorf("Retry-After %q: got %v, want %v", text, got, want)
		}
	}
}
