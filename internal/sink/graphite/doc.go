// Package graphite sends batches to a Graphite server as plaintext lines, over TLS if
// that is configured.
//
// A batch counts as delivered when the server has confirmed it. By default each batch
// travels over its own connection, which is then closed for writing. Only the server's
// clean close afterwards confirms that it has read everything. For receivers that can't
// handle a half-closed connection, connections are kept, and data counts once the
// receiver's kernel has acknowledged it. Several servers are used for fail-over, in
// their order. A batch that is not confirmed goes to a queue on disk, and is sent
// again, the oldest first, until it is confirmed. So a line may arrive twice, with the
// same value, and no line is lost before the server has confirmed it.
//
// The package does not know HAProxy or configuration files, and it does not know what
// the server does with the lines it has read.
package graphite
