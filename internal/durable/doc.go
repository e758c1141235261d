// Package durable makes files, directories and their names last, and keeps them
// the caller's own: directories that are held open ([Dir]), locks ([Lock]),
// renames that never replace anything, and the removal of what could not be
// removed at once ([Litter]).
//
// # Promises
//
//   - No function follows a symbolic link in the last part of a path, or in a name
//     within a [Dir]. Links before that are the operator's, and are followed.
//   - Opening never waits: not for the other end of a FIFO that somebody planted.
//   - A function whose name begins with RenameNoReplace never replaces what is
//     there, also on a file system without that flag, as long as the callers hold
//     a lock.
//   - Only names are made durable by a sync of their directory: the caller syncs
//     the content of files first.
//
// The package does not know what is in the files.
package durable

import "io/fs"

// Modes of all that the programs make, before the umask narrows them.
const (
	DirMode  fs.FileMode = 0o750
	FileMode fs.FileMode = 0o640
	// PrivateMode is for a lock that only the user of the programs may take: whoever
	// can read a file can lock it.
	PrivateMode fs.FileMode = 0o600
)
