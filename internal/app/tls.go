package app

import (
	"haproxystats/internal/config"
	"haproxystats/internal/tlsfile"
)

// graphiteTLS returns how connections to Graphite are encrypted, or nil.
func graphiteTLS(c *config.Config) *tlsfile.Files {
	if !c.Graphite.TLS || !c.Graphite.Enabled {
		return nil
	}
	return &tlsfile.Files{
		CAFile:     c.Graphite.CAFile,
		CertFile:   c.Graphite.CertFile,
		KeyFile:    c.Graphite.KeyFile,
		ServerName: c.Graphite.ServerName,
	}
}

// checkTLS refuses files that can't be used.
func checkTLS(c *config.Config) []config.Problem {
	tls := graphiteTLS(c)
	if tls == nil || (tls.CertFile == "") != (tls.KeyFile == "") {
		return nil // an incomplete pair has been refused already
	}
	var problems []config.Problem
	for _, fault := range tls.Check() {
		problems = append(problems, config.Problem{Section: "graphite", Option: fault.Option, Reason: fault.Err.Error()})
	}
	return problems
}
