package graphite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// explain says what was tried, what came of it, and where to look.
func (p *peer) explain(operation string, err error) error {
	if hint := advice(err); hint != "" {
		return fmt.Errorf("%s graphite server %s: %w (%s)", operation, p.address, err, hint)
	}
	return fmt.Errorf("%s graphite server %s: %w", operation, p.address, err)
}

func advice(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "check the name in option server, and the resolver"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check that it runs and listens on that port for the plaintext protocol"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "check the route to it"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "check the firewall of this host"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "check the limit of open files"
	case errors.Is(err, ErrStalled), errors.Is(err, ErrTooSlow):
		return "check its load and the network, or set a longer write-timeout"
	case errors.Is(err, ErrUnconfirmed):
		return "check its log, and that nothing between here and there drops half-closed connections"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ENOTCONN):
		return "it closed the connection before it had read everything: check its log and its limits"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "check the address and the firewalls, or set a longer connect-timeout"
	}
	return ""
}
