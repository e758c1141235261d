// Package outbox is the durable half of every network sink: it sends a batch at
// once, or queues it on disk and sends it later, the oldest first.
//
// A network sink is an [Outbox] with two parts of its own: an [Encoder], which
// turns a batch into the destination's format, and a [Transport], which sends
// those bytes and waits for the confirmation. The outbox decides when to send,
// how long to wait after a failure, what goes to the queue, and what the log,
// the counts and the health say about it. Several outboxes of one kind differ in
// their name and their queue.
//
// The package knows no destination and no format.
package outbox
