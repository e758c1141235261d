// Package harness has the tools of the fault tests. The input of the programs can be
// computed, the accepted snapshots are recorded, and the output is compared with both.
//
//   - [Source] serves stats sockets; each value is a function of the socket, the
//     name, the field and the round, and the round is in the data.
//   - [QueueWatch] records the snapshots as they are renamed into the queue.
//   - [Feeder] hands over snapshots of a Source's without sockets or clocks.
//   - [Graphite] is a server that records path, time, value and count in [Received];
//     it can be killed and restarted, and its connections can have a [Fault].
//   - [Proxy] stands before a Graphite, and its connections can have a Fault, too.
//   - [Program] is one of the real programs; [Site] is where they are installed.
//   - [Begin] opens a row of the table that [Main] prints in the end.
//
// A test that has stopped its faults calls [Site.Settle], which checks the contract:
// nothing is missing or invented, each path and time has one value, repeats are within
// a bound, a fresh snapshot arrives within five seconds, and nothing is left behind.
//
// FAULTS=full asks for the full number of injections, FAULTS_TABLE names a file
// for the table, FAULTS_SEED repeats a run's random choices.
package harness
