package app

import "haproxystats/internal/config"

// Brokers makes what speaks to Kafka. Package brokers implements it with a client library
// that not all programs link: only their main packages hand it in, and the others
// have nil.
type Brokers interface {
	// Check refuses files of connections that can't be used. It connects to nothing.
	Check(*config.Config) []config.Problem
}

// checkSinks makes the checks of sinks that package config can't.
func checkSinks(c *config.Config, b Brokers) []config.Problem {
	problems := append(CheckGroups(c), checkTLS(c)...)
	if b != nil {
		problems = append(problems, b.Check(c)...)
	}
	return problems
}
