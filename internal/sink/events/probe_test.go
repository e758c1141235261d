package events

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/tlsfile"
	"haproxystats/internal/tlsfile/tlstest"
)

func TestAsk(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, "glsa_1\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != "GET" || r.URL.Path != "/api/annotations" || r.URL.RawQuery != "limit=1":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Authorization") != "Bearer glsa_1":
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	for name, c := range map[string]struct {
		q    Question
		want int
	}{
		"right":           {Question{URL: server.URL + "/api/annotations/", Get: "?limit=1", Token: tlsfile.Secret{File: token, Noun: "token"}}, 200},
		"without a token": {Question{URL: server.URL + "/api/annotations", Get: "?limit=1"}, 401},
		"another path":    {Question{URL: server.URL + "/grafana/api/annotations", Get: "?limit=1"}, 404},
		"not asked":       {Question{URL: server.URL + "/hook"}, 0},
	} {
		r, err := Ask(t.Context(), c.q)
		if err != nil || r.Status != c.want || r.Connect <= 0 || !r.Expires.IsZero() {
			t.Errorf("%s: got %+v and error %v, want status %d", name, r, err, c.want)
		}
	}
}

func TestAskOverTLS(t *testing.T) {
	ours := tlstest.NewAuthority(t, "ours")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ours.Sign("127.0.0.1", time.Hour)}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	files := tlsfile.Files{CAFile: tlstest.NewFiles(t).Authority(ours)}
	r, err := Ask(t.Context(), Question{URL: server.URL, Get: "/", TLS: files})
	if err != nil || r.Status != 200 || time.Until(r.Expires) > time.Hour || r.Expires.IsZero() {
		t.Errorf("got %+v and error %v, want an answer and the end of the certificate", r, err)
	}
	if _, err := Ask(t.Context(), Question{URL: server.URL, Get: "/"}); err == nil || !strings.Contains(err.Error(), "handshake") {
		t.Errorf("got error %v, want one of the handshake", err)
	}
}

func TestAskSomethingElse(t *testing.T) {
	for name, says := range map[string]string{"another protocol": "220 mail ready\r\n", "nothing": "", "a long line": "HTTP/1." + strings.Repeat("1", 1<<20)} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				_, _ = io.WriteString(c, says)
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if r, err := Ask(ctx, Question{URL: "http://" + l.Addr().String() + "/T0KEN", Get: "/"}); err == nil || strings.Contains(err.Error(), "T0KEN") {
				t.Errorf("got %+v and error %v, want an error without the path", r, err)
			}
			l.Close()
			<-ended
		})
	}
}
