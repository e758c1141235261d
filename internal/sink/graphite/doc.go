// Package graphite sends batches to a Graphite server as plaintext lines, and
// formats them.
//
// A snapshot travels over one connection, which is then half-closed; only the
// peer's own clean end of the connection confirms that it has read everything.
// Whatever is not confirmed goes to a queue on disk and is sent again, first in
// first out, until it is. So a line may arrive twice, with the same value, and
// none is lost that the peer hasn't read.
//
// The package does not know HAProxy or configuration files; it does not know
// what the peer does with the lines it has read.
package graphite
