// Package report turns repeated measurements into a table for people and into
// the lines that benchstat reads, both on one stream: benchstat skips what it
// does not know.
package report
