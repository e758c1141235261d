// Package systemd tests the units of contrib/systemd: what systemd-analyze says of
// them, which system calls the programs make and the units allow, and, in a
// machine that systemd-nspawn starts, what they do.
package systemd
