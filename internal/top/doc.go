// Package top is the model of `haproxystats top`: rows of HAProxy's processes, frontends,
// backends and servers, with rates between two rounds, their order, and which of them are
// shown. It asks stats sockets itself or follows the snapshots of a spool, and knows no
// terminal.
//
// A [Source] makes rounds. A [Reader] makes a [Reading] of each: it combines the processes of
// a round as haproxystats-process does, by package aggregate. A [Model] takes the readings and
// has the rows.
package top
