// Package spool is a queue of directories on one file system: one program
// stages a directory and hands it over by one rename ([Writer]), another claims
// it, reads it and takes it out by one rename ([Reader]). The directories
// themselves are the whole state: there is no index that could disagree with
// them after a crash.
//
// # Promises
//
//   - A directory that is visible in the queue is complete and on the disk,
//     with its files, also after a kill or a power cut. It never replaces
//     another one.
//   - An entry stays in the queue until it is committed. A crash at any moment
//     repeats an entry at most.
//   - A committed entry leaves the queue by one rename and is deleted
//     elsewhere, so that a half-deleted directory is never read as an entry. The
//     order of the rename and the deletions is the file system's journal's:
//     ext4, xfs and btrfs keep it over a power cut.
//   - What is read is what was handed over: [Entry.FS] compares it with the
//     entry's manifest. An entry without one, which another program has written,
//     is read as it is.
//   - An entry that can't be processed is given up after three tries, one that
//     ends the program each time after ten, whatever programs they were in.
//   - Nothing planted in the queue is followed, blocks or ends a program.
//     Only regular files are opened, and only directories named by digits are
//     entries.
//
// # Places
//
// A queue in "incoming" has these neighbours, all on its file system:
//
//	incoming.tmp          staged by the writer (its path is the writer's option)
//	incoming.trash        committed, being deleted; emptied when a reader opens
//	incoming.corrupt      given up, for the operator to look at: the newest 100
//	incoming.reader.lock  held by the one reader
//	incoming.writer.lock  held by the one writer
//
// # Inside an entry
//
// Files that begin with a dot are the queue's own, and the others' readers
// don't see them:
//
//	.manifest        written last by the writer: see package snapshot
//	.try1 to .try3   one for each try that the entry has cost
//	.claim1          while it is claimed, or if the program ended meanwhile: then
//	                 the next claim makes .claim2
//
// The package does not know what the files of an entry mean.
package spool
