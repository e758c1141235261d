// Package window combines the tables of a cluster's nodes, one window of time after
// another.
//
// A window is an interval of time. Each node has one snapshot in it, and the window's
// batch is their exact combination: sums are added, means are weighted by the number of
// their values, percentiles are over all processes of all nodes. The window is emitted
// as soon as all expected nodes are in, or after a grace; and again, for the same second,
// when a late node comes. Nothing is invented: a node that is missing is missing, and
// the batch says how many are.
//
// # What makes it exact under crashes
//
// The package has no clock. Time is that of the log from which the tables come: the
// times of the records, and of ticks that stand in for records when there are none. So
// every decision is a function of the log, and whoever reads it again decides alike.
// Of two snapshots of one node and window the first in the log counts.
//
// A contribution is held until its window is closed for good, and then released; the
// time of the log up to which all windows are closed is the mark. A reader that commits
// what is released together with the mark, and begins again there, builds the open
// windows again and emits them at least as complete as before.
package window
