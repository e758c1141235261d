// Package wire has the form in which snapshots and tables of nodes travel on topics of
// Kafka: what haproxystats-process writes and haproxystats-central reads. The package
// does not know a client of Kafka; a header is a key and bytes.
//
// # Headers
//
//	v  the version of this format, 1
//	t  the kind of the record: snapshot, tables or tick
//	c  the cluster of the node, without a slash
//	n  the node, without a slash
//	e  the epoch of the snapshot, in seconds since 1970, decimal
//	a  the attempt, 16 hexadecimal digits
//	i  the instance of the producer: 16 hexadecimal digits, a space and the name of its
//	   host, for humans
//	s  for tables: the shard, a slash and the number of shards, such as 0/4
//
// A reader skips other headers. A tick has v and t only. A reader that finds a later
// version or an unknown kind leaves the record aside.
//
// An attempt is one sending of one snapshot, or of one shard of a node's tables. It has a
// number of its own, so that records that arrive twice, because a delivery failed on its
// way and was repeated, are not mixed. The producer chooses one partition for the whole
// attempt: [Partition] of the key, which is [Envelope.Key].
//
// # Values
//
// The records of an attempt are those of package snapshot, in order.
//
//   - The value of a record of kind snapshot is one frame of Zstandard (RFC 8878) with
//     content size and checksum, whose content is a record of the snapshot.
//   - Tables travel as a snapshot with one file, [TablesFile], whose content is a frame of
//     package tables. The value is a record of that snapshot, not compressed again.
//   - The value of a tick is empty. Ticks move the time of a partition in which nothing
//     else happens.
package wire
