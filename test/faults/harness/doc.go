// Package harness holds the instruments of the fault tests: what goes in is
// computable, what was accepted is noted, and what comes out is compared with
// both.
//
//   - [Source] serves stats sockets; each value is a function of the socket, the
//     name, the field and the round, and the round is in the data.
//   - [QueueWatch] records the snapshots as they are renamed into the queue.
//   - [Feeder] hands over snapshots of a Source's without sockets or clocks.
//   - [Graphite] is a server that records path, time, value and count in [Received];
//     it can be killed, restarted and made to suffer from a [Fault].
//   - [Proxy] stands before a Graphite and does the same to connections.
//   - [Program] is one of the real programs; [Site] is where they are installed.
//   - [Begin] opens a row of the table that [Main] prints in the end.
//
// A test that has stopped its faults calls [Site.Settle], which holds the
// contract: nothing missing, nothing invented, one value a path and time,
// repeats within a bound, a fresh snapshot within five seconds, no leaks.
//
// FAULTS=full asks for the full number of injections, FAULTS_TABLE names a file
// for the table, FAULTS_SEED repeats a run's random choices.
package harness
