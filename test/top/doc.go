// Package top tests `haproxystats top` in a real terminal, before a real HAProxy and before
// one with 20,000 servers.
package top
