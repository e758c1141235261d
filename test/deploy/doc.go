// Package deploy holds the tests of contrib/puppet and contrib/ansible: that
// both have every option of the configuration, and what they make of a node.
//
// The node is this machine's own root under an overlay that takes all writes,
// with a package of the programs, and with a systemctl that only remembers what
// it is told. Nothing in it has a network.
package deploy
