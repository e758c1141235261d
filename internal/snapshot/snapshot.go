// Package snapshot has the formats of a snapshot: the raw replies of every HAProxy
// process of one node to `show info` and `show stat` in one round, with a description
// of the round. The package names the files of a snapshot, writes and parses the
// manifest, keeps a snapshot in memory ([Memory]), and converts it to a stream of
// bounded records and back ([Encode], [Decoder]).
//
// A snapshot's files are an [fs.FS], so an entry of the spool, a recording and the
// records of a message queue are read by the same code. Items of a manifest and
// files that this version does not know stay unchanged. The package does not know
// the content of the replies.
//
// # Files
//
//	SOCKET_info   the reply of a socket to `show info`
//	SOCKET_stat   its reply to `show stat`
//	SOCKET_base   what its counters had reached before the workers that live now
//	SOCKET_servers
//	              in the form of `show servers state`: the servers that are in
//	              maintenance by the configuration; none if there are none
//	SOCKET_tables, SOCKET_resolvers, SOCKET_certs
//	              what it has said of stick tables, resolvers and certificates
//	SOCKET_info.typed, SOCKET_stat.typed
//	              of what kind fields are that haproxystats-pull does not know
//	SOCKET_info.PID-START, SOCKET_stat.PID-START
//	              the replies of another worker than the one that answers at the socket
//	events        what happened to HAProxy since the previous snapshot, as package event
//	              writes it; none if nothing did
//	.manifest     how the files were collected, and their checksums
//
// # The manifest
//
// The manifest is text with one item per line. The last line has the CRC-32C of all
// lines before it in hexadecimal. Names and causes are quoted as in Go. A reader skips
// an unknown item, so that only a new meaning of a known item needs another version.
// Nothing is verified by the manifest of a later version.
//
//	haproxystats manifest 1
//	round-duration-ms 87
//	round-skew-ms 2
//	sockets-failed 1
//	interval-s 10
//	rounds-missed 3
//	hand-over-ms 41
//	rows proxies
//	reloads 1
//	base "a.sock" 7
//	instance "a.sock" 3101 1795891243 current
//	instance "a.sock" 2965 1795891241 old
//	failed "/run/haproxy/b.sock" "dial /run/haproxy/b.sock: connection refused"
//	down "b.sock"
//	file "a.sock_info" 1201 5e0e4a3c
//	file "a.sock_stat" 68124 9bb0d5f1
//	end eb6d8e98
//
// A file's numbers are its length in bytes and its CRC-32C. There are at most a
// thousand failures, each text with at most 256 bytes; sockets-failed counts all.
// interval-s, rounds-missed and hand-over-ms are left out if they are 0, and so are
// reloads, restarts, crashes, failed-reloads, seconds-unaccounted, requests-unaccounted and
// accounts-failed, which count since the previous snapshot. The item rows is there if HAProxy
// was asked for the rows of frontends and backends only. A base has its
// generation, and an instance, which is one life of a worker, its process identifier,
// its start in seconds since 1970, and its role: current, old, stale if its rows are
// those of an earlier round, or silent if all of its replies are.
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
//	3  records   uvarint, the number of records of the snapshot
//	4  bytes     uvarint, the size of all its files
//	5  node      text, the node of the snapshot
//	6  cluster   text, the cluster of the node; it may be empty
//	7  epoch     varint (zigzag), seconds since 1970
//	8  files     uvarint, the number of files of the snapshot
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
// All pieces of a file come before those of the next file; an empty file has one
// piece. The id is the beginning of the SHA-256 of node, cluster, epoch, the names and
// sizes of the files, and the manifest, so that a snapshot that is sent again has the
// same records.
package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The replies of a socket are in two files, named by the socket and a suffix.
const (
	InfoSuffix = "_info"
	StatSuffix = "_stat"
)

// BaseSuffix ends the name of the file with the base of a socket.
const BaseSuffix = "_base"

// EventsName is the name of the file with events. No socket has a file of this name.
const EventsName = "events"

// ServersSuffix ends the name of the file with what `show servers state` said of the
// servers of a socket.
const ServersSuffix = "_servers"

// What a socket has said beside its two replies is in files with these suffixes. Readers of
// earlier versions skip them.
const (
	// TablesSuffix ends the name of the answer to `show table`, ResolversSuffix that of the
	// one to `show stat domain resolvers`, and CertificatesSuffix that of what `show ssl cert`
	// has said of certificates.
	TablesSuffix       = "_tables"
	ResolversSuffix    = "_resolvers"
	CertificatesSuffix = "_certs"
	// InfoTypedSuffix and StatTypedSuffix end the names of answers in the typed form, which
	// say of what kind the fields are that haproxystats-pull does not know.
	InfoTypedSuffix = "_info.typed"
	StatTypedSuffix = "_stat.typed"
)

var collectedSuffixes = []string{TablesSuffix, ResolversSuffix, CertificatesSuffix, InfoTypedSuffix, StatTypedSuffix}

// IsCollected reports whether a name is that of a file with what a socket has said beside
// its two replies.
func IsCollected(name string) bool {
	return !IsHidden(name) && slices.ContainsFunc(collectedSuffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// ManifestName is the name of the manifest. The dot hides it from programs that
// process every file of a snapshot.
const ManifestName = ".manifest"

// Snapshot has the replies of one node in one round.
type Snapshot struct {
	// Node is the node's name, and Cluster that of its cluster. They are empty in
	// the node's own spool.
	Node, Cluster string
	// Epoch is the time of the round in seconds since 1970.
	Epoch int64
	// Round is the round that collected the files; nil if it is not known.
	Round *Round
	// Files are the replies and the manifest.
	Files fs.FS
}

// Round is one round of collecting: its duration, skew and failed sockets.
type Round struct {
	// SocketsFailed is the number of failed sockets. The snapshot has no files of these.
	SocketsFailed int
	// Failures are the failed sockets: all of them, or the first thousand if the round
	// was read from a manifest.
	Failures []Failure
	// Down are the failed sockets by the names that their files would have, at most a
	// thousand.
	Down []string
	// Interval is the time from one round to the next, in whole seconds; 0 if it is not
	// known.
	Interval time.Duration
	// Duration is the time that the sockets needed for their replies.
	Duration time.Duration
	// Skew is the delay between the planned and the real start of the round.
	Skew time.Duration
	// Missed is the number of rounds since the previous snapshot that were not made,
	// because their time had passed.
	Missed int
	// ProxiesOnly reports whether HAProxy was asked for the rows of frontends and backends only:
	// nothing is known of servers and listeners.
	ProxiesOnly bool
	// HandOver is the time that the hand-over of the previous snapshot took, which makes
	// it durable. This snapshot's own hand-over ends only after its manifest is written. 0
	// means unknown, or less than a millisecond.
	HandOver time.Duration
	// Accounts are the sockets whose counters are accounted for over the lives of
	// HAProxy's workers.
	Accounts []Account
	// Workers is what has happened to HAProxy's workers since the previous snapshot.
	Workers Workers
}

// Workers counts what has happened to HAProxy's workers.
type Workers struct {
	// Reloads counts workers that were replaced while they finished their work, and
	// Restarts those that had ended before their successors began. Crashes counts such
	// workers apart, if their master or older workers lived on.
	Reloads, Restarts, Crashes int64
	// FailedReloads counts reloads that failed, as HAProxy's master says.
	FailedReloads int64
	// SecondsUnaccounted is the time in which workers that ended were not heard, and
	// RequestsUnaccounted an estimate of the requests that they had meanwhile.
	SecondsUnaccounted, RequestsUnaccounted int64
	// AccountsFailed counts rounds of sockets whose counters could not be accounted for.
	AccountsFailed int64
}

// Add adds the counts of o.
func (w *Workers) Add(o Workers) {
	w.Reloads += o.Reloads
	w.Restarts += o.Restarts
	w.Crashes += o.Crashes
	w.FailedReloads += o.FailedReloads
	w.SecondsUnaccounted += o.SecondsUnaccounted
	w.RequestsUnaccounted += o.RequestsUnaccounted
	w.AccountsFailed += o.AccountsFailed
}

// workerCount is one of the counts of Workers, with its name in the manifest.
type workerCount struct {
	name string
	n    *int64
}

func (w *Workers) counts() []workerCount {
	return []workerCount{
		{"reloads", &w.Reloads},
		{"restarts", &w.Restarts},
		{"crashes", &w.Crashes},
		{"failed-reloads", &w.FailedReloads},
		{"seconds-unaccounted", &w.SecondsUnaccounted},
		{"requests-unaccounted", &w.RequestsUnaccounted},
		{"accounts-failed", &w.AccountsFailed},
	}
}

// count returns the count with that name in the manifest, or nil.
func (w *Workers) count(name string) *int64 {
	for _, c := range w.counts() {
		if c.name == name {
			return c.n
		}
	}
	return nil
}

// Account says which files of a socket belong to its account.
type Account struct {
	// Socket is the name of its files, without a suffix.
	Socket string
	// Generation is that of its base, or 0 if it has none.
	Generation uint64
	// Instances are the workers that live.
	Instances []Instance
}

// Instance is one life of a worker.
type Instance struct {
	Pid int
	// Start is the start time in seconds since 1970.
	Start int64
	Role  Role
}

// Role is the part that an instance has.
type Role string

// The roles.
const (
	// Current is the worker that answers at the socket.
	Current Role = "current"
	// Old is a worker that was replaced and finishes the work of its last clients.
	Old Role = "old"
	// Stale is an old worker whose rows are those of an earlier round: their counters are
	// known, and their levels are not. HAProxy 2.4 and before tell no rows while they stop.
	Stale Role = "stale"
	// Silent is a worker that did not answer in this round at all.
	Silent Role = "silent"
)

// File returns the name of a file with a reply of the instance.
func (i Instance) File(socket, suffix string) string {
	if i.Role == Current {
		return socket + suffix
	}
	return fmt.Sprintf("%s%s.%d-%d", socket, suffix, i.Pid, i.Start)
}

// Failure is a failed socket with the cause.
type Failure struct {
	Socket string `json:"socket"`
	Cause  string `json:"cause"`
}

// IsHidden reports whether a name is reserved for the programs that store the
// snapshot. The manifest has such a name.
func IsHidden(name string) bool { return strings.HasPrefix(name, ".") }

// IsReply reports whether a name is that of a socket's reply.
func IsReply(name string) bool {
	return !IsHidden(name) && (strings.HasSuffix(name, InfoSuffix) || strings.HasSuffix(name, StatSuffix))
}

// oldReply matches the name of a reply of another worker than the current one.
var oldReply = regexp.MustCompile(`(?s)^[^.].*_(info|stat)\.[1-9][0-9]{0,9}-[0-9]{1,13}$`)

// IsAccount reports whether a name is that of a file of an account: a base, the states
// of servers, or a reply of another worker than the current one.
func IsAccount(name string) bool {
	return !IsHidden(name) && (strings.HasSuffix(name, BaseSuffix) || strings.HasSuffix(name, ServersSuffix) || oldReply.MatchString(name))
}

var errFileName = errors.New("a file's name must not be empty, start with a dot, or contain a slash or a NUL")

// CheckFileName refuses names that lead out of a snapshot or hide in it.
func CheckFileName(name string) error {
	if name == "" || IsHidden(name) || strings.ContainsAny(name, "/\x00") {
		return errFileName
	}
	return nil
}
