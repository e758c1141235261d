// Package phases runs the steps of haproxystats-process one at a time on a
// generated snapshot, so that a profile or a comparison shows which of them
// changed: reading the files, parsing the replies, merging the rows of all
// processes, formatting the result, and writing it to a socket.
//
// What the program does besides (waiting, claiming and removing snapshots) is
// only in the figures of the whole program.
package phases
