// Package haproxy speaks to HAProxy's stats sockets and reads what they
// answer: the client and the parsers of `show info` and `show stat`. What the
// fields mean is told by package catalogue.
//
// Parsers take any input without failing: what they can't use they skip and
// count. The package does not know what becomes of the values.
package haproxy
