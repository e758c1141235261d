// Package prometheus has no code: the module pins the Prometheus that the tests beside it build,
// github.com/prometheus/prometheus/cmd/prometheus.
package prometheus
