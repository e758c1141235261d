// Package httpget makes GET requests over HTTP, bounded in time and size.
//
// With httpsend and sink/scrape it is the only package of the programs that links net/http,
// and only haproxystats-process imports it. It opens no listener.
package httpget

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"haproxystats/internal/dial"
)

const (
	// maxAnswer bounds an answer, and maxHeader its header, in bytes.
	maxAnswer = 64 << 10
	maxHeader = 16 << 10
)

// ErrTooLong means that the answer is longer than 64 KiB.
var ErrTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)

// New returns a function that requests an address and returns the answer. It trusts
// the authorities in roots; nil stands for those of the system. The function follows
// no redirection, uses no proxy, and keeps no connection. Its errors contain neither
// the address nor its query.
func New() func(ctx context.Context, address string, roots *x509.CertPool) ([]byte, error) {
	dialer := new(dial.Dialer)
	return func(ctx context.Context, address string, roots *x509.CertPool) ([]byte, error) {
		transport := &http.Transport{
			DialContext:            dialer.Dial,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true, // a small answer could become a large one
			MaxResponseHeaderBytes: maxHeader,
		}
		defer transport.CloseIdleConnections()
		client := &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		return get(ctx, client, address)
	}
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, bare(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, bare(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, refused(response)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, bare(err)
	case len(text) > maxAnswer:
		return nil, ErrTooLong
	}
	return text, nil
}

// refused returns the error for an answer whose status is not 200.
func refused(r *http.Response) error {
	status := fmt.Sprintf("the server answers %d %s", r.StatusCode, http.StatusText(r.StatusCode))
	switch {
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		return errors.New(status + ": let this host ask without a password")
	case r.StatusCode >= 300 && r.StatusCode < 400:
		to, err := r.Location()
		if err != nil {
			return errors.New(status)
		}
		return fmt.Errorf("%s, a redirection to %q, which is not followed", status, (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String())
	}
	return errors.New(status)
}

// bare returns err without the address.
func bare(err error) error {
	var fault *url.Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}
