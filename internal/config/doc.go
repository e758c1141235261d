// Package config reads the configuration of both programs into typed structs.
//
// One table ([Options]) has every option with its default, its kind and its field.
// Loading, printing, the example file and docs/configuration.md use this table. [Load]
// promises that a configuration without an error has no value out of range, and that
// its error has all problems, each with file, line, section, option, allowed values
// and a hint.
//
// The package opens no sockets, makes no directories and does not know the syntax of
// regular expressions: a caller adds such checks to [Load].
package config

//go:generate go run ./gendoc
