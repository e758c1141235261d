// Package starter writes a first configuration of haproxystats. It finds the sockets of
// the HAProxy that runs on the host, asks each one for its version and level, and gives
// the reason for each option as a comment.
//
// It changes nothing, and asks only sockets that HAProxy's configuration names, that stand
// in HAProxy's usual directories, or that the operator has named.
package starter
