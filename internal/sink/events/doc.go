// Package events delivers what haproxystats-pull has seen happen: the events in snapshots.
//
// [File] appends them to a file. [Sink] posts them to Graphite, Grafana or a webhook
// ([Destination]): it takes the events of a snapshot into its queue on disk, and an outbox
// sends them, the oldest first. An event that was sent is remembered by its id on disk, so
// that a snapshot that comes again, after a kill or a replay, sends nothing again; only an
// event whose confirmation was lost is sent twice, with the same id.
//
// An event that a destination refuses for good is put aside in a file and counted, so that
// it does not hold up those behind it.
package events
