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
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/outbox"
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

const topicHint = "Use letters, digits, '.', '_' and '-', and the placeholders {host}, {cluster} and {scope}"

// Check implements [app.Brokers].
func (b Brokers) Check(c *config.Config) []config.Problem {
	var problems []config.Problem
	for _, k := range c.Kafkas {
		section := config.KafkaSection(k.Name)
		if topic := sinkkafka.Template(k.Options.Topic); topic != "" {
			if err := topic.Check(); err != nil {
				problems = append(problems, config.Problem{Section: section, Option: "topic", Reason: err.Error(), Hint: topicHint})
			}
		}
		for _, fault := range filesOf(Connection(k.Options.KafkaConnection, section, b.program, nil)) {
			problems = append(problems, config.Problem{Section: section, Option: fault.Option, Reason: fault.Err.Error()})
		}
	}
	return problems
}

// Sink implements [app.Brokers].
func (b Brokers) Sink(c *config.Config, to app.BrokerSink) app.ClosingSink {
	k, _ := c.Kafkas.Get(to.Name)
	return sinkkafka.New(b.sinkOptions(k, to))
}

// sinkOptions returns the options of a section's sink.
func (b Brokers) sinkOptions(k config.Kafka, to app.BrokerSink) sinkkafka.Options {
	section := config.KafkaSection(to.Name)
	paths := app.GraphitePaths(config.Graphite{
		Namespace:                  k.Namespace,
		ClusterNamespace:           k.ClusterNamespace,
		PrefixHostname:             k.PrefixHostname,
		FQDN:                       k.FQDN,
		GroupNamespace:             k.GroupNamespace,
		GroupNamespaceDoubleWrites: k.GroupNamespaceDoubleWrites,
		PathStyle:                  k.PathStyle,
		Tags:                       k.Tags,
	}, to.Hostname)
	return sinkkafka.Options{
		Name:       section,
		Connection: Connection(k.KafkaConnection, section, b.program, to.Log),

		Topic:    sinkkafka.Template(k.Topic),
		Format:   formats[k.Format],
		Key:      sinkkafka.Key(k.Key),
		Hostname: to.Hostname,
		FQDN:     k.FQDN,
		Paths:    paths,
		Single:   k.Lines == config.KafkaSingleLine,
		Version:  to.Version,

		Acks:            sinkkafka.Acks(k.Acks),
		Idempotent:      k.Idempotent,
		Compression:     sinkkafka.Compression(k.Compression),
		MaxRecordBytes:  k.MaxRecordBytes,
		MaxBatchBytes:   k.MaxBatchBytes,
		Linger:          k.Linger,
		Timely:          k.Timestamp == config.KafkaTimeOfSnapshot,
		Create:          k.CreateTopic,
		Partitions:      k.Partitions,
		Replicas:        k.Replication,
		DeliveryTimeout: k.DeliveryTimeout,

		Pace:  outbox.Pace{Retries: k.Retries, Interval: k.Interval, Backoff: k.Backoff, Delay: k.Delay},
		Queue: to.Queue,
		Log:   to.Log,
	}
}

var formats = map[config.KafkaFormat]sinkkafka.Format{
	config.KafkaGraphite: sinkkafka.Graphite, config.KafkaJSON: sinkkafka.JSON, config.KafkaJSONMetric: sinkkafka.JSONMetric,
	config.KafkaInflux: sinkkafka.Influx, config.KafkaOTLP: sinkkafka.OTLP,
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
