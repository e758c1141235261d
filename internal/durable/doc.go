// Package durable makes files and directories that survive a power cut and that no
// other process can redirect: directories that are held open ([Dir]), locks ([Lock]),
// renames that never replace anything, and repeated attempts to remove files
// ([Litter]).
//
// # Promises
//
//   - No function follows a symbolic link in the last part of a path, or in a name
//     within a [Dir]. Links in earlier parts are the operator's, and are followed.
//   - Opening never waits, not even for the other end of a planted FIFO.
//   - RenameNoReplace never replaces a file. On a file system without that flag this
//     holds only while the callers have a lock; on a system without it, such as freebsd,
//     it holds for files always, and for directories while the callers have a lock.
//   - The sync of a directory makes only names durable: the caller syncs the content of
//     files first.
//
// The package does not know the content of the files.
package durable

import "io/fs"

// The modes of new files and directories, before the umask narrows them.
const (
	DirMode  fs.FileMode = 0o750
	FileMode fs.FileMode = 0o640
	// PrivateMode is for a lock that only the user of the programs may take: whoever
	// can read a file can lock it.
	PrivateMode fs.FileMode = 0o600
)
