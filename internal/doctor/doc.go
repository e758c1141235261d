// Package doctor examines an installation: the configuration, the sockets, the
// directories, the host and Graphite. Each finding reports whether one thing is in
// order, and what to do if it is not.
//
// Doctor changes nothing, sends no metric, and ends in bounded time whatever hangs.
// It sees the host through small interfaces, so that tests can simulate any fault.
// Each check gathers its own facts, judges them and gives the remedy; the caller
// prints the report.
package doctor
