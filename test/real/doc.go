// Package real runs the real servers that haproxystats stands between: HAProxy
// with traffic on one side, carbon-cache and carbon-c-relay on the other. The
// integration tests and the demo use it; the programs never link it.
//
// Servers listen on loopback only, on ports that were free, and write to
// directories they are given. A Start function returns when its server answers,
// and its Stop leaves no process behind; the kernel kills the servers should
// this process die without calling it. Linux only.
//
// The package reads HAProxy's stats socket and whisper files by means of its
// own, and knows nothing of the code under test, so that it can bear witness.
package real
