// Package kafka tests what talks to Kafka with real brokers, and with clients that share
// no code with ours: kcat, python3-kafka, Kafka's own tools and Kafka Connect.
//
// One broker serves all tests of the package; tests that break a broker start their own.
package kafka
