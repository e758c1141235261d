// Package status is how the programs say how they fare, to whoever may open a
// UNIX socket: one JSON document a connection.
//
// It promises that the socket is never taken from a program that lives, that no
// file is removed that is no socket, that no link is followed to one, and that
// nobody who asks can hold the program up. A path may be of any length.
//
// It knows the form of the document and nothing of where its numbers come from,
// nor whether they are good.
package status
