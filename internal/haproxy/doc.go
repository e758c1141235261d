// Package haproxy speaks to HAProxy's stats sockets and reads what they
// answer: the client, the parsers of `show info` and `show stat`, and the
// catalogue of their fields.
//
// Parsers take any input without failing: what they can't use they skip and
// count. The package does not know what becomes of the values.
package haproxy
