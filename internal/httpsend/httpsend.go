// Package httpsend sends requests over HTTP, bounded in time and size. With httpget it is
// the only package that links net/http. It opens no listener.
package httpsend

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"haproxystats/internal/dial"
	"haproxystats/internal/httpcall"
)

const (
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 16 << 10
	// maxIdle is the time for which a connection is kept that nobody uses.
	maxIdle = 30 * time.Second
	// maxPause bounds what a server may ask for by Retry-After.
	maxPause = time.Hour
)

// client implements [httpcall.Client].
type client struct {
	agent string
	http  *http.Client
}

// New returns a client. It uses no proxy.
func New(o httpcall.Options) httpcall.Client {
	dialer := new(dial.Dialer)
	settings := o.TLS
	if settings == nil {
		settings = func(host string) (*tls.Config, error) {
			return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}, nil
		}
	}
	transport := &http.Transport{
		DialContext: dialer.Dial,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			config, err := settings(host)
			if err != nil {
				return nil, err
			}
			plain, err := dialer.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			secure := tls.Client(plain, config)
			if err := secure.HandshakeContext(ctx); err != nil {
				plain.Close()
				return nil, err
			}
			return secure, nil
		},
		MaxIdleConnsPerHost:    max(1, o.Connections),
		IdleConnTimeout:        maxIdle,
		DisableCompression:     true, // a small answer could become a large one
		MaxResponseHeaderBytes: maxHeader,
	}
	return &client{agent: o.Agent, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close implements [httpcall.Client].
func (c *client) Close() { c.http.CloseIdleConnections() }

// Do implements [httpcall.Client].
func (c *client) Do(ctx context.Context, r httpcall.Request) (httpcall.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return httpcall.Answer{}, bare(err)
	}
	request.Header.Set("User-Agent", cmp.Or(c.agent, "haproxystats"))
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return httpcall.Answer{}, bare(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, httpcall.MaxBody))
	if err != nil {
		return httpcall.Answer{}, bare(err)
	}
	answer := httpcall.Answer{Status: response.StatusCode, RetryAfter: pause(response.Header.Get("Retry-After"), time.Now()), Body: body}
	for name := range response.Header {
		if strings.HasPrefix(name, "X-") {
			if answer.Header == nil {
				answer.Header = make(map[string]string)
			}
			answer.Header[name] = response.Header.Get(name)
		}
	}
	if to, err := response.Location(); err == nil {
		answer.Redirect = (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
	}
	return answer, nil
}

// pause returns what Retry-After asks for: seconds, or a point in time. What is not valid
// asks for nothing.
func pause(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), int64(maxPause/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxPause)
}

// bare returns err without the address.
func bare(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}
