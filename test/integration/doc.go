// Package integration holds tests that run both programs as an operator does,
// between real servers: HAProxy with traffic on one side, carbon-cache and
// carbon-c-relay on the other.
//
// What should arrive is computed here a second time, from the replies of the
// stats sockets, by means as plain as can be, which share no code with the
// programs. The same assertions run against the simulator, so that what other
// tests learn from it is true of HAProxy.
package integration
