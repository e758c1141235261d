// Package brokers makes what speaks to Kafka of the configuration.
//
// It is apart from package app because it links a client library that haproxystats-pull
// and check_haproxystats do not need: the main packages of the other programs hand it in.
package brokers

import (
	"cmp"
	"errors"
	"log/slog"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/kafka"
	"haproxystats/internal/tlsfile"
)

// Brokers implements [app.Brokers] for one program.
type Brokers struct{ program config.Program }

// New returns what speaks to Kafka for a program. It connects to nothing.
func New(program config.Program) Brokers { return Brokers{program} }

var _ app.Brokers = Brokers{}

// Connection returns how to reach the brokers of a section, such as "kafka:archive". A
// nil log means none.
func Connection(c config.KafkaConnection, section string, program config.Program, log *slog.Logger) kafka.Options {
	o := kafka.Options{
		Section:        section,
		Brokers:        c.Brokers,
		ClientID:       cmp.Or(c.ClientID, string(program)),
		Rack:           c.Rack,
		ConnectTimeout: c.ConnectTimeout,
		RequestTimeout: c.RequestTimeout,
		Log:            log,
	}
	if c.TLS {
		o.TLS = &tlsfile.Files{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, ServerName: c.ServerName}
	}
	if c.SASLMechanism != config.SASLNone {
		o.Login = &kafka.Login{
			Mechanism: kafka.Mechanism(c.SASLMechanism),
			Username:  c.SASLUsername, PasswordFile: c.SASLPasswordFile, TokenFile: c.SASLTokenFile,
		}
	}
	return o
}

// Check implements [app.Brokers].
func (b Brokers) Check(c *config.Config) []config.Problem {
	var problems []config.Problem
	for _, k := range c.Kafkas {
		section := config.KafkaSection(k.Name)
		for _, fault := range filesOf(Connection(k.Options.KafkaConnection, section, b.program, nil)) {
			problems = append(problems, config.Problem{Section: section, Option: fault.Option, Reason: fault.Err.Error()})
		}
	}
	return problems
}

// filesOf returns the faults of a connection's files. What is incomplete has been refused
// already.
func filesOf(o kafka.Options) (faults []*tlsfile.Error) {
	if o.TLS != nil && (o.TLS.CertFile == "") == (o.TLS.KeyFile == "") {
		faults = o.TLS.Check()
	}
	if l := o.Login; l != nil && cmp.Or(l.PasswordFile, l.TokenFile) != "" {
		var fault *tlsfile.Error
		if errors.As(l.Check(), &fault) && fault.File != "" {
			faults = append(faults, fault)
		}
	}
	return faults
}
