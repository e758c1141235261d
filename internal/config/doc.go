// Package config reads the configuration of both programs into typed structs.
//
// One table ([Options]) holds every option with its default, its kind and its
// field; loading, printing, the example file and docs/configuration.md follow
// it. [Load] promises that a configuration it returns without an error has no
// value out of range, and that its error names all problems at once, each with
// file, line, section, option and what is allowed.
//
// It opens no sockets and makes no directories, and does not know what regular
// expressions look like: a caller adds such checks to [Load].
package config

//go:generate go run ./gendoc
