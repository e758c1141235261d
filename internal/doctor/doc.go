// Package doctor examines an installation: it looks at the configuration, the
// sockets, the directories, the host and Graphite, and says of each whether it is
// in order and what to do if it is not.
//
// It promises to change nothing, to send no metric, and to end in time whatever
// hangs. What it sees of the host comes through small interfaces, so that tests
// can make up a host with any fault. Every check owns its looking, its judging
// and its remedy; the caller prints the report.
package doctor
