// Package stage sets up what dashboards are about: two load balancers of real
// HAProxy instances with traffic, haproxystats on each of them once a second,
// and a real Graphite that takes the metrics and draws them.
//
// The traffic has tides, and [Stage.Upset] has a bad time begin in one backend,
// so that there is something to see. All listen on loopback; [Stage.Close]
// leaves nothing behind.
package stage
