// Package dashboard makes the dashboards and alert rules of contrib/ from a few
// tables, which list the metrics that are shown together and the values that need
// attention.
//
// It promises that every metric in them exists, and has the unit and the help of the
// catalogue: [Metrics] asks the aggregator and selfstat what they can send, and any
// other metric is an error. A metric is drawn according to its nature, so a counter is
// never drawn as a level.
//
// It does not know whether a Graphite server has the metrics, or Prometheus the series;
// test/dashboards asks both. The programs do not link the package.
package dashboard

//go:generate go run ./gen
