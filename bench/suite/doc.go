// Package suite is the list of what is measured: how many snapshots of each
// size for which program, in which order, and the project's goals.
//
// Programs and sizes take turns within every repetition, so that a slow minute
// of the machine falls on all of them.
package suite
