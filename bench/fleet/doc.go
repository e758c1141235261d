// Package fleet simulates the nodes of a large cluster, and measures what it takes to
// combine them.
//
// The nodes' snapshots are those of package workload. Their tables, encoded as nodes
// send them, go to logs, one for each shard of the cluster, as to the partitions of a
// message queue. Most of them come in time; some come late, twice, or not at all. A
// program of its own ([Central]) reads the logs with a cluster.Stage for each, commits
// what is released, and is killed now and then. The last values of each window are
// compared with those of one aggregation of the same snapshots, which never were
// tables.
//
// The time of the logs is made up, so the reader is as fast as it can. What is measured
// is the CPU time of a window, the bytes of a node, and the reader's memory.
package fleet
