// Package kafka tests what talks to Kafka with real brokers, and with clients that share
// no code with ours: kcat, python3-kafka, Kafka's own tools, Kafka Connect, InfluxData's
// parser and the decoder of the OpenTelemetry Collector.
//
// One broker serves all tests of the package; tests that break a broker start their own.
// FAULTS=full runs the full numbers of injections.
package kafka
