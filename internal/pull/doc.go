// Package pull collects the statistics of all stats sockets in rounds.
//
// Rounds start on a fixed phase of the clock. A round asks every socket at the
// same time and ends in one snapshot or in none: whatever goes wrong with one
// socket, the others are read to their end, every problem is logged once, and
// the round is dropped with nothing left behind. [Puller.KeepPartial] keeps it
// instead, with the whole replies of the sockets that have answered and nothing
// of the others, unless all have failed. No error of a round ends
// [Puller.Run]. While the queue is full no rounds are made.
//
// Memory is a buffer for each socket, whatever the size of the replies. A socket
// that does not answer holds up nobody, and the round for its timeout only.
//
// The package knows neither what the replies mean nor how they are asked for
// nor where snapshots are kept: see [Fetcher] and [Spool].
package pull
