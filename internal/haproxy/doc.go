// Package haproxy talks to HAProxy's stats sockets: the client and the parsers of
// `show info` and `show stat`. Package catalogue has the meaning of the fields.
//
// Parsers accept any input: they skip and count what they can't use. The package
// does not know how the values are used.
package haproxy
