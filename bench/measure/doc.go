// Package measure runs haproxystats-process and haproxystats-pull as whole
// programs over a generated workload and measures what an operator pays: the
// CPU time of the program and all its children, its peak memory, and the time
// from its start to the first line it sends.
//
// Everything stays on loopback. The Graphite receiver and the stats sockets
// live in the measuring process, so their cost is not counted. Absolute times
// drift with a machine's neighbours; so each snapshot is also read by "wc -l"
// just before the program under test gets it, as a yardstick that drifts alike.
//
// The package does not know which implementation it measures: a [Program] is
// two paths.
package measure
