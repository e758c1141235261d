// Package status reports the state of a program on a UNIX socket: one JSON
// document for each connection.
//
// The package never takes the socket from a living program, removes nothing but
// sockets, and follows no link. No client can delay the program. A path may be of
// any length.
//
// The package defines the document. Its callers supply the numbers and judge them.
package status
