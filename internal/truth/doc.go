// Package truth keeps counters right while HAProxy's workers come and go. A worker that
// starts counts from 0, a worker that stops goes on counting for its last clients, and
// an operator may clear counters at any time. The package adds up what all of them have
// said, so that a total never falls and nothing is counted twice.
//
// # Terms
//
// An [Instance] is one life of a worker: its process identifier and start time. A
// [Base] has what the counters of one socket had reached before the instances that
// live now. The total of a counter is its value in the base and the values of all
// instances that live:
//
//	total = base + sum of what the instances say
//
// Values in a base may be negative: a worker that starts with the counters of its
// predecessor (stats-file, shm-stats-file) has these as a negative share in the base,
// so that a reader only adds. Of rows that two workers share, the base says which
// worker does not count. A base changes when an instance ends, a row is cleared or
// removed, or a counter of 32 bits wraps. Otherwise the replies are enough.
//
// # The account
//
// An [Account] has a base and the latest words of each instance that lives. It takes
// what the instances say in a round ([Account.Step]) and keeps every total. A [Tally]
// shows with little memory whether the rows of one instance are worth an account: as
// long as no counter falls, they are not.
//
// The package is pure: it reads replies and bases from readers, has no clock, and
// opens no file. Where the base and the latest words are kept is the affair of package
// truth/store.
package truth
