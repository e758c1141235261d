package httpget

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnswers(t *testing.T) {
	asked := make(chan string, 100)
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		want  string // of the answer
		err   string
	}{
		{"200", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") }, "[]", ""},
		{"the most", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("a", maxAnswer)) }, strings.Repeat("a", maxAnswer), ""},
		{"too long", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("a", maxAnswer+1)) }, "", "longer than 65536 bytes"},
		{"a long header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 2*maxHeader)) }, "", "header"},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "", "500 Internal Server Error"},
		{"password", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "", "401 Unauthorized: let this host ask without a password"},
		{"redirection", func(w http.ResponseWriter, r *http.Request) {
			asked <- r.URL.Path
			http.Redirect(w, r, "http://user:secret@"+r.Host+"/other?token=secret", http.StatusFound)
		}, "", "302 Found, a redirection to \"http://"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "[")
		}, "", "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.serve)
			defer s.Close()
			got, err := New()(t.Context(), s.URL+"/render?target=secret", nil)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("got error %v, want %q", err, c.err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the query or a password: %v", err)
			}
			if string(got) != c.want {
				t.Errorf("got %.50q, want %.50q", got, c.want)
			}
		})
	}
	if n := len(asked); n != 1 {
		t.Errorf("got %d questions after a redirection, want one", n)
	}
}

// TestAuthorities: https needs an authority that is trusted.
func TestAuthorities(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") }))
	defer s.Close()
	s.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if got, err := New()(t.Context(), s.URL, roots); err != nil || string(got) != "[]" {
		t.Errorf("trusted: got %q, %v, want []", got, err)
	}
	var authority x509.UnknownAuthorityError
	if _, err := New()(t.Context(), s.URL, x509.NewCertPool()); !errors.As(err, &authority) {
		t.Errorf("not trusted: got %v, want %T", err, authority)
	}
}

// TestEndsInTime with a server that never answers.
func TestEndsInTime(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := New()(ctx, s.URL, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}
