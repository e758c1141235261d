// Package systemd tests the units of contrib/systemd: the judgement of systemd-analyze,
// the system calls that the programs make against those that the units allow, and the
// units at work in a machine that systemd-nspawn starts.
package systemd
