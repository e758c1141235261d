// Package pull collects the statistics of all stats sockets in rounds.
//
// Rounds start at a fixed phase of the clock. A round asks every socket at the same
// time and ends with one snapshot or none. If a socket fails, the others are still
// read to their end, the fault is logged once, and the round is dropped without a
// trace. With [Puller.KeepPartial] the round is kept instead, with the complete
// replies of the sockets that have answered, unless all have failed. No error of a
// round ends [Puller.Run]. While the queue is full, no rounds are made.
//
// Each socket needs one buffer, whatever the size of its replies. A socket that does
// not answer delays no other, and delays the round by its time-out at most.
//
// The package does not know what replies mean, how they are fetched, or where
// snapshots are kept: see [Fetcher] and [Spool].
package pull
