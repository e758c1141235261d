package doctor

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"haproxystats/internal/sink/graphite"
	"haproxystats/internal/tlsfile"
)

func TestRelays(t *testing.T) {
	now := time.Unix(1700000000, 0)
	good := graphite.Probe{Connect: 300 * time.Microsecond, Held: 6 * time.Second, Confirm: 12 * time.Millisecond}
	bad := graphite.Probe{Err: errors.New("connect: refused")}
	relay := func(host string, p graphite.Probe) Relay { return Relay{graphite.Server{Host: host, Port: 2003}, p} }

	found := Relays("graphite", []Relay{relay("a", good), relay("b", bad)}, graphite.HalfClose, now)
	check(t, found[0], OK, "accepts a connection within 1ms, keeps it open for at least 6s, and confirms by closing it within 12ms", "")
	check(t, found[1], Warning, "connect: refused", "") // the other works
	if found[1].Subject != "b:2003" {
		t.Error(found[1].Subject)
	}
	found = Relays("graphite", []Relay{relay("a", bad), relay("b", bad)}, graphite.HalfClose, now)
	check(t, found[0], Error, "refused", "")
	check(t, found[1], Error, "refused", "")
	found = Relays("graphite", []Relay{relay("a", good)}, graphite.Drain, now)
	check(t, found[0], OK, "accepts a connection within 1ms, keeps it open for at least 6s", "")

	secure := good
	secure.Expires = now.Add(400 * 24 * time.Hour)
	found = Relays("graphite", []Relay{relay("a", secure)}, graphite.HalfClose, now)
	check(t, found[1], OK, "the server's certificate chain expires in 400 days", "")
	secure.Expires = now.Add(29 * 24 * time.Hour)
	found = Relays("graphite", []Relay{relay("a", secure)}, graphite.HalfClose, now)
	check(t, found[1], Warning, "expires in 29 days, on 2023-12-13 22:13 UTC", "Renew it")
}

func TestRelaysKeepTheAdvice(t *testing.T) {
	// As a server gives it that nobody has signed for.
	probe := graphite.ProbeServer(t.Context(), graphite.Options{
		TLS: &tlsfile.Files{CAFile: "/does/not/exist"}, ConnectTimeout: time.Second,
	}, graphite.Server{Host: "127.0.0.1", Port: 1})
	found := Relays("graphite", []Relay{{graphite.Server{Host: "127.0.0.1", Port: 1}, probe}}, graphite.HalfClose, time.Now())
	check(t, found[0], Error, "ca-file /does/not/exist: no such file or directory", "Correct the file")
	var unknown x509.UnknownAuthorityError
	if errors.As(probe.Err, &unknown) {
		t.Error("no file is no unknown authority")
	}
}

func TestOwnCertificate(t *testing.T) {
	now := time.Unix(1700000000, 0)
	check(t, OwnCertificate("c.pem", now.Add(-time.Minute), now), Error, "our certificate expired on 2023-11-14 22:12 UTC", "Renew it")
	check(t, OwnCertificate("c.pem", now.Add(30*time.Hour), now), Warning, "expires in 30 hours", "Renew it")
	check(t, OwnCertificate("c.pem", now.Add(90*24*time.Hour), now), OK, "our certificate expires in 90 days", "")
}
