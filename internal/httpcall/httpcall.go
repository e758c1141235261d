// Package httpcall describes a request over HTTP and its answer, for packages that send
// requests and must not link net/http: those programs that have it hand in package
// httpsend.
package httpcall

import (
	"context"
	"crypto/tls"
	"time"
)

// Request is a request.
type Request struct {
	Method, URL string
	// Header has one value for each name.
	Header map[string]string
	Body   []byte
}

// Answer is the answer of a server.
type Answer struct {
	Status int
	// RetryAfter is the pause that the server asks for; 0 for none.
	RetryAfter time.Duration
	// Redirect is where the server says that the address is now, without its query; empty
	// for nowhere.
	Redirect string
	// Header has the headers whose names begin with X-, as net/http spells them; nil for
	// none.
	Header map[string]string
	// Body is the beginning of the answer's body, which is not longer than [MaxBody].
	Body []byte
}

// MaxBody is the length of the part of a body that is read.
const MaxBody = 64 << 10

// Options describe how a client connects.
type Options struct {
	// TLS returns the settings for a connection to a host; nil for the system's
	// authorities.
	TLS func(host string) (*tls.Config, error)
	// Agent is the name that servers see.
	Agent string
	// Connections is the number of idle connections that are kept to a server; 0 for one.
	Connections int
}

// Client sends requests. It is safe for concurrent use, and keeps connections until Close.
type Client interface {
	// Do returns the answer, whatever its status is. It follows no redirection and ends
	// with ctx. Its errors contain neither the path of the address nor its query.
	Do(ctx context.Context, r Request) (Answer, error)
	// Close closes the connections that are idle.
	Close()
}

// New makes a client, which connects when it is used.
type New func(Options) Client
