// Package doctor judges an installation: it looks at what it is pointed to, and
// says of each thing whether it is in order and what to do if it is not.
//
// It promises to change nothing, to send no metric, and to end in time whatever
// hangs. What it sees of the host comes through small interfaces, so that a host
// with any fault can be made up. It knows what goes wrong with sockets,
// directories, clocks and servers, and nothing of configuration files: the
// caller says what there is to look at.
package doctor
