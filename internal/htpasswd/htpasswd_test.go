package htpasswd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"haproxystats/internal/tlsfile/tlstest"
)

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestCheck(t *testing.T) {
	good := hash(t, "secret")
	files := tlstest.NewFiles(t)
	for _, c := range []struct{ text, want string }{
		{"a:" + good + "\n", ""},
		{"# a comment\r\n\r\na:" + good + "\r\nb:" + good, ""},
		{"", "holds no user"},
		{"a\n", "line 1 is not NAME:HASH"},
		{":" + good, "line 1 is not NAME:HASH"},
		{"\na:secret\n", "line 2 has no hash by bcrypt"},
		{"a:$apr1$x$y\n", "line 1 has no hash by bcrypt"},
		{"a:" + good + "\na:" + good, "line 2 has the user of an earlier line"},
		{"a:" + strings.Replace(good, "$04$", "$15$", 1), "takes too long"},
		{"a:" + strings.Repeat("x", 100_000), "too long"},
		{strings.Repeat("a", 2<<20), "longer than"},
	} {
		got := ""
		if err := Check(files.Put("users", 0o640, []byte(c.text))); err != nil {
			got = err.Error()
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%.40q: got the error %q, want %q", c.text, got, c.want)
		}
	}
	if err := Check(files.Put("open", 0o644, []byte("a:"+good))); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a file that all may read: got %v, want a remedy", err)
	}
	if err := Check(t.TempDir() + "/none"); err == nil {
		t.Error("a file that does not exist is accepted")
	}
}

// TestRemembersGoodPasswords: only the first question with a password waits for the
// comparison, and many at once are refused.
func TestRemembersGoodPasswords(t *testing.T) {
	u := New(tlstest.NewFiles(t).Put("users", 0o640, []byte("a:"+hash(t, "secret"))), nil)
	if ok, err := u.Allowed(t.Context(), "a", "secret"); !ok || err != nil {
		t.Fatalf("got %t (%v), want true", ok, err)
	}
	u.comparing <- struct{}{} // one is made and does not end
	if ok, err := u.Allowed(t.Context(), "a", "secret"); !ok || err != nil {
		t.Errorf("the good password again: got %t (%v), want true", ok, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ok, err := u.Allowed(ctx, "a", "other"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("another password: got %t (%v), want it to wait", ok, err)
	}
	for range maxWaiting {
		u.waiting <- struct{}{}
	}
	if ok, err := u.Allowed(t.Context(), "b", "secret"); ok || !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: got %t (%v), want ErrBusy", ok, err)
	}
}
