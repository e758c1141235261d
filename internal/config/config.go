package config

import (
	"log/slog"
	"time"

	"haproxystats/internal/config/ini"
)

// Config is the configuration of both programs. The comments of its fields,
// and of theirs, are the text of docs/configuration.md.
type Config struct {
	// Options that every other section inherits where it neither sets them
	// itself nor has a default of its own. Any other name set here is a variable
	// for `${name}` in all sections.
	Default Default
	// Where files are kept.
	Paths Paths
	// How haproxystats-pull collects statistics from HAProxy.
	Pull Pull
	// How haproxystats-process turns collected statistics into metrics.
	Process Process
	// Where haproxystats-process sends metrics, and what it does while Graphite
	// does not take them. Always on.
	Graphite Graphite
	// Metrics in files, for looking at what is sent: `<dir>/<epoch>/stats`
	// holds the lines that Graphite gets. It is on when the section exists, even
	// without an option in it. Nothing cleans the directory up, so it fills the
	// disk when it is left on.
	LocalStore LocalStore
	// Groups of frontends. Each option is the name of a group, and its value a
	// regular expression of Python 3 that may match anywhere in a frontend's name
	// (in which dots have become `_`): anchor it with `^` and `$` to match the
	// whole name. In this file a dollar sign is written `$$`. The first group that
	// matches, in the order of the file, moves the frontend's metrics below
	// `<group-namespace>.<group>`; see `group-namespace`. Names of groups are read
	// in lower case. Patterns with look-around, references to groups, conditionals
	// or atomic parts are searched by backtracking; a search that takes longer
	// than some tenths of a second is given up, and the name is then not in the
	// group. `\N{...}` is not supported. An option with the name of one in
	// [DEFAULT] is not a group.
	FrontendGroups []Group
	// Groups of backends, as in [frontend-groups]. The servers of a backend go
	// with it.
	BackendGroups []Group
	// Groups of servers, as in [frontend-groups], for the metrics that
	// `aggr-server-metrics` adds.
	ServerGroups []Group
}

// Default is the section [DEFAULT].
type Default struct {
	// The least severe messages that are logged. A section named after a program
	// ([pull], [process]) may set its own.
	LogLevel slog.Level
	// How messages are written: `text` for people and for journald, `json` (one
	// object a line) for log collectors.
	LogFormat LogFormat
	// Connections tried after the first one failed; -1 for no end. [pull] and
	// [graphite] do not use this value: they have their own defaults.
	Retries int
	// Time for a connection to be established. [pull] and [graphite] do not use
	// this value: they have their own defaults.
	Timeout time.Duration
	// Time between two tries to connect. [pull] and [graphite] do not use this
	// value: they have their own defaults.
	Interval time.Duration
}

// Paths is the section [paths].
type Paths struct {
	// The directory that all other directories are in, unless they are set
	// themselves: setting this one moves them all. The packaged units let the programs
	// write in `/var/lib/haproxystats` only: another directory needs the drop-in
	// `spool.conf` of both units, see contrib/systemd.
	BaseDir string
}

// Pull is the section [pull].
type Pull struct {
	// As in [DEFAULT], for haproxystats-pull alone.
	LogLevel slog.Level
	// As in [DEFAULT], for haproxystats-pull alone.
	LogFormat LogFormat
	// A directory with the UNIX sockets of HAProxy. It is listed in every
	// round. Files that are not sockets are passed over, and so are, with a
	// warning, sockets of other programs. May be used together with `servers`.
	SocketDir string
	// Stats sockets, separated by commas: `tcp://host:port`, `tcp://[v6]:port` or
	// `unix:///path/of/socket`. The packaged unit opens no network: `tcp://` needs
	// its drop-in `tcp.conf`, see contrib/systemd.
	Servers []Server
	// Connections to a socket tried after the first one failed, within
	// `pull-timeout`; -1 for no end.
	Retries int
	// Time for a connection to a socket to be established. HAProxy accepts within
	// a few milliseconds; raise it for sockets that are far away.
	Timeout time.Duration
	// Time between two tries to connect to a socket. About as long as HAProxy
	// takes to reload.
	Interval time.Duration
	// Time for a whole round, 0 for no limit. A round that takes longer is given
	// up and leaves nothing behind. Keep it below `pull-interval`.
	PullTimeout time.Duration
	// Time from the start of one round to the start of the next, in whole
	// seconds. It is the resolution of the metrics; 1 may be a burden for an
	// HAProxy with thousands of servers.
	PullInterval time.Duration
	// Memory that may be used for one reply. Replies of any length pass; a low
	// limit only makes them pass more slowly.
	BufferLimit int
	// Where complete snapshots are put for haproxystats-process, a directory each:
	// the `src-dir` of [process].
	DstDir string
	// Where a snapshot is written until it is complete. Must be on the same file
	// system as `dst-dir`, because a snapshot is handed over by a rename.
	TmpDstDir string
	// Replies that may be written to disk at the same time. More than there are
	// sockets are of no use.
	Workers int
	// Snapshots that may wait in `dst-dir`. While so many wait, haproxystats-pull
	// collects nothing: haproxystats-process has fallen behind or is not running.
	QueueSize int
	// What becomes of a round in which some of the sockets fail: `discard` drops
	// it, `keep` keeps what the others have answered. Sums are too low then, and
	// the metric `haproxystats.SocketsFailed` counts the sockets that failed. A
	// round in which all fail is dropped.
	OnPartial OnPartial
	// A UNIX socket at which haproxystats-pull answers with its state, for
	// check_haproxystats and every user that its group lets in; docs/monitoring.md
	// has the format. An empty value turns it off.
	StatusSocket string
}

// Process is the section [process].
type Process struct {
	// As in [DEFAULT], for haproxystats-process alone.
	LogLevel slog.Level
	// As in [DEFAULT], for haproxystats-process alone.
	LogFormat LogFormat
	// Where snapshots are taken from: the `dst-dir` of [pull].
	SrcDir string
	// Snapshots that may be in hand at the same time: read, delivered, or waiting
	// for the one before. They are delivered in order of time. One keeps up with
	// most installations; more help to catch up after an interruption.
	Workers int
	// Which metrics there are when no list of metrics is set: `all` that HAProxy
	// shows, or `classic` for those that haproxystats 0.5 had.
	MetricSet MetricSet
	// The only metrics of frontends that are emitted: names of the columns of
	// `show stat`, separated by white space. docs/metrics.md lists them.
	FrontendMetrics []string
	// The only metrics of backends that are emitted, as for `frontend-metrics`.
	BackendMetrics []string
	// The only metrics of servers that are emitted, as for `frontend-metrics`.
	// It holds for the metrics of `aggr-server-metrics` too.
	ServerMetrics []string
	// Adds the totals of every server name over all backends, also the excluded
	// ones: `server.<server>.<metric>`.
	AggrServerMetrics bool
	// A file with frontends to leave out, a name a line. Lines that start with
	// `#` are comments. It is read at start.
	ExcludeFrontends Exclusion
	// A file with backends to leave out together with their servers, as for
	// `exclude-frontends`.
	ExcludeBackends Exclusion
	// Adds the metrics of each HAProxy process:
	// `daemon.process.<number>.<metric>`. Of use to see whether processes share
	// the load evenly.
	PerProcessMetrics bool
	// Adds how much of HAProxy's limits is in use: ConnPercentage,
	// ConnRatePercentage, SslConnPercentage and SslRatePercentage.
	CalculatePercentages bool
	// Time between two checks that the workers make progress. When a worker is
	// stuck, the program ends with an error, so that a supervisor starts it again.
	LivenessCheckInterval time.Duration
	// As in [pull], for haproxystats-process. It must be another socket.
	StatusSocket string
}

// Graphite is the section [graphite].
type Graphite struct {
	// Name or address of the Graphite server or relay, with its port where that
	// is not `port`: `host`, `host:port`, `[v6]:port`. Several of them, separated
	// by commas, are used for fail-over, one at a time: when the one in use
	// fails, the others are tried at once, in the order in which they are written.
	// `delay` after the last failure the first is tried again. Only when all have
	// failed do metrics wait.
	Server []Relay
	// Port on which it takes the plaintext protocol.
	Port int
	// What it takes for metrics to count as delivered. With `half-close` they
	// travel over one connection, which is then closed for writing, and Graphite
	// must close it in turn: it has read everything. With `drain` connections are
	// kept, and the kernel at their other end must have acknowledged everything.
	// That says less, because what has not been read when Graphite dies is lost;
	// it is for a receiver that can't handle a half-closed connection. Neither is
	// an answer of Graphite's own: a TCP proxy in between may confirm for a
	// Graphite that is down. `confirm-hold` finds that out where the proxy closes
	// early; name the Graphite servers themselves in `server` where you can.
	Confirm Confirm
	// Time for which a connection is held open after all has been written, before
	// metrics count as delivered. A TCP proxy whose server is down takes
	// everything, and closes the connection when it gives up; a Graphite server
	// keeps it open. By default HAProxy gives up after 3 seconds where its server
	// refuses connections, and after `timeout connect`, mostly 5 seconds, where
	// all slots of its servers are in use. Make it longer than your proxy takes. The first
	// connection after a start, a failure or a pause of half a second is held, and
	// one a minute while metrics follow one another closely. A proxy that takes
	// longer, and a Graphite that dies in between, are not found out. Several
	// servers share 36 seconds. At 0 no connection is held. Set it to 0 for a
	// receiver that closes idle connections at once.
	ConfirmHold time.Duration
	// Encrypts the connections, by TLS 1.2 or later, and checks the certificate
	// of the server.
	TLS bool
	// The authorities that may have signed the certificate of the server. Where
	// it is not set, those of the system. This file and those of `cert-file` and
	// `key-file` are read again when they have changed.
	CAFile string
	// A certificate for servers that ask for one, followed by those between it
	// and its authority. Needs `key-file`.
	CertFile string
	// The key of `cert-file`, not encrypted. It is refused if every user of the
	// host can read or write it.
	KeyFile string
	// The name that the certificate of the server must have. Where it is not
	// set, that in `server`.
	ServerName string
	// Connections tried after the first one failed; -1 for no end. After that
	// nothing is tried for `delay`.
	Retries int
	// Time before the first connection that is tried again.
	Interval time.Duration
	// Time for `connect-timeout` and `write-timeout` where they are not set.
	// Only a value in this section counts, none inherited from [DEFAULT]. `-P`
	// prints each of the three as it is set, or its default.
	Timeout time.Duration
	// Time for a connection to be established, with the look-up of the name
	// and the start of TLS. Where only `timeout` is set in this section, that
	// one.
	ConnectTimeout time.Duration
	// Time in which the server must take what is sent, each time anew when it
	// has taken something. A server that has vanished from the network is noticed
	// within 15 seconds, or this time if it is longer. Where only `timeout` is set
	// in this section, that one.
	WriteTimeout time.Duration
	// Time without any try after all `retries` have failed. Metrics wait in the
	// queue.
	Delay time.Duration
	// Every further wait between two tries is this many times as long as the
	// one before.
	Backoff float64
	// The first part of every metric's path. It may have several components,
	// separated by dots.
	Namespace string
	// Puts the name of the host after the namespace:
	// `<namespace>.<hostname>.haproxy`.
	PrefixHostname bool
	// Uses the whole name of the host, with `_` for dots; else its first part
	// only.
	FQDN bool
	// Metrics that may wait while Graphite does not take them. The oldest are
	// dropped first.
	QueueSize int
	// Where metrics wait while Graphite does not take them, also over a restart.
	QueueDir string
	// Disk space for metrics that wait. The oldest are dropped first.
	QueueMaxBytes int64
	// Puts the metrics of frontends, backends and servers that are in a group
	// below `<group-namespace>.<group>`. Needs one of the sections
	// [frontend-groups], [backend-groups] and [server-groups], and
	// `group-namespace-double-writes`.
	GroupNamespace string
	// Whether metrics that are in a group are sent below their plain path too.
	// Must be set where `group-namespace` is.
	GroupNamespaceDoubleWrites bool
}

// LocalStore is the section [local-store].
type LocalStore struct {
	// Whether the section exists.
	Enabled bool
	// The directory for the files.
	Dir string
}

// LevelCritical is above [slog.LevelError].
const LevelCritical = slog.LevelError + 4

// LogFormat is how messages are written.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// OnPartial is what becomes of a round in which some sockets fail.
type OnPartial string

// The fates of such a round.
const (
	PartialDiscard OnPartial = "discard"
	PartialKeep    OnPartial = "keep"
)

// Confirm is what it takes for metrics to count as delivered.
type Confirm string

// The ways to confirm.
const (
	ConfirmHalfClose Confirm = "half-close"
	ConfirmDrain     Confirm = "drain"
)

// MetricSet is a choice of metrics.
type MetricSet string

// The metric sets.
const (
	MetricsAll     MetricSet = "all"
	MetricsClassic MetricSet = "classic"
)

// Group is one option of a group section.
type Group struct {
	Section string
	Name    string // in lower case
	Pattern string // a Python regular expression
	Pos     ini.Pos
}

// Exclusion is a file of names and what it holds.
type Exclusion struct {
	File  string   // empty where none is set
	Names []string // as they are in paths: with "_" for dots
}
