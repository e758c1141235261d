// Package snapshot is about what one node said in one round: the raw replies of
// every HAProxy process to `show info` and `show stat`, and how they were
// collected. It names the files of a snapshot, writes and parses the manifest,
// keeps a snapshot in memory ([Memory]), and carries one as a stream of bounded
// records ([Encode], [Decoder]).
//
// A snapshot's files are an [fs.FS], so an entry of the spool, a recording and the
// records of a message queue are read by the same code. Items of a manifest and
// files that this version does not know travel unchanged. The package does not
// know what is in the replies.
//
// # Files
//
//	SOCKET_info   the reply of a socket to `show info`
//	SOCKET_stat   its reply to `show stat`
//	.manifest     how the files were collected, and their checksums
//
// # The manifest
//
// The manifest is text of one line an item. The last line has a CRC-32C in
// hexadecimal of all lines before it. Names and causes are quoted as in Go. A reader
// skips an unknown item, so that only a change of what the known ones mean needs
// another version; the manifest of a later version verifies nothing.
//
//	haproxystats manifest 1
//	round-duration-ms 87
//	round-skew-ms 2
//	sockets-failed 1
//	rounds-missed 3
//	hand-over-ms 41
//	failed "/run/haproxy/b.sock" "dial /run/haproxy/b.sock: connection refused"
//	file "a.sock_info" 1201 5e0e4a3c
//	file "a.sock_stat" 68124 9bb0d5f1
//	end eb6d8e98
//
// A file's numbers are its length in bytes and its CRC-32C. At most a thousand
// failures are named, each text with at most 256 bytes; sockets-failed counts all.
// rounds-missed and hand-over-ms are left out where they are 0.
//
// # Records
//
// [Encode] makes records of a snapshot, each no larger than the caller allows, so
// that one record fits in one value of a message queue. A record is
//
//	magic     3 bytes, "hps"
//	version   1 byte, 1
//	items     each of them: tag (uvarint), length (uvarint), that many bytes
//	checksum  4 bytes, CRC-32C of all bytes before, little-endian
//
// A uvarint is the variable-length integer of Protocol Buffers, as package
// encoding/binary of Go implements it; CRC-32C is that of RFC 3720, section 12.1.
// A reader skips an item whose tag it does not know. These are known:
//
//	1  id        16 bytes, the same in all records of the snapshot
//	2  sequence  uvarint, the number of the record, from 0
//	3  records   uvarint, how many records the snapshot has
//	4  bytes     uvarint, how many bytes all its files have
//	5  node      text, the node that the snapshot is of
//	6  cluster   text, the cluster of the node; it may be empty
//	7  epoch     varint (zigzag), seconds since 1970
//	8  files     uvarint, how many files the snapshot has
//	9  piece     a part of a file, any number of times
//
// Every record has the items 1 to 4, and the first one has 5 to 8. A piece is
//
//	length of the name (uvarint), name
//	size of the file (uvarint)
//	offset of the data in the file (uvarint)
//	CRC-32C of the file from its beginning to the end of the data, 4 bytes, little-endian
//	data: the rest of the item
//
// The pieces of a file follow one another, and so do the files; an empty file has
// one piece. The id is the beginning of a SHA-256 of what the first record says, the
// names and sizes of the files and the manifest, so that a snapshot that is sent
// again has the same records.
package snapshot

import (
	"errors"
	"io/fs"
	"strings"
	"time"
)

// The replies of a socket are in two files, named by the socket and a suffix.
const (
	InfoSuffix = "_info"
	StatSuffix = "_stat"
)

// ManifestName is the name of the manifest. The dot hides it from programs that
// take every file of a snapshot.
const ManifestName = ".manifest"

// Snapshot is what one node said in one round.
type Snapshot struct {
	// Node is the node's name, and Cluster that of its cluster. They are empty in
	// the node's own spool.
	Node, Cluster string
	// Epoch is the time of the round in seconds since 1970.
	Epoch int64
	// Round is how the files were collected; nil if the snapshot does not tell.
	Round *Round
	// Files are the replies and the manifest.
	Files fs.FS
}

// Round is how the files of a snapshot were collected.
type Round struct {
	// SocketsFailed is how many sockets have failed, so that the snapshot has no
	// files of theirs.
	SocketsFailed int
	// Failures names the sockets that have failed: all of them, or the first
	// thousand if the round was read from a manifest.
	Failures []Failure
	// Duration is how long the sockets took.
	Duration time.Duration
	// Skew is how long after its time the round began.
	Skew time.Duration
	// Missed is how many rounds were not made since the snapshot before, because their
	// time had passed.
	Missed int
	// HandOver is how long the hand-over of the snapshot before took, which makes it
	// durable: that of this one ends after its manifest is written. 0 means that it is
	// not known, or shorter than a millisecond.
	HandOver time.Duration
}

// Failure is a socket that has failed, and why.
type Failure struct {
	Socket string `json:"socket"`
	Cause  string `json:"cause"`
}

// IsHidden reports whether a name is not that of a file of the snapshot, but is for
// the programs that keep it. The manifest's is one of them.
func IsHidden(name string) bool { return strings.HasPrefix(name, ".") }

// IsReply reports whether a name is that of a socket's reply.
func IsReply(name string) bool {
	return !IsHidden(name) && (strings.HasSuffix(name, InfoSuffix) || strings.HasSuffix(name, StatSuffix))
}

var errFileName = errors.New("a file's name must not be empty, start with a dot, or hold a slash or a NUL")

// CheckFileName refuses names that lead out of a snapshot or hide in it.
func CheckFileName(name string) error {
	if name == "" || IsHidden(name) || strings.ContainsAny(name, "/\x00") {
		return errFileName
	}
	return nil
}
