package tlsfile

import "crypto/tls"

// Server returns settings for connections that clients open, with our own certificate.
// Clients need a certificate of the authorities in CAFile; without that file they need none.
// Files are read again as for [Credentials.Config].
func (c *Credentials) Server() (*tls.Config, error) {
	if _, err := c.Config(""); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// One value for all connections, because it has the keys of sessions.
	if c.server == nil || c.serverOf != c.good {
		own, err := c.good.GetClientCertificate(nil)
		if err != nil {
			return nil, err
		}
		s := &tls.Config{
			MinVersion: c.good.MinVersion, Certificates: []tls.Certificate{*own},
			DynamicRecordSizingDisabled: true, NextProtos: []string{"http/1.1"},
		}
		if c.options.CAFile != "" {
			s.ClientAuth, s.ClientCAs = tls.RequireAndVerifyClientCert, c.good.RootCAs
		}
		c.server, c.serverOf = s, c.good
	}
	return c.server, nil
}
