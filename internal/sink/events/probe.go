package events

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"haproxystats/internal/dial"
	"haproxystats/internal/tlsfile"
)

// Question is what [Ask] asks of a server, which changes nothing there.
type Question struct {
	// URL is the address. A request is sent only if Get is set: it asks for URL with Get
	// behind it.
	URL, Get string
	// Token is what to log in with; a zero one logs in as nobody.
	Token tlsfile.Secret
	// TLS are the settings for addresses that begin with https.
	TLS tlsfile.Files
}

// Reply is what a server has said.
type Reply struct {
	// Connect is the time for the connection, with its encryption.
	Connect time.Duration
	// Expires is when the certificate of the server expires; zero without one.
	Expires time.Time
	// Status is that of the answer; 0 if nothing was asked.
	Status int
}

// maxStatusLine bounds the first line of an answer, in bytes.
const maxStatusLine = 1024

// Ask connects to the server of an address, and asks it. It is for people who want to know
// whether the address is right, in programs that do not link net/http: it reads no more
// than the first line of the answer. Its errors do not tell the path of the address.
func Ask(ctx context.Context, q Question) (r Reply, err error) {
	u, err := url.Parse(q.URL)
	if err != nil {
		return r, errors.New("not an address")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	begun := time.Now()
	c, err := new(dial.Dialer).Dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return r, err
	}
	defer func() { c.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return r, err
		}
	}
	if u.Scheme == "https" {
		settings, err := tlsfile.NewCredentials(q.TLS, nil).Config(u.Hostname())
		if err != nil {
			return r, err
		}
		secure := tls.Client(c, settings)
		if err := secure.HandshakeContext(ctx); err != nil {
			return r, fmt.Errorf("the handshake failed: %w", err)
		}
		c, r.Expires = secure, secure.ConnectionState().PeerCertificates[0].NotAfter
	}
	r.Connect = time.Since(begun)
	if q.Get == "" {
		return r, nil
	}
	r.Status, err = get(c, u, q)
	return r, err
}

// get sends the request and returns the status of the answer.
func get(c net.Conn, u *url.URL, q Question) (int, error) {
	path, query, _ := strings.Cut(q.Get, "?")
	target := url.URL{Path: strings.TrimSuffix(u.Path, "/") + path, RawQuery: query}
	header := ""
	if q.Token.File != "" {
		token, err := q.Token.Read()
		if err != nil {
			return 0, err
		}
		header = fmt.Sprintf("Authorization: Bearer %s\r\n", token)
	}
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: haproxystats\r\nConnection: close\r\n%s\r\n", target.RequestURI(), u.Host, header)
	if err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxStatusLine)).ReadString('\n')
	fields := strings.Fields(line)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") {
		return 0, errors.Join(errors.New("it does not answer as a server of HTTP does"), err)
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil || status < 100 || status > 599 {
		return 0, errors.New("it does not answer as a server of HTTP does")
	}
	return status, nil
}
