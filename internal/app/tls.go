package app

import (
	"haproxystats/internal/config"
	"haproxystats/internal/tlsfile"
)

// graphiteTLS returns how connections to a Graphite are encrypted, or nil.
func graphiteTLS(g config.Graphite) *tlsfile.Files {
	if !g.TLS || !g.Enabled {
		return nil
	}
	return &tlsfile.Files{CAFile: g.CAFile, CertFile: g.CertFile, KeyFile: g.KeyFile, ServerName: g.ServerName}
}

// checkTLS refuses files that can't be used.
func checkTLS(c *config.Config) (problems []config.Problem) {
	for _, g := range c.GraphiteSections() {
		tls := graphiteTLS(g.Options)
		if tls == nil || (tls.CertFile == "") != (tls.KeyFile == "") {
			continue // an incomplete pair has been refused already
		}
		for _, fault := range tls.Check() {
			problems = append(problems, config.Problem{Section: config.GraphiteSection(g.Name), Option: fault.Option, Reason: fault.Err.Error()})
		}
	}
	return problems
}
