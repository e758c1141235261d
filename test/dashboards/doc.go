// Package dashboards tests the dashboards and alert rules of contrib/ on a real
// Graphite that gets its metrics from haproxystats and real HAProxy: every
// target of every panel must have numbers, every variable a value, and every
// rule must fire when it should and not when it should not.
package dashboards
