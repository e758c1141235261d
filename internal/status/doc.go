// Package status reports the state of a program on a UNIX socket: one JSON
// document for each connection.
//
// It never takes the socket from a living program, removes nothing but sockets,
// and follows no link. No client can hold the program up. A path may be of any
// length.
//
// It knows the form of the document, but not where the numbers come from, nor
// whether they are good.
package status
