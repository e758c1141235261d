// Package real runs the real servers at both ends of haproxystats: HAProxy with traffic,
// and carbon-cache, carbon-c-relay and Apache Kafka. The integration tests and the demo
// use it; the programs never link it.
//
// Servers listen only on loopback, on free ports, and write only to the directories that
// the caller names. A Start function returns when its server answers, and Stop leaves no
// process behind. If this process dies without a call of Stop, the kernel kills the
// servers. Linux only.
//
// The package reads HAProxy's stats socket and whisper files with its own code, and not
// with the code under test, so its results are independent.
package real
