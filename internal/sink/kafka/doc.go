// Package kafka sends batches to topics of Apache Kafka.
//
// The encoder makes records of a batch, each with its topic, key and headers, and writes
// them as a stream of frames, which is also what the queue on disk holds. The transport
// reads the frames and produces the records. A batch counts as delivered when the
// brokers have acknowledged all of its records. Otherwise it goes to the queue, and is
// sent again, the oldest first. So a record may be in the topic twice, with equal
// content, and none is lost before a broker has acknowledged it.
//
// A delivery ends at its deadline whatever the brokers do. Records that the topic finds
// too large are cut; one that can't be cut is left out and counted.
//
// The package does not know HAProxy or configuration files.
package kafka
