package app

import (
	"errors"
	"io"
	"log/slog"
	"strings"

	"haproxystats/internal/config"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/htpasswd"
	"haproxystats/internal/sink"
	"haproxystats/internal/tlsfile"
)

// Endpoint is what Prometheus scrapes.
type Endpoint interface {
	sink.Sink
	sink.Runner
	renamer
	Close() error
}

// renamer is a sink that stays open when the names of self metrics change.
type renamer interface {
	// SetOwn sets the names of self metrics that are about a sink.
	SetOwn(own map[string]samples.Own)
}

// OpenEndpoint opens the endpoint of a configuration. Package endpoint has it, with a server
// of HTTP that not all programs link: only their main packages hand it in, and the others
// have nil.
type OpenEndpoint func(*config.Config, EndpointSetup) (Endpoint, error)

// EndpointSetup is what an endpoint needs besides the configuration.
type EndpointSetup struct {
	// Version is that of haproxystats.
	Version string
	// Clusters tells batches apart by their cluster and node.
	Clusters bool
	// Own has the names of self metrics that are about a sink.
	Own map[string]samples.Own
	// Status writes the program's status document.
	Status func(io.Writer) error
	// Log gets messages for the operator.
	Log *slog.Logger
}

// openEndpoint opens the sink of [prometheus].
func openEndpoint(s setup, _ string) (sink.Sink, func() error, error) {
	if s.endpoint == nil {
		return nil, nil, errors.New("this program can't be scraped: remove [prometheus]")
	}
	opened, err := s.endpoint(s.config, EndpointSetup{Version: s.version, Clusters: s.node == nil, Own: s.own, Status: s.status, Log: s.log})
	if err != nil {
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

// ownColumns returns which self metrics are about which sink.
func ownColumns(c *config.Config) map[string]samples.Own {
	all := make(map[string]samples.Own)
	for _, k := range sinkKinds {
		for _, name := range k.configured(c) {
			of := k.stats(k.name)
			if name != "" {
				of.Name += ":" + name
			}
			central := of.CentralColumns()
			for i, column := range of.Columns() {
				own := samples.Own{Field: strings.TrimPrefix(column.Name, of.Prefix()), Sink: of.Name}
				all[column.Name], all[central[i].Name] = own, own
			}
		}
	}
	return all
}

// EndpointTLS returns the files of encrypted connections to the endpoint.
func EndpointTLS(c *config.Config) tlsfile.Files {
	p := c.Prometheus
	return tlsfile.Files{CertFile: p.CertFile, KeyFile: p.KeyFile, CAFile: p.ClientCAFile}
}

// checkEndpoint refuses files of [prometheus] that can't be used.
func checkEndpoint(c *config.Config) (problems []config.Problem) {
	p := c.Prometheus
	if !p.Enabled {
		return nil
	}
	refuse := func(option string, err error) {
		problems = append(problems, config.Problem{Section: "prometheus", Option: option, Reason: err.Error()})
	}
	if p.CertFile != "" && p.KeyFile != "" {
		for _, fault := range EndpointTLS(c).Check() {
			if fault.Option == "ca-file" {
				fault.Option = "client-ca-file"
			}
			refuse(fault.Option, fault.Err)
		}
	}
	if p.UsersFile != "" {
		if err := htpasswd.Check(p.UsersFile); err != nil {
			refuse("users-file", err)
		}
	}
	return problems
}
