// Package deploy tests contrib/puppet and contrib/ansible: whether both know every option
// of the configuration, and how they change a node.
//
// The node is this machine's root under an overlay that takes all writes. It has a package
// of the programs, a systemctl that only records its arguments, and no network.
package deploy
