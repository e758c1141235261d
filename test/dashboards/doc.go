// Package dashboards tests the dashboards and alert rules of contrib/ on a real Graphite,
// which gets its metrics from haproxystats and real HAProxy. Every target of every panel
// must have numbers, and every variable a value. Every rule must fire on the metrics of a
// fault, and stay quiet otherwise.
package dashboards
