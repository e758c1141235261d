// Package workload generates snapshots for benchmarks: directories as
// haproxystats-pull would write them, of a chosen [Size] and any number of
// rounds.
//
// Header, rows and info keys are those of a recorded HAProxy; the generator
// only multiplies the rows, names them, and replaces numbers. Names, order and
// the state of every proxy stay the same from round to round, counters grow and
// gauges move, so that a program under test reaches its steady state. The same
// size, seed, process and round give the same bytes on every machine.
//
// The package knows nothing of the programs that read what it writes.
package workload
