// Package haproxysim serves stats sockets that answer from recordings of a
// real HAProxy, in pieces of odd sizes and with faults on demand. It is for
// tests and benchmarks only.
//
// It answers `show info`, `show stat` and several commands joined by `;` as
// HAProxy does without a prompt: one line a connection, every reply ended by an
// empty line, then the connection is closed. It answers further commands from
// [Recording.More]. It invents no reply: what is not in the recording is answered as a
// real HAProxy has answered an unknown command, and `show servers state` as by one
// without servers.
// After `prompt i` a connection stays open, and a prompt follows each reply, as up to
// HAProxy 3.1.
package haproxysim
