package app

import (
	"errors"
	"log/slog"

	"haproxystats/internal/config"
	"haproxystats/internal/selfstat"
	"haproxystats/internal/sink"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/snapshot"
	"haproxystats/internal/spool"
)

// Brokers makes what speaks to Kafka. Package brokers implements it with a client library
// that not all programs link: only their main packages hand it in, and the others
// have nil.
type Brokers interface {
	// Check refuses files of connections that can't be used. It connects to nothing.
	Check(*config.Config) []config.Problem
	// Sink returns a sink for the metrics of a section with a topic. It connects when it
	// is used.
	Sink(*config.Config, BrokerSink) ClosingSink
	// OpenTopics opens what haproxystats-central reads and writes.
	OpenTopics(TopicsSetup) (Topics, error)
	// Forward returns the sink of [forward], with a queue for tables or for snapshots. A
	// sink for snapshots is a process.SnapshotSink, too.
	Forward(*config.Config, ForwardSink) (ClosingSink, func() error, error)
}

// BrokerSink is what a sink needs besides the configuration.
type BrokerSink struct {
	// Name is that of the operator: "archive" for [kafka:archive], empty for [kafka].
	Name string
	// Hostname is the name of this host, and Version that of haproxystats.
	Hostname, Version string
	// Queue holds what waits.
	Queue outbox.Queue
	// Log gets messages for the operator.
	Log *slog.Logger
}

// ForwardSink is what the sink of [forward] needs besides the configuration.
type ForwardSink struct {
	// Node returns the name of this host.
	Node func() string
	// Open opens the directory of a snapshot.
	Open func(path string) (s snapshot.Snapshot, close func() error, err error)
	// Log gets messages for the operator.
	Log *slog.Logger
}

// ClosingSink is a sink that keeps connections until it is closed.
type ClosingSink interface {
	sink.Sink
	Close()
}

// SinkCheck returns the check of the configuration that haproxystats-process and
// haproxystats-central make. A program that runs neither of them links no sink by it.
func SinkCheck(b Brokers) config.Check {
	return func(c *config.Config) []config.Problem { return checkSinks(c, b) }
}

// checkSinks makes the checks of sinks that package config can't.
func checkSinks(c *config.Config, b Brokers) []config.Problem {
	problems := append(CheckPatterns(c), checkTLS(c)...)
	problems = append(problems, checkEvents(c)...)
	problems = append(problems, checkEndpoint(c)...)
	problems = append(problems, checkPushed(c)...)
	problems = append(problems, checkPushNames(c)...)
	problems = append(problems, checkGraphiteNames(c)...)
	if b != nil {
		problems = append(problems, b.Check(c)...)
	}
	return append(problems, checkNames(c)...)
}

// checkNames refuses sections of Kafka whose self metrics would have the same names.
func checkNames(c *config.Config) (problems []config.Problem) {
	taken := make(map[string]string)
	for _, name := range withTopic(c) {
		section := config.KafkaSection(name)
		prefix := selfstat.Sink{Name: section}.Prefix()
		if other, twice := taken[prefix]; twice {
			problems = append(problems, config.Problem{
				Section: section, Option: "topic",
				Reason: "the metrics of haproxystats itself would begin with " + prefix + ", as those of [" + other + "] do",
				Hint:   "Give one of the sections another name",
			})
		}
		taken[prefix] = section
	}
	return problems
}

// withTopic returns the names of the sections of Kafka that send metrics.
func withTopic(c *config.Config) (names []string) {
	for _, k := range c.Kafkas {
		if k.Options.Topic != "" {
			names = append(names, k.Name)
		}
	}
	return names
}

// withRecords reports whether a topic gets other records than Graphite's lines.
func withRecords(c *config.Config) bool {
	for _, k := range c.Kafkas {
		if k.Options.Topic != "" && k.Options.Format != config.KafkaGraphite {
			return true
		}
	}
	return false
}

// openKafka opens the sink of a section of Kafka.
func openKafka(s setup, name string) (sink.Sink, func() error, error) {
	c, _ := s.config.Kafkas.Get(name)
	queue, err := sink.OpenQueue(sink.QueueOptions{
		Dir:        c.QueueDir,
		MaxMetrics: int64(c.QueueSize),
		MaxBytes:   c.QueueMaxBytes,
		Log:        s.log.With("sink", config.KafkaSection(name)),
	})
	if err != nil {
		return nil, nil, err
	}
	to := s.brokers.Sink(s.config, BrokerSink{Name: name, Hostname: s.hostname, Version: s.version, Queue: queue, Log: s.log})
	return to, func() error { to.Close(); return queue.Close() }, nil
}

// openForward opens the sink of [forward].
func openForward(s setup, _ string) (sink.Sink, func() error, error) {
	return s.brokers.Forward(s.config, ForwardSink{
		Node: s.node, Log: s.log,
		Open: func(path string) (snapshot.Snapshot, func() error, error) {
			v, err := spool.OpenView(path, s.log)
			if err != nil {
				return snapshot.Snapshot{}, nil, err
			}
			snap, err := v.Snapshot()
			if err != nil {
				return snap, nil, errors.Join(err, v.Close())
			}
			return snap, v.Close, nil
		},
	})
}
