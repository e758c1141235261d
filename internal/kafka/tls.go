package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"haproxystats/internal/tlsfile"
)

// errHandshake marks an error of a TLS handshake.
var errHandshake = errors.New("TLS handshake")

func dialTLS(
	ctx context.Context, connect func(ctx context.Context, network, address string) (net.Conn, error),
	credentials *tlsfile.Credentials, network, address string,
) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	settings, err := credentials.Config(host)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, settings)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // nothing was written
		return nil, fmt.Errorf("%w with %s: %w", errHandshake, address, err)
	}
	return secured, nil
}
