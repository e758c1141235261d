//go:build linux && portable

package durable

import "golang.org/x/sys/unix"

// searchOnly opens a directory that can't be listed.
const searchOnly = unix.O_PATH

func renameNoReplace(fromDir int, from string, toDir int, to string) error {
	return renameLinked(fromDir, from, toDir, to)
}
