// Package transitions finds out what happens to HAProxy, and makes events of it: a
// server changed its state, HAProxy was reloaded, counters were cleared.
//
// A [Tracker] follows one socket. It sees the rows of the current worker while somebody
// else reads them ([Tracker.Begin], [Tracker.See]), and then learns the rest of the
// round ([Tracker.End]). What it knows of a row has 16 bytes. [Tracker.Append] and
// [Tracker.Parse] keep all of it over the end of the program.
//
// # When a row changed
//
// HAProxy says how many seconds ago a row changed (lastchg), so an event has its true
// time also if the sample is late. lastchg moves with the operational state alone: not
// if a server is drained, and not if one that is down goes into maintenance. Such an
// event has the time of the sample, and says so.
//
// A row that went down and came back between two samples shows in its count of down
// transitions (chkdown); one without checks shows it in lastchg. What is seen first
// makes no event. A new worker begins with new ages and counts: there a row makes an
// event only if its state is another one, and the time since when it has its state
// stays.
//
// The package is pure: it has no clock and opens no file.
package transitions
