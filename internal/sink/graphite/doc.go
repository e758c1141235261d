// Package graphite sends batches to a Graphite server as plaintext lines, over
// TLS where that is asked for.
//
// A batch counts as delivered when the server has confirmed it. By default it
// travels over one connection, which is then half-closed; only the server's own
// clean end of the connection confirms that it has read everything. Where
// something between passes no half-close, connections are kept, and what its
// kernel has acknowledged counts. Several servers are used for fail-over, one at
// a time, in their order. A batch that is not confirmed goes to a queue on disk
// and is sent again, first in first out, until it is. So a line may arrive twice,
// with the same value, and no line is lost that the server hasn't taken.
//
// The package does not know HAProxy or configuration files; it does not know
// what the server does with the lines it has read.
package graphite
