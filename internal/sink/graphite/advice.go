package graphite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"haproxystats/internal/tlsfile"
)

// explain returns the error of an operation, with what to do about it.
func (p *peer) explain(operation string, err error) error {
	return &peerError{err: fmt.Errorf("%s graphite server %s: %w", operation, p.server, err), hint: p.server.advice(err)}
}

// Advice splits an error of this package into the remedy, which is empty if there is
// none, and the error without it.
func Advice(err error) (hint string, bare error) {
	var fault *peerError
	if !errors.As(err, &fault) {
		return "", err
	}
	return fault.hint, fault.err
}

// defaultPort is the port where the configuration sets none. It is that of the
// original, for a relay on the same host; carbon does not listen there by itself.
const defaultPort = 3002

// advice returns what to do about an error of the server.
func (s Server) advice(err error) string {
	if s.Port == defaultPort && errors.Is(err, syscall.ECONNREFUSED) {
		return "Set port in [graphite]: 3002 is only the default, and carbon listens on 2003 for the plaintext protocol"
	}
	return advice(err)
}

func advice(err error) string {
	if hint := adviceOnTLS(err); hint != "" {
		return hint
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "Check the name in option server, and the resolver"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Check that it runs and listens on that port for the plaintext protocol"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "Check the route to it"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "Check the firewall of this host"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "Check the limit of open files"
	case errors.Is(err, syscall.ETIMEDOUT):
		return "Check that its host is up, and the network"
	case errors.Is(err, errStalled), errors.Is(err, errTooSlow):
		return "Check its load and the network, or set a longer write-timeout"
	case errors.Is(err, errAnswers):
		return "Check that server and port in [graphite] are those of the plaintext protocol, and that nothing in between sends a banner"
	case errors.Is(err, errInTLS):
		return "Set tls = true in [graphite]"
	case errors.Is(err, errProtocol):
		return "Set port in [graphite] to the one for the plaintext protocol, which is 2003 in carbon; 2004 takes pickles and 7002 queries"
	case errors.Is(err, errUnread):
		return "Check its load and the network"
	case errors.Is(err, errEarly):
		return "Check its log and its limits. A TCP proxy whose server is down does this, and so does a port for TLS, pickles or queries. For a receiver that closes idle connections, set a shorter confirm-hold"
	case errors.Is(err, errUnconfirmed):
		return "Check its log. If a device on the way drops half-closed connections, set confirm = drain in [graphite]"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ENOTCONN):
		return "Check its log and its limits: it closed the connection before it had read everything"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "Check the address and the firewalls, or set a longer connect-timeout"
	}
	return ""
}

func adviceOnTLS(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
		file      *tlsfile.Error
	)
	switch {
	case errors.As(err, &file):
		return "Correct the file"
	case errors.As(err, &authority):
		return "Set ca-file to the authority that has signed the server's certificate"
	case errors.As(err, &name):
		return "Set server-name to a name in the server's certificate, or check that this is the right server"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "Renew the server's certificate, and check the clocks of both hosts"
	case errors.As(err, &header):
		return "Check that it speaks TLS on that port. If it does not, set tls = false in [graphite]"
	case errors.Is(err, errHandshake) && !isAlert(err):
		return "Check that it speaks TLS on that port. If it does not, set tls = false in [graphite]"
	case !isAlert(err):
		return ""
	case strings.Contains(err.Error(), "certificate"):
		return "Check cert-file and key-file, and its log: it wants a client certificate that it trusts"
	}
	return "Check its log: its versions and ciphers may be too old, or it wants a client certificate"
}

// isAlert reports whether the peer has ended TLS with a reason.
func isAlert(err error) bool {
	var fault *net.OpError
	return errors.As(err, &fault) && fault.Op == "remote error"
}
