// Package kafka reads what nodes send to topics of Kafka, for haproxystats-central.
//
// [Tables] reads the tables of nodes. Each partition that it owns is a log of its own,
// with a cluster.Stage that makes the windows of the clusters in it. [Snapshots] reads raw
// snapshots and is a process.Source.
//
// # What is committed
//
// A record is in hand until nothing that was made of it is needed: until the window is
// closed, or the snapshot has been accepted by all sinks. The offset that is committed for
// a partition is the smallest one in hand, and the mark of the stage travels in the
// metadata of the commit. So the next owner of the partition builds the open windows
// again, and leaves out those that are closed. Offsets are committed in a goroutine of
// their own, because a commit may wait as long as the group rebalances.
//
// # Time
//
// The time of a partition is the largest time of its records. Each owner of a partition
// writes a tick to it once a second, so that time goes on where no node reports. The clock
// of this host decides nothing.
//
// # What stops what
//
// Each partition has a goroutine and a bounded queue. A partition whose sinks do not
// accept fills its queue, and is fetched no longer until there is room; polling and the
// other partitions go on. A record that can't be used is put aside ([DeadLetters]).
package kafka
