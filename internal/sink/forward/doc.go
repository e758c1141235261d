// Package forward sends what a node knows to the centre, by topics of Kafka: the tables of
// each batch ([NewTables]), or raw snapshots ([NewSnapshots]). Package kafka/wire has the
// form of the records.
//
// Both are an outbox. What it sends, and what its queue has on disk, is a stream of heads
// and records: a head has what the headers of the records tell, and each head begins an
// attempt. The transport produces the records of an attempt to one partition, in order,
// and chooses attempt and partition anew for each sending. A batch counts as delivered
// when all replicas in sync have all of its records. An attempt that fails on its way is
// left incomplete in the topic, where readers throw it away.
//
// Raw snapshots always go through a queue, which has hard links to the files of the spool,
// so that queueing costs no copy: [LinkQueue].
package forward
