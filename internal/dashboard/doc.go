// Package dashboard makes the dashboards and alert rules of contrib/ from a few
// tables: which metrics are shown together, and from what value on somebody
// should look.
//
// It promises that every metric in them exists, with its own unit and its own
// words: [Metrics] asks the aggregator and selfstat what they can send, and what
// they don't know is an error. How a metric is drawn follows from what it is, so
// that a counter is never drawn as a level.
//
// It does not know whether a Graphite has the metrics; test/dashboards asks one.
// The programs don't link the package.
package dashboard

//go:generate go run ./gen
