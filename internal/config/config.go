package config

import (
	"log/slog"
	"time"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/config/ini"
)

// Config is the configuration of the programs. The comments of its fields,
// and of theirs, are the text of docs/configuration.md.
type Config struct {
	// Options that every other section inherits, unless it sets them itself or has
	// its own default. Any other name that you set here is a variable for `${name}`
	// in all sections.
	Default Default
	// The directory of all files.
	Paths Paths
	// How haproxystats-pull collects statistics from HAProxy.
	Pull Pull
	// How haproxystats-process turns collected statistics into metrics.
	Process Process
	// Where haproxystats-process sends metrics, and what it does while Graphite
	// is unreachable. On unless `enabled` is false. Each `[graphite:NAME]` is a further
	// destination, with its own queue, counts and metrics; set in it only what differs: it
	// inherits all other options of [graphite], except `enabled` and `queue-dir`, and
	// `verify-url` if it sets `server`. docs/operations.md shows how to move to another
	// Graphite.
	Graphite Graphite
	// FurtherGraphites are the sections [graphite:NAME].
	FurtherGraphites Named[Graphite]
	// A connection to Apache Kafka, and the metrics that are sent over it if `topic` is
	// set. [kafka] has the options of all connections; what `[kafka:archive]` sets counts
	// for the connection `archive`. Set in [kafka:NAME] only what differs: it inherits all
	// other options, except `queue-dir`. Each section with a topic is a destination of its
	// own, with its own queue, counts and metrics. docs/kafka.md explains the set-up.
	Kafkas Named[Kafka]
	// What this node sends to haproxystats-central over the connection of [kafka], whose
	// time limits and pauses count here, too. It is on if the section exists. A node that
	// sends to the centre only sets `enabled = false` in [graphite].
	Forward Forward
	// Where the events of HAProxy go: reloads, crashes, servers that go down, and what else
	// haproxystats-pull sees happen. It is on if the section exists. Each destination gets
	// all events in order, has its own queue on disk, and gets an event again if its
	// confirmation was lost. docs/events.md lists the events and their fields.
	Events Events
	// An endpoint that Prometheus scrapes: the newest metrics over HTTP, under the names of
	// HAProxy's own exporter. It is on if the section exists, even without an option in it.
	// docs/outputs.md explains it.
	Prometheus Prometheus
	// InfluxDB, or what takes its line protocol, to which metrics are posted under the names
	// that telegraf has. It is on if the section exists, even without an option in it. Each
	// `[influx:NAME]` is a further destination; set in it only what differs: it inherits all
	// other options of [influx], except `queue-dir`, and how to log in if it does so in a way
	// of its own. docs/outputs.md explains it.
	Influxes Named[Influx]
	// A receiver of Prometheus' remote write, such as Prometheus, Mimir, Thanos or
	// VictoriaMetrics, to which metrics are posted under the names of HAProxy's own exporter.
	// Each `[remote-write:NAME]` is a further destination; set in it only what differs: it
	// inherits all other options of [remote-write], except `queue-dir`. docs/outputs.md
	// explains it.
	RemoteWrites Named[RemoteWrite]
	// A receiver of OpenTelemetry's protocol (OTLP over HTTP), such as the OpenTelemetry
	// Collector or Prometheus, to which metrics are posted. It is on if the section exists,
	// even without an option in it. Each `[otlp:NAME]` is a further destination; set in it
	// only what differs: it inherits all other options of [otlp], except `queue-dir`.
	// docs/outputs.md explains it.
	OTLPs Named[OTLP]
	// Metrics in files, for debugging: `<dir>/<epoch>/stats` holds the lines that
	// Graphite gets. It is on if the section exists, even without an option in it.
	// Nothing removes the files, so they fill the disk if you leave it on.
	LocalStore LocalStore
	// Groups of frontends. Each option is the name of a group. Its value is a
	// regular expression of Python 3 that may match anywhere in a frontend's name,
	// with `_` for dots. Add `^` and `$` to match the whole name. Write a dollar
	// sign as `$$`. The first group that matches, in the order of the file, moves
	// the frontend's metrics below `<group-namespace>.<group>`; see
	// `group-namespace`. Names of groups are read in lower case. Patterns with
	// look-around, references to groups, conditionals or atomic parts are searched
	// by backtracking. A search that takes longer than some tenths of a second is
	// given up, and the name does not match. The program remembers that. A pattern
	// that is too slow for five names matches nothing until the next start, and the
	// log says so. After twenty such searches of all patterns together, one name is
	// enough. `\N{...}` is not supported. An option
	// with the name of one in [DEFAULT] is not a group.
	FrontendGroups []Group
	// Groups of backends, as in [frontend-groups]. The servers of a backend move
	// with it.
	BackendGroups []Group
	// Groups of servers, as in [frontend-groups], for the metrics that
	// `aggr-server-metrics` adds.
	ServerGroups []Group
	// The work of haproxystats-central, which combines the statistics of several nodes
	// to those of clusters. It takes what applies to metrics from [process]: `workers`,
	// `metric-set`, the lists of metrics, the exclusions and `calculate-percentages`; and
	// from [pull] how it asks the sockets of remote nodes.
	Central Central
	// A node whose statistics haproxystats-central reads itself, by its name, such as
	// `[node lb1.example.com]`.
	Nodes Named[Node]
	// A cluster. [cluster] is for all clusters; what `[cluster eu]` sets counts for the
	// cluster `eu`.
	Clusters Named[Cluster]
}

// Default is the section [DEFAULT].
type Default struct {
	// The least severe messages that are logged. A section named after a program
	// ([pull], [process]) may set its own.
	LogLevel slog.Level
	// How messages are written: `text` for people and for journald, `json` (one
	// object a line) for log collectors.
	LogFormat LogFormat
	// The name of this host in metrics, topics, labels and events, in the place of the name
	// that the system has. Set it where that name does not tell hosts apart, as in
	// containers: `hostname = ${env:NODE_NAME}`. It must be the same for all programs of the
	// host. `fqdn` applies to it as to the system's name. It counts in all sections, and only
	// [DEFAULT] may have it.
	Hostname string
	// Further attempts to connect after the first one failed; -1 for no limit.
	// [pull] and [graphite] do not use this value: they have their own defaults.
	Retries int
	// Time limit for establishing a connection. [pull] and [graphite] do not use
	// this value: they have their own defaults.
	Timeout time.Duration
	// Time between two attempts to connect. [pull] and [graphite] do not use this
	// value: they have their own defaults.
	Interval time.Duration
}

// Paths is the section [paths].
type Paths struct {
	// The directory of all other directories, unless you set those. The packaged
	// units let the programs write only in `/var/lib/haproxystats`: another directory
	// needs the drop-in `spool.conf` for both units, see contrib/systemd.
	BaseDir string
}

// Pull is the section [pull].
type Pull struct {
	// The least severe messages that haproxystats-pull logs, as in [DEFAULT].
	LogLevel slog.Level
	// How haproxystats-pull writes messages, as in [DEFAULT].
	LogFormat LogFormat
	// A directory with the UNIX sockets of HAProxy. haproxystats-pull lists it in
	// every round. It ignores files that are not sockets and, with a warning, sockets
	// of other programs. You can use it together with `servers`.
	SocketDir string
	// Stats sockets, separated by commas: `tcp://host:port`, `tcp://[v6]:port` or
	// `unix:///path/of/socket`. The packaged unit opens no network: `tcp://` needs
	// its drop-in `tcp.conf`, see contrib/systemd.
	Servers []Server
	// Further attempts to connect to a socket after the first one failed, within
	// `pull-timeout`; -1 for no limit.
	Retries int
	// Time limit for connecting to a socket. HAProxy accepts within a few
	// milliseconds; raise it for remote sockets.
	Timeout time.Duration
	// Time between two attempts to connect to a socket. Set it to about the time
	// that HAProxy takes to reload.
	Interval time.Duration
	// Time limit for a whole round, 0 for no limit. A round that takes longer is
	// given up and stores nothing. Keep it below `pull-interval`.
	PullTimeout time.Duration
	// Time from the start of one round to the start of the next, in whole
	// seconds. It is the resolution of the metrics; 1 may be a burden for an
	// HAProxy with thousands of servers.
	PullInterval time.Duration
	// Memory for one of the `workers` replies that are read at the same time, at most 64
	// KiB. A reply may be longer than the limit; a low limit only makes it slower.
	BufferLimit int
	// Where complete snapshots wait for haproxystats-process, one directory for each:
	// the `src-dir` of [process].
	DstDir string
	// Where a snapshot is written until it is complete. It must be on the same file
	// system as `dst-dir`, because a rename hands the snapshot over.
	TmpDstDir string
	// Replies that may be read and written to disk at the same time. A socket that has
	// nothing to read takes no worker. A number above that of the sockets has no effect.
	Workers int
	// Snapshots that may wait in `dst-dir`. While that many wait, haproxystats-pull
	// collects nothing, because haproxystats-process is behind or is not running.
	QueueSize int
	// What happens to a round in which some of the sockets fail: `discard` drops
	// it, `keep` keeps the replies of the other sockets. Sums are then too low, and
	// the metric `haproxystats.SocketsFailed` counts the failed sockets. A round in
	// which all sockets fail is dropped.
	OnPartial OnPartial
	// Holds a connection to each HAProxy worker. After a reload the old worker then says
	// its last numbers before it exits, so that its last traffic is counted; it exits up
	// to a second later than without. Each connection takes one of the ten that HAProxy
	// allows to its stats sockets, see `stats maxconn`. With `false`, what a worker does
	// after the last round before its end is not counted.
	HoldWorkers bool
	// The socket of HAProxy's master process (its option -S), with `level operator`:
	// `auto` takes those that stand in `socket-dir`, a path only that one, and `none` or an
	// empty value none. haproxystats-pull then hears old workers that it holds no connection to, such as
	// those that were replaced before it started, and counts failed reloads. It uses one
	// connection at a time, for two seconds at most, and leaves the master alone for a
	// minute or more after trouble. It has no effect without `state-dir`.
	MasterSocket string
	// Asks HAProxy for the rows of servers, too. With `false` HAProxy is asked for frontends and
	// backends only (`show stat -1 3 -1`): with thousands of servers, that takes HAProxy and
	// this program a small part of the time. No output then has metrics of servers, and no
	// event is about a server. Backends lack the metrics that follow from their servers, such
	// as `TotalServers` and `active_up`; they keep `act` and `bck`. Listeners of `option
	// socket-stats` are left out, and `server-state-interval` has no effect.
	// docs/operations.md tells what it saves, and docs/truth.md what becomes of totals.
	ServerRows bool
	// Seconds between two questions for why servers are in maintenance (`show servers
	// state`), which makes the metric `maint_reason` exact. A server that goes into
	// maintenance is asked for at once. A question costs HAProxy about as much as `show
	// stat`. `0` turns it off; then a server that the configuration disables counts as one
	// that somebody has disabled. It has no effect without `state-dir`.
	ServerStateInterval time.Duration
	// What else HAProxy is asked for in each round, as a list: `stick-tables` for their sizes,
	// `resolvers` for the traffic with name servers (HAProxy 2.4 and later), and `certificates` for
	// the days until they expire (2.2 and later, and only with `level operator` on the stats
	// socket). It is cheap, and it never delays or fails a round: what HAProxy does not
	// answer is left out. It does not depend on `metric-set`.
	Collect []string
	// Asks HAProxy once of what kind those fields are that this version of haproxystats does
	// not know, such as those of a newer HAProxy, so that counters are counters and levels
	// are combined as HAProxy means them.
	LearnFields bool
	// Where haproxystats-pull keeps what counters had reached before the present workers
	// of HAProxy began, so that totals go on over reloads and restarts. It should be on
	// the file system of `dst-dir`; otherwise replies are copied. An empty value turns
	// totals off, and counters are raw. haproxystats-central keeps those of nodes with
	// `servers` in its `work-dir` instead, unless the value is empty.
	StateDir string
	// Finds out what happens to HAProxy, such as servers that go down and reloads, and
	// puts it into the snapshots as events. The section [events] delivers them. It has no
	// effect without `state-dir`.
	Events bool
	// Events of servers, backends and frontends that each socket makes in a minute, at
	// most. What exceeds it is counted in one more event.
	MaxEvents int
	// A UNIX socket on which haproxystats-pull reports its state, for
	// check_haproxystats and the users of the socket's group. docs/monitoring.md
	// describes the format. An empty value turns it off.
	StatusSocket string
}

// Process is the section [process].
type Process struct {
	// The least severe messages that haproxystats-process logs, as in [DEFAULT].
	LogLevel slog.Level
	// How haproxystats-process writes messages, as in [DEFAULT].
	LogFormat LogFormat
	// The directory from which haproxystats-process takes snapshots: the `dst-dir`
	// of [pull].
	SrcDir string
	// Snapshots in progress at the same time: being read, being delivered, or
	// waiting for the snapshot before. They are delivered in order of time. One
	// worker is enough for most installations; more help to catch up after an
	// interruption.
	Workers int
	// Which metrics are sent unless you set a list of metrics: `all` that HAProxy
	// shows, or `classic` for those of haproxystats 0.5.
	MetricSet MetricSet
	// What counters are over reloads and restarts of HAProxy: `total` adds up what all
	// its workers have counted, so that counters never fall and old workers' sessions
	// and traffic are seen; `raw` shows what the current workers say, as haproxystats 0.5
	// did. The default is `total`, and `raw` with `metric-set = classic`. Snapshots of
	// which haproxystats-pull has kept no account are raw in any case.
	Counters Counters
	// The only metrics of frontends that are sent: names of columns of `show stat`,
	// separated by white space. docs/metrics.md lists them. In a name, `*` stands for any
	// number of characters and `?` for one; such a pattern takes all numbers that HAProxy
	// shows, whatever `metric-set` says. A hyphen removes: `h2_* -*_max` takes what begins
	// with `h2_` and does not end in `_max`. Items count in their order, and an exclusion
	// removes from what the items before it have taken. A list that begins with an exclusion
	// starts from all metrics of `metric-set`. A pattern that matches no known column is a
	// warning, because a newer HAProxy may have one that it matches.
	FrontendMetrics catalogue.List
	// The only metrics of backends that are sent, as for `frontend-metrics`.
	BackendMetrics catalogue.List
	// The only metrics of servers that are sent, as for `frontend-metrics`. It
	// applies to the metrics of `aggr-server-metrics`, too.
	ServerMetrics catalogue.List
	// Adds the totals of every server name over all backends, including the
	// excluded ones: `server.<server>.<metric>`. Servers that `include-servers` or
	// `exclude-servers` leaves out don't count.
	AggrServerMetrics bool
	// A file with the only frontends that are sent: in each line a name, or a regular
	// expression between slashes such as `/^www_/`. Lines that start with `#` are comments.
	// Names have `_` for dots here. The expressions are those of Python 3, as in
	// [frontend-groups], and match anywhere in a name: add `^` and `$` to match the whole
	// name. Dollar signs are not doubled. The program reads the file when it starts, and at
	// each reload of its configuration.
	IncludeFrontends NameFile
	// A file with the only backends that are sent, with their servers, as for
	// `include-frontends`.
	IncludeBackends NameFile
	// A file with the only servers that are sent, as for `include-frontends`. A line `web1`
	// stands for the servers of that name in all backends, and `shop/web1` for the one in
	// the backend `shop`. Regular expressions are matched with `backend/server`. Servers that
	// are left out still count for their backend: for its TotalServers and for its servers
	// that are up, as they do for what HAProxy shows of the backend. They don't count for
	// `aggr-server-metrics`.
	IncludeServers NameFile
	// A file with frontends to leave out, as for `include-frontends`. It wins over that file.
	ExcludeFrontends NameFile
	// A file with backends to leave out together with their servers, as for
	// `include-frontends`. It wins over `include-backends`.
	ExcludeBackends NameFile
	// A file with servers to leave out, as for `include-servers`. It wins over that file. What
	// HAProxy shows of servers that are left out is skipped while it is read.
	ExcludeServers NameFile
	// The most metrics of a snapshot, as a guard against accidents; 0 for no limit. Beyond it,
	// whole groups are left out, in this order and as few as suffice: listeners; fields that
	// this version of haproxystats does not know; fields of servers that are not in the
	// classic metric set; the metrics of `aggr-server-metrics`; those of
	// `per-process-metrics`; servers; fields of frontends and backends that are not in the
	// classic metric set. All else is always sent. A group that is left out is sent again
	// after 100 snapshots in a row in which all metrics would have taken at most 90 % of the
	// limit. A restart or a changed configuration also sends it again if all metrics have
	// room. The log says once what is left out, and the metric `MetricsLeftOut` counts it.
	// All outputs get what remains, and their `max-series` applies to that. `haproxystats
	// paths` and `haproxystats replay` apply max-metrics as after a restart.
	// haproxystats-central does not apply it, and a node with `mode = tables` in [forward]
	// should not set it: sums of clusters would be too low. Both programs warn.
	MaxMetrics int
	// Adds the metrics of each HAProxy process:
	// `daemon.process.<number>.<metric>`. They show whether the processes share the
	// load evenly.
	PerProcessMetrics bool
	// Adds the used share of HAProxy's limits: ConnPercentage, ConnRatePercentage,
	// SslConnPercentage and SslRatePercentage.
	CalculatePercentages bool
	// Time between two checks that the workers make progress. If a worker is stuck,
	// the program exits with an error, so that a supervisor restarts it.
	LivenessCheckInterval time.Duration
	// A UNIX socket on which haproxystats-process reports its state, as
	// `status-socket` in [pull]. It must be another path than that one. An empty
	// value turns it off.
	StatusSocket string
}

// Graphite is the section [graphite] or [graphite:NAME].
type Graphite struct {
	// Whether metrics are sent to this Graphite. Set it to false on a node whose metrics go
	// to Kafka or to [graphite:NAME] only. Other sections still inherit from [graphite].
	Enabled bool
	// Name or address of the Graphite server or relay, with its port if it differs
	// from `port`: `host`, `host:port`, `[v6]:port`. Several servers, separated by
	// commas, are used for fail-over, one at a time. If the server in use fails, the
	// others are tried at once, in the order of the list. `delay` after the last
	// failure, the first server is tried again. Metrics wait only if all servers
	// failed.
	Server []Relay
	// Port of Graphite's plaintext protocol. Carbon listens on 2003 by default; the
	// default here is that of haproxystats 0.5.
	Port int
	// When metrics count as delivered. With `half-close` they travel over one
	// connection, which haproxystats-process then closes for writing. Graphite must
	// close it, too: then it has read everything. With `drain` connections are kept,
	// and the kernel at the other end must acknowledge everything. That guarantees
	// less, because data that Graphite has not read when it dies is lost; use it for
	// a receiver that can't handle a half-closed connection. Graphite itself answers
	// with neither, so a TCP proxy in between may confirm for a Graphite that is
	// down. `confirm-hold` detects that if the proxy closes early; where you can, set
	// `server` to the Graphite servers themselves.
	Confirm Confirm
	// Time for which a connection stays open after the last write, before metrics
	// count as delivered. A TCP proxy whose server is down accepts everything, and
	// closes the connection when it gives up; a Graphite server keeps it open. By
	// default HAProxy gives up after 3 seconds if its server refuses connections, and
	// after `timeout connect`, mostly 5 seconds, if all slots of its servers are in
	// use. Set a longer time than your proxy takes. The first connection after a
	// start, a failure or a pause of half a second is held, and one a minute while
	// metrics follow one another closely. If many snapshots wait at a start, the first
	// `workers` of them are held at the same time, so that catching up takes this time
	// longer. A proxy that takes longer, and a Graphite that dies in between, are not
	// detected. Several servers share 36 seconds. 0 holds no connection; set it to 0
	// for a receiver that closes idle connections at once.
	ConfirmHold time.Duration
	// Address of the render of Graphite-web, such as
	// `https://graphite.example.com/render`, to find out from end to end whether
	// metrics arrive. If it is set, haproxystats-process asks it once a minute for
	// `<namespace>.<hostname>.haproxy.haproxystats.MetricsFrontend`. The age of the newest
	// value is the metric `GraphiteVerifiedAge`, and `check_haproxystats sink` alerts
	// if confirmed metrics do not appear or if nobody answers. Use it if there is a
	// proxy or a relay before Graphite. With `https`, `ca-file` applies. The address
	// must not contain a password, and redirections are not followed.
	VerifyURL string
	// Encrypts the connections with TLS 1.2 or later, and checks the server's
	// certificate.
	TLS bool
	// The authorities that may sign the server's certificate; without it, those of
	// the system. This file, `cert-file` and `key-file` are read again after a
	// change.
	CAFile string
	// A certificate for servers that ask for one, followed by the intermediate
	// certificates. It needs `key-file`.
	CertFile string
	// The key of `cert-file`, not encrypted. The program refuses a key that every
	// user of the host can read or write.
	KeyFile string
	// The name that the server's certificate must have; without it, the name in
	// `server`.
	ServerName string
	// Further attempts to connect after the first one failed; -1 for no limit. After
	// the last attempt nothing is sent for `delay`.
	Retries int
	// Time before the second attempt to connect.
	Interval time.Duration
	// Value of `connect-timeout` and `write-timeout` if they are not set. Only a
	// value in this section counts, not one inherited from [DEFAULT]. `-P` prints
	// each of the three as it is set, or its default.
	Timeout time.Duration
	// Time limit for establishing a connection, including the look-up of the name
	// and the TLS handshake. If this section sets only `timeout`, that value applies.
	ConnectTimeout time.Duration
	// Time limit for the server to accept data; it begins again each time the server
	// accepts some. A server that vanished from the network is detected within 15
	// seconds, or within this time if it is longer. If this section sets only
	// `timeout`, that value applies.
	WriteTimeout time.Duration
	// Pause after all `retries` failed. Metrics wait in the queue meanwhile.
	Delay time.Duration
	// The factor by which each further wait between two attempts is longer than the
	// one before.
	Backoff float64
	// The first part of every metric's path. It may have several components, which
	// dots separate.
	Namespace string
	// The first part of the paths of clusters. The name of the cluster is the component
	// after it: `<cluster-namespace>.<cluster>.haproxy`. Patterns for nodes, such as
	// `loadbalancers.*.haproxy`, must not match the paths of clusters, or every sum over
	// nodes would count them again: give it more components than `namespace`.
	ClusterNamespace string
	// Puts the name of the host after the namespace:
	// `<namespace>.<hostname>.haproxy`. Metrics follow a name that changes while the
	// program runs. A program that starts with the host waits up to 30 seconds for a
	// name other than localhost.
	PrefixHostname bool
	// Uses the full name of the host, with `_` for dots, instead of its first part
	// only.
	FQDN bool
	// Metrics that may wait on disk while Graphite is unreachable. The oldest are
	// dropped first.
	QueueSize int
	// Directory of the metrics that wait while Graphite is unreachable, also over a
	// restart.
	QueueDir string
	// Disk space for waiting metrics. The oldest are dropped first.
	QueueMaxBytes int64
	// Moves the metrics of frontends, backends and servers in a group below
	// `<group-namespace>.<group>`. It needs one of the sections [frontend-groups],
	// [backend-groups] and [server-groups], and `group-namespace-double-writes`.
	GroupNamespace string
	// Whether metrics in a group are also sent below their plain path. You must set
	// it if you set `group-namespace`.
	GroupNamespaceDoubleWrites bool
	// The form of paths. `dotted` is that of haproxystats 0.5:
	// `loadbalancers.lb1.haproxy.backend.www.scur`. `tagged` makes tagged series of Graphite
	// 1.1 or later: `loadbalancers.haproxy.backend.scur;host=lb1;proxy=www;type=backend`. A
	// tagged name is the dotted path without the parts that are tags, and the values of tags
	// are HAProxy's names with their dots. docs/metrics.md lists the tags. The dashboards of
	// contrib are for dotted paths.
	PathStyle PathStyle
	// Tags that all paths have, such as `dc=ams, role=edge`; with dotted paths they stand
	// behind the path: `loadbalancers.lb1.haproxy.backend.www.scur;dc=ams;role=edge`, which
	// is a tagged series, too. Graphite reads a path with a changed tag as another series.
	Tags []Label
}

// PathStyle is the form of Graphite's paths.
type PathStyle string

// The forms of paths.
const (
	PathDotted PathStyle = "dotted"
	PathTagged PathStyle = "tagged"
)

// Kafka is a section [kafka] or [kafka:NAME].
type Kafka struct {
	KafkaConnection
	// The topic that metrics are sent to; an empty value or none sends no metrics. The name
	// may have `{host}`, `{cluster}` and `{scope}` (`daemon`, `frontend`, `backend`, ...);
	// characters that Kafka does not take in a name become `_` there. The topic must
	// exist, unless `create-topic` is true.
	Topic string
	// The form of records: `graphite` (Graphite's lines, as many as `max-record-bytes`
	// allows), `json` (an object for each frontend, backend or server), `json-metric` (an
	// object for each value), `influx` (InfluxDB's line protocol) or `otlp`
	// (OpenTelemetry's metrics as protobuf). docs/formats.md describes each one.
	Format KafkaFormat
	// Lines in a record of the format `graphite`: `many`, or `single` for consumers that
	// take one metric a record.
	Lines KafkaLines
	// What decides over the partition of a record, and so over the order: `host` keeps
	// the records of a host in order, `proxy` those of a frontend or backend, and `none`
	// spreads records over all partitions. Records of a cluster have its name.
	Key KafkaKey
	// The first part of every metric's path, for the format `graphite`, as in [graphite].
	Namespace string
	// The first part of the paths of clusters, as in [graphite].
	ClusterNamespace string
	// Puts the name of the host after the namespace, as in [graphite].
	PrefixHostname bool
	// Uses the full name of the host in paths, keys and records, instead of its first part
	// only.
	FQDN bool
	// The namespace of groups, as in [graphite]; without it, that of [graphite].
	GroupNamespace string
	// Whether metrics in a group are also sent below their plain path; without it, as in
	// [graphite].
	GroupNamespaceDoubleWrites bool
	// The form of paths in records of the format `graphite`, as in [graphite].
	PathStyle PathStyle
	// Tags of all paths in records of the format `graphite`, as in [graphite], whose tags
	// count where this section sets none.
	Tags []Label
	// Who must have a record before it counts as delivered: `all` replicas that are in
	// sync, the `leader` of the partition, or `none`. Records are safe only with `all` and
	// a topic whose `min.insync.replicas` is 2 or more.
	Acks KafkaAcks
	// Has the brokers drop a record that is sent again because its confirmation was lost.
	// It needs `acks = all` and, on brokers before 2.8, the permission IdempotentWrite.
	Idempotent bool
	// The codec of batches of records: `none`, `gzip`, `snappy`, `lz4` or `zstd`, which
	// needs Kafka 2.1.
	Compression KafkaCompression
	// Size of a record before compression. Records are cut at the end of a line, an object
	// or a data point; one of these alone may be longer.
	MaxRecordBytes int
	// Size of a batch of records before compression. If the topic's `max.message.bytes` is
	// smaller, that applies.
	MaxBatchBytes int
	// Time for which records wait for more to make larger batches. A snapshot's records
	// are handed over at once, so that waiting brings little.
	Linger time.Duration
	// The time of records: that of the `snapshot`, or `now`. If the broker refuses it,
	// because the clocks differ, records get the present time.
	Timestamp KafkaTimestamp
	// Creates a topic that is missing, with `partitions` and `replication`. Better create
	// topics yourself, with the retention and the replicas that you want.
	CreateTopic bool
	// Partitions of a topic that `create-topic` creates.
	Partitions int
	// Replicas of a topic that `create-topic` creates; -1 for the broker's default.
	Replication int
	// Further attempts after the first one failed; -1 for no limit. After the last attempt
	// nothing is sent for `delay`.
	Retries int
	// Time before the second attempt.
	Interval time.Duration
	// The factor by which each further wait between two attempts is longer than the one
	// before.
	Backoff float64
	// Pause after all `retries` failed. Metrics wait in the queue meanwhile.
	Delay time.Duration
	// Metrics that may wait on disk while the brokers are unreachable. The oldest are
	// dropped first.
	QueueSize int
	// Directory of the metrics that wait while the brokers are unreachable, also over a
	// restart. Each section has its own.
	QueueDir string
	// Disk space for waiting metrics. The oldest are dropped first.
	QueueMaxBytes int64
}

// KafkaFormat is the form of records.
type KafkaFormat string

// The formats.
const (
	KafkaGraphite   KafkaFormat = "graphite"
	KafkaJSON       KafkaFormat = "json"
	KafkaJSONMetric KafkaFormat = "json-metric"
	KafkaInflux     KafkaFormat = "influx"
	KafkaOTLP       KafkaFormat = "otlp"
)

// KafkaLines is how many of Graphite's lines a record has.
type KafkaLines string

// The values of KafkaLines.
const (
	KafkaManyLines  KafkaLines = "many"
	KafkaSingleLine KafkaLines = "single"
)

// KafkaKey is what decides over the partition of a record.
type KafkaKey string

// The keys.
const (
	KafkaKeyHost  KafkaKey = "host"
	KafkaKeyProxy KafkaKey = "proxy"
	KafkaKeyNone  KafkaKey = "none"
)

// KafkaAcks is who must have a record before it counts as delivered.
type KafkaAcks string

// The values of KafkaAcks.
const (
	KafkaAcksAll    KafkaAcks = "all"
	KafkaAcksLeader KafkaAcks = "leader"
	KafkaAcksNone   KafkaAcks = "none"
)

// KafkaCompression is the codec of batches of records.
type KafkaCompression string

// The codecs.
const (
	KafkaNoCompression KafkaCompression = "none"
	KafkaGzip          KafkaCompression = "gzip"
	KafkaSnappy        KafkaCompression = "snappy"
	KafkaLZ4           KafkaCompression = "lz4"
	KafkaZstd          KafkaCompression = "zstd"
)

// KafkaTimestamp is the time of a record.
type KafkaTimestamp string

// The values of KafkaTimestamp.
const (
	KafkaTimeOfSnapshot KafkaTimestamp = "snapshot"
	KafkaTimeNow        KafkaTimestamp = "now"
)

// KafkaConnection is how to reach the brokers of Kafka.
type KafkaConnection struct {
	// The brokers to ask first, with 9092 where no port is given: `host`, `host:port`,
	// `[v6]:port`, separated by commas. They name the other brokers of their cluster, by
	// their `advertised.listeners`; this host must reach those, too.
	Brokers []string
	// The name of this client in the logs, quotas and metrics of the brokers. Without it,
	// the name of the program.
	ClientID string
	// The rack or zone of this host, as in `broker.rack` of the brokers. Whoever reads
	// records takes them from a broker of the same rack then.
	Rack string
	// Encrypts the connections with TLS 1.2 or later, and checks the broker's certificate.
	TLS bool
	// The authorities that may sign the broker's certificate; without it, those of the
	// system. This file, `cert-file` and `key-file` are read again after a change.
	CAFile string
	// A certificate for brokers that ask for one (`ssl.client.auth = required`), followed
	// by the intermediate certificates. It needs `key-file`.
	CertFile string
	// The key of `cert-file`, not encrypted. The program refuses a key that every user of
	// the host can read or write.
	KeyFile string
	// The name that the broker's certificate must have; without it, the name in `brokers`
	// or in the brokers' `advertised.listeners`.
	ServerName string
	// How to log in. `PLAIN` and `OAUTHBEARER` send the secret itself: set `tls`, too.
	SASLMechanism SASLMechanism
	// The user to log in as. `OAUTHBEARER` has the user in its token.
	SASLUsername string
	// A file that holds the password and nothing else. It is read at each login. The
	// program refuses a file that every user of the host can read or write. There is no
	// option for the password itself, so that `-P` prints none.
	SASLPasswordFile string
	// A file that holds the token for `OAUTHBEARER`, as `sasl-password-file`. Replace it by
	// a rename before the token expires.
	SASLTokenFile string
	// Time limit for connecting to a broker, including the look-up of the name and the TLS
	// handshake.
	ConnectTimeout time.Duration
	// Time that a broker has to answer, and to have a record copied to its replicas.
	RequestTimeout time.Duration
	// Time limit for what a snapshot brings, whatever the brokers do. What is not
	// acknowledged by then goes to the queue.
	DeliveryTimeout time.Duration
}

// SASLMechanism is a way to log in to a broker.
type SASLMechanism string

// The mechanisms, by the names of SASL.
const (
	SASLNone        SASLMechanism = ""
	SASLPlain       SASLMechanism = "PLAIN"
	SASLScramSHA256 SASLMechanism = "SCRAM-SHA-256"
	SASLScramSHA512 SASLMechanism = "SCRAM-SHA-512"
	SASLOAuthBearer SASLMechanism = "OAUTHBEARER"
)

// Central is the section [central].
type Central struct {
	// The least severe messages that haproxystats-central logs, as in [DEFAULT].
	LogLevel slog.Level
	// How haproxystats-central writes messages, as in [DEFAULT].
	LogFormat LogFormat
	// Also sends the metrics of each node, below the path that the node's own
	// haproxystats-process would use. Set it for nodes that run none. Nodes that send
	// tables to Kafka send their metrics themselves: give them [graphite] or another sink.
	NodeMetrics bool
	// A directory of the program's own. `nodes` in it has the snapshots of nodes with
	// `servers` and what their counters had reached, one directory for each node. `journal` has the tables of nodes until
	// their window is closed, so that a program that starts again makes the same windows.
	WorkDir string
	// Disk space for the journal. While it is full, snapshots wait in the directories of
	// their nodes.
	JournalMaxBytes int64
	// Reads what nodes send to Apache Kafka. [kafka] says how to reach the brokers. The
	// tables of nodes that have a section [node NAME] go through `tables-topic`, too, so
	// that all nodes of a cluster are in one window; there is no journal then. Several
	// haproxystats-central with one `group` divide the work.
	Kafka bool
	// The topic with the raw snapshots of nodes that only pull (`mode = snapshots` in
	// [forward]). An empty value turns it off.
	SnapshotsTopic string
	// The topic with the tables of nodes: those that they send themselves (`mode = tables`
	// in [forward]), and those that haproxystats-central makes of snapshots. The program
	// reads and writes it.
	TablesTopic string
	// The names of the consumer groups begin with it: `<group>.snapshots` and
	// `<group>.tables`.
	Group string
	// The name of this program in the groups, which no other program may have at the same
	// time. A program that starts again under its name goes on where it ended, and the
	// others do not notice. An empty value makes a member without a name: then each start
	// and stop costs a rebalance, after a crash only when `session-timeout` has passed.
	Instance string
	// Time after which the group gives the partitions of a program that is silent to the
	// others.
	SessionTimeout time.Duration
	// Where to begin in a partition of which the group has read nothing: `earliest` is
	// the oldest record there is, `latest` what comes next.
	Start StartAt
	// The most that is fetched from a broker at once.
	FetchMaxBytes int64
	// Memory for the records of snapshots that have not come completely, or wait for a
	// worker. What has no room is in files of `assembly-dir`, up to 32 times as much.
	AssemblyMaxBytes int64
	// A directory for these files, which is the program's own. Nothing in it is needed
	// after a restart.
	AssemblyDir string
	// Time from one commit of what was read to the next. After a crash, that much is read
	// again.
	CommitInterval time.Duration
	// A topic for records that can't be used. Without it, the newest hundred are in the
	// directory `corrupt` in `work-dir`.
	DeadLetterTopic string
	// A UNIX socket on which haproxystats-central reports its state, as `status-socket`
	// in [pull]. An empty value turns it off.
	StatusSocket string
}

// StartAt is where the reading of a partition begins.
type StartAt string

// The values of StartAt.
const (
	StartEarliest StartAt = "earliest"
	StartLatest   StartAt = "latest"
)

// Node is a section [node NAME].
type Node struct {
	// The cluster that the node belongs to.
	Cluster string
	// A directory with the node's snapshots: its `dst-dir`, as rsync or NFS bring it. The
	// directory must be the node's alone, and its parent must be writable.
	SrcDir string
	// Stats sockets of the node, separated by commas: `tcp://host:port` or
	// `tcp://[v6]:port`. haproxystats-central asks them as haproxystats-pull would, with
	// the options of [pull] that say how, such as `hold-workers` and `events`; it asks no
	// masters. HAProxy sends its statistics unencrypted: use it in networks that you trust.
	Servers []Server
}

// Cluster is a section [cluster] or [cluster NAME].
type Cluster struct {
	// The length of a window: the `pull-interval` of the nodes. A node with another one is
	// left out, and the log names it.
	Interval time.Duration
	// Time after the end of a window for which it waits for nodes that are missing. A
	// window is sent as soon as all expected nodes are in.
	Grace time.Duration
	// Time after the end of a window in which late nodes are added. The window is sent
	// again then, for the same second: Graphite keeps the later value.
	Late time.Duration
	// Time after which a node that is not heard of is expected no longer. It has no
	// effect if `nodes` is set.
	NodeExpiry time.Duration
	// A file with the nodes that are expected, one name in each line, without slashes.
	// Lines that start with `#` are comments. The program reads the file when it starts, and
	// at each reload of its configuration. Without it, the nodes are learned.
	Nodes NodeList
	// What is sent of a cluster, as a list of `daemon`, `frontend`, `backend` and `server`.
	// A cluster of many large nodes may do without `server`.
	Scopes []string
	// The parts into which haproxystats-central divides the tables of a node that it writes
	// to `tables-topic`, by the names of frontends and backends, so that several programs
	// share the work of one cluster. Set the same number in [forward] of nodes that send
	// tables themselves. One part serves a million servers.
	Shards int
	// What makes servers of different nodes one server of the cluster: their `name`, or
	// their `address` (HAProxy's field `addr`), where nodes name a server differently. The
	// path has the address then, as in `10_0_0_1:8080`, and two servers of a backend with
	// one address are one. Only haproxystats-central knows addresses, where it reads the
	// replies itself: of nodes with a section, and of raw snapshots. A stats socket of level
	// `user` shows none: the name is used, and the log says so.
	ServerIdentity ServerIdentity
	// What happens to a window in which expected nodes are missing: `emit` sends it, and
	// `NodesMissing` tells how many are missing; `skip` does not send it.
	OnIncomplete Incomplete
}

// NodeList is a file of names of nodes and what it holds.
type NodeList struct {
	File  string   // empty where none is set
	Names []string // as they are in the file
}

// ServerIdentity is what tells servers apart.
type ServerIdentity string

// The values of ServerIdentity.
const (
	IdentityName    ServerIdentity = "name"
	IdentityAddress ServerIdentity = "address"
)

// Incomplete is what happens to a window in which nodes are missing.
type Incomplete string

// The values of Incomplete.
const (
	IncompleteEmit Incomplete = "emit"
	IncompleteSkip Incomplete = "skip"
)

// Influx is the section [influx] or [influx:NAME].
type Influx struct {
	// The address of the server, without the path of its write API, which `version` says:
	// `http://127.0.0.1:8086`, or `http://vm:8428/influx` for VictoriaMetrics.
	URL string
	// The write API: `1` for InfluxDB 1.x and all that takes its protocol (`/write`), `2` for
	// InfluxDB 2 (`/api/v2/write`), `3` for InfluxDB 3 (`/api/v3/write_lp`).
	Version int
	// The database, of version 1 and 3. It must exist in InfluxDB 1.x.
	Database string
	// The retention policy, of version 1; without it, the database's own.
	RetentionPolicy string
	// The organization, of version 2.
	Org string
	// The bucket, of version 2.
	Bucket string
	// The name of the measurement of frontends, backends, servers and listeners.
	Measurement string
	// The value of the tag `server`, in which telegraf has the address of HAProxy's socket;
	// without it, the host name.
	ServerTag string
	// Tags that all lines get: `name=value`, separated by commas. `host` is the name of the
	// host unless it is set here.
	Tags []Label
	// Whether the tag `host` has the whole name of the host, or the part before the first
	// dot.
	FQDN bool
	// Keeps HAProxy's names of tags and fields, such as `pxname` and `hrsp_2xx`, where
	// telegraf renames them, as its `keep_field_names` does.
	KeepFieldNames bool
	// Texts that are sent, separated by white space or commas: `status`, `check_status`,
	// `agent_status`, `mode`; or `none`.
	TextFields []string
	// How bodies are compressed: `gzip` or `none`.
	Compression Compression
	// The most lines of a request. InfluxDB advises 5,000.
	MaxLines int
	// Requests of one snapshot that are sent at the same time. Those of different snapshots
	// never are.
	Parallel int
	Push
}

// Compression is how bodies of requests are compressed.
type Compression string

// The values of Compression.
const (
	CompressionGzip Compression = "gzip"
	CompressionZstd Compression = "zstd"
	CompressionNone Compression = "none"
)

// RemoteWrite is the section [remote-write] or [remote-write:NAME].
type RemoteWrite struct {
	// The whole address that takes remote write, such as
	// `https://prometheus.example.com/api/v1/write`.
	URL string
	// The version of the protocol: `1.0`, which all receivers know, or `2.0`, which is smaller
	// and has the types of series and the start times of counters in it. A receiver that does
	// not know `2.0` gets nothing, and the log says so.
	Protocol RemoteWriteProtocol
	// Labels that all series get: `name=value`, separated by commas. `{host}` is the name of
	// the host. Without `job` and `instance` the dashboards of HAProxy's exporter show
	// nothing.
	Labels []Label
	// The most samples of a request.
	MaxSamples int
	// Requests of one snapshot that are sent at the same time: `4` for a million samples.
	// Those of different snapshots never are.
	Parallel int
	// What is sent of HAProxy, separated by white space or commas: `global`, `frontend`,
	// `listener`, `backend`, `server`, `sticktable`, `resolver`.
	Scopes []string
	// Sends the counters of HAProxy's modules, such as `h1` and `ssl`, too.
	ExtraCounters bool
	// The series that results of health checks and agents have, 16 a server each: `all`, of
	// which the present one is 1, as HAProxy's own exporter has them; `current` for the one
	// that is 1; or `none`.
	CheckStates CheckStates
	// Series of HAProxy in a snapshot; 0 for no limit. Beyond it whole groups are left out:
	// first `extra-counters`, then listeners, results of checks, and servers.
	MaxSeries int
	// Series that are not sent: their names, or regular expressions for whole names,
	// separated by white space or commas.
	Drop []string
	// Sends a marker for each series that has ended, such as those of a server that was
	// removed. Without it Prometheus shows the last value for five minutes.
	StaleMarkers bool
	// Sends types and texts of series: once a minute with `1.0`, with each series with `2.0`.
	Metadata bool
	Push
}

// RemoteWriteProtocol is a version of remote write.
type RemoteWriteProtocol string

// The values of RemoteWriteProtocol.
const (
	RemoteWrite1 RemoteWriteProtocol = "1.0"
	RemoteWrite2 RemoteWriteProtocol = "2.0"
)

// Push are the options of the sections whose metrics are posted over HTTP.
type Push struct {
	// A user to log in as, with the password in `password-file`.
	User string
	// A file that holds the password of `user`, and nothing else. It and the other files of
	// the section are read again after a change. The program refuses a file that every user
	// of the host can read or write.
	PasswordFile string
	// A file that holds a token to log in with, and nothing else, in the place of `user`.
	TokenFile string
	// Headers that each request gets: `Name: value`, one a line or separated by commas.
	Headers []Header
	// The authorities that may sign the certificate of an `https` address; without it, those
	// of the system.
	CAFile string
	// A certificate for a server that asks for one, followed by the intermediate
	// certificates. It needs `key-file`.
	CertFile string
	// The key of `cert-file`, not encrypted. The program refuses a key that every user of
	// the host can read or write.
	KeyFile string
	// The name that the certificate of the server must have; without it, that in the
	// address.
	ServerName string
	// Time limit in seconds for a request, from its start to the end of the answer.
	Timeout time.Duration
	// Pause after the first of several failures, before the next attempt.
	Interval time.Duration
	// What each further pause is multiplied by.
	Backoff float64
	// The longest pause, unless the receiver asks for a longer one. After an answer that only
	// a person can change, such as that of a wrong secret, each pause is that long.
	Delay time.Duration
	// Age from which metrics are dropped and counted instead of sent; 0 for never. What a
	// receiver fails at for ever holds up the metrics after it for so long.
	MaxAge time.Duration
	// The most metrics that wait while the receiver is away. Beyond it the oldest are
	// dropped, and counted.
	QueueSize int
	// The directory of what waits, which must not be used by anything else. All metrics go
	// through it.
	QueueDir string
	// Disk space for what waits. Beyond it the oldest metrics are dropped.
	QueueMaxBytes int64
}

// Header is a header of a request.
type Header struct{ Name, Value string }

// Events is the section [events].
type Events struct {
	// The kinds of events that are sent, separated by white space or commas; `*` in a name
	// stands for any characters, as in `*_state reload*`.
	Kinds []string
	// A file to which events are appended, one JSON object a line. The program must be
	// allowed to write its directory: the packaged unit lets it write in
	// `/var/lib/haproxystats` only.
	File string
	// Size from which the file gets the name `<file>.1`, and a new one is begun.
	FileMaxBytes int64
	// Age of the first event in the file from which it gets the name `<file>.1`; 0 for any
	// age.
	FileMaxAge time.Duration
	// Older files that are kept, as `<file>.1`, `<file>.2` and so on. The oldest is removed.
	FileKeep int
	// When events in the file are made durable: `always`, before the snapshot that brought
	// them is removed, or `never`, which leaves that to the kernel. With `never`, a power
	// cut loses the events of the last half minute.
	FileSync FileSync
	// Address of the events of Graphite-web, such as `https://graphite.example.com/events/`.
	// Each event is one there, with `title`, `tags` and `text`. The address must not contain
	// a password, and redirections are not followed.
	GraphiteURL string
	// Address of the annotations of Grafana, such as
	// `https://grafana.example.com/api/annotations`. Each event is an annotation of the
	// organisation, with `tags` and `text`. A reload is a region, which ends when the last
	// old worker does.
	GrafanaURL string
	// A file that holds a token of a service account of Grafana, which may write
	// annotations, and nothing else. It is read again after a change. The program refuses a
	// file that every user of the host can read or write.
	GrafanaTokenFile string
	// Address to which events are posted as JSON, in batches.
	Webhook string
	// A file that holds the secret for the signature of each batch, and nothing else; see
	// docs/events.md. It is read again after a change. The program refuses a file that every
	// user of the host can read or write.
	WebhookSecretFile string
	// Events of a batch. A receiver that answers 413 gets smaller ones.
	WebhookMaxEvents int
	// The tags of an event in Graphite and Grafana, separated by white space. `{kind}`,
	// `{node}` and the other fields of an event stand for their values; a tag is left out if
	// one of its fields is empty.
	Tags []string
	// What an event is called in Graphite. It may have fields as `tags` has. `{summary}` is
	// what happened, such as `server app/a1 is DOWN, was UP (L4CON)`.
	Title string
	// What is said of an event in Graphite and Grafana, as for `title`. `{details}` has the
	// fields of the event, such as `backend=app server=a1`.
	Text string
	// The authorities that may sign the certificates of `https` addresses; without it, those
	// of the system. This file, `cert-file` and `key-file` are read again after a change.
	CAFile string
	// A certificate for servers that ask for one, followed by the intermediate certificates.
	// It needs `key-file`.
	CertFile string
	// The key of `cert-file`, not encrypted. The program refuses a key that every user of
	// the host can read or write.
	KeyFile string
	// The name that the certificates of servers must have; without it, that in the address.
	ServerName string
	// Time limit for a request, with the connection and the answer.
	Timeout time.Duration
	// Further attempts after the first one failed; -1 for no limit. After the last attempt
	// nothing is sent for `delay`.
	Retries int
	// Time before the second attempt.
	Interval time.Duration
	// The factor by which each further wait between two attempts is longer than the one
	// before.
	Backoff float64
	// Pause after all `retries` failed. Events wait in the queue meanwhile. A server that
	// asks for a longer pause, by Retry-After, gets it, up to an hour.
	Delay time.Duration
	// Directory of the queues of `graphite-url`, `grafana-url` and `webhook`, each in a
	// directory of its own, and of what is needed to send no event twice.
	QueueDir string
	// Events that may wait in each queue while its destination is unreachable. The oldest
	// are dropped first.
	QueueSize int
	// Disk space of each queue. The oldest events are dropped first.
	QueueMaxBytes int64
}

// FileSync is when events in a file are made durable.
type FileSync string

// The values of FileSync.
const (
	SyncAlways FileSync = "always"
	SyncNever  FileSync = "never"
)

// Forward is the section [forward].
type Forward struct {
	// What is sent. `tables`: the combined values of the node, a seventh of the bytes of
	// its replies; recommended. `snapshots`: the raw replies, for nodes that do nothing but
	// pull; without other destinations haproxystats-process does not read them.
	Mode ForwardMode
	// The cluster that the node belongs to. The option is required.
	Cluster string
	// The name of the node, unique in its cluster. Without it, the name of the host.
	Node string
	// The topic; without it, `haproxystats.tables` or `haproxystats.snapshots`.
	Topic string
	// The number of parts into which the tables of a node are divided, by the names of
	// frontends and backends, so that several haproxystats-central share the work of one
	// cluster. It must be equal on all nodes of a cluster. One for each million servers of
	// the cluster is enough. Only for `mode = tables`.
	Shards int
	// The metrics in the tables: `all`, or `classic` as in [process]. Only for `mode =
	// tables`.
	MetricSet MetricSet
	// What the tables are about. Without `server` they are much smaller. Only for `mode =
	// tables`.
	Scopes []string
	// The largest record of a raw snapshot, in bytes before compression. Only for `mode =
	// snapshots`.
	ChunkBytes int
	// Makes the topic if it is missing: with 12 partitions, or one for each of more shards,
	// the brokers' default of replicas, their time in its records, and two hours of
	// retention.
	CreateTopics bool
	// The directory of what waits while Kafka is away. It must not be used by anything
	// else. Raw snapshots wait as hard links to the files of the spool; put it on the same
	// file system, because otherwise they are copied.
	QueueDir string
	// Disk space for what waits. Beyond it the oldest is dropped, and counted.
	QueueMaxBytes int64
}

// Prometheus is the section [prometheus].
type Prometheus struct {
	// Whether the section exists.
	Enabled bool
	// Addresses on which the program accepts questions, separated by commas: `host:port`,
	// `[v6]:port`, or `:port` for all addresses of this host. Whoever can reach an address
	// can read all metrics and the status, unless you set `users-file` or `client-ca-file`.
	Listen []string
	// Path of the metrics. `/-/healthy` answers as long as the program lives, `/-/ready`
	// while there is a snapshot younger than `max-age`, and `/-/status` with the document of
	// the status socket.
	Path string
	// Age in seconds of a snapshot from which on the series of HAProxy are left out, so that
	// Prometheus sees that they have ended; 0 for never. Set it to three times
	// `pull-interval` or more.
	MaxAge time.Duration
	// The series that an answer has unless the question names others by `scope=`, separated
	// by white space or commas.
	Scopes []string
	// Adds the counters of HAProxy's modules, such as `h1` and `ssl`. A question can ask for
	// them by `extra-counters`.
	ExtraCounters bool
	// The series that results of health checks and agents have, 16 a server each: `all`, of
	// which the present one is 1, as HAProxy's own exporter has them; `current` for the one
	// that is 1; or `none`.
	CheckStates CheckStates
	// What is shown where HAProxy shows an empty value: `omit` for nothing, or `nan` for NaN,
	// as HAProxy's own exporter does. A sum over NaN is NaN.
	EmptyValues EmptyValues
	// Labels that all series get: `name=value`, separated by commas.
	Labels []Label
	// Series of HAProxy in an answer; 0 for no limit. Beyond it whole groups are left out: first
	// `extra-counters`, then listeners, results of checks, and servers. `haproxystats_series_dropped` counts them.
	MaxSeries int
	// Answers that are made at the same time. Whoever asks for one more gets status 503.
	MaxScrapes int
	// Time limit in seconds for an answer, from its first to its last byte. A question may
	// set a shorter one, as Prometheus does.
	Timeout time.Duration
	// A file with the certificate that questions see, followed by the intermediate
	// certificates, in PEM form. With it connections are encrypted. It and the other files are
	// read again after a change.
	CertFile string
	// The key of `cert-file`. Users of this host other than the owner and the group must not
	// be able to read or write it.
	KeyFile string
	// A file with authorities in PEM form. Only clients with a certificate of one of them may
	// ask then.
	ClientCAFile string
	// A file with users and the bcrypt hashes of their passwords, as `htpasswd -B` writes it.
	// Only they may ask then. Users of this host other than the owner and the group must not
	// be able to read or write it.
	UsersFile string
	// Adds what haproxystats says of itself: `haproxystats_*`, `process_*` and `go_*`.
	OwnMetrics bool
}

// OTLP is the section [otlp] or [otlp:NAME].
type OTLP struct {
	// The address of the receiver. `/v1/metrics` is put behind an address without a path; one
	// with a path is taken as it is: `https://prometheus.example.com/api/v1/otlp/v1/metrics`.
	Endpoint string
	// The names of metrics: `prometheus` for those of HAProxy's exporter for Prometheus, and
	// all that it shows; or `receiver` for the 33 metrics of the OpenTelemetry Collector's
	// receiver for HAProxy, with a resource for each row of `show stat`.
	Names OTLPNames
	// Attributes that all resources get: `key=value`, separated by commas. They take the
	// place of those with the same key, such as `service.name`.
	ResourceAttributes []Label
	// Whether `host.name` and `service.instance.id` have the whole name of the host, or the
	// part before the first dot.
	FQDN bool
	// What is sent of HAProxy, separated by white space or commas.
	Scopes []string
	// Sends the counters of HAProxy's modules, such as `h1` and `ssl`, too.
	ExtraCounters bool
	// The series that results of health checks and agents have, 16 a server each: `all`, of
	// which the present one is 1, as HAProxy's own exporter has them; `current` for the one
	// that is 1; or `none`.
	CheckStates CheckStates
	// Points of HAProxy in a snapshot; 0 for no limit. Beyond it whole groups are left out:
	// first `extra-counters`, then listeners, results of checks, and servers.
	MaxSeries int
	// How requests are compressed: `gzip`, `zstd` or `none`.
	Compression Compression
	// The most bytes of a request before compression. A larger resource with
	// `names = receiver` has a request of its own.
	MaxBytes int
	// Requests of one snapshot that are sent at the same time. Those of different snapshots
	// never are.
	Parallel int
	Push
}

// OTLPNames are the names that metrics have.
type OTLPNames string

// The values of OTLPNames.
const (
	OTLPPrometheus OTLPNames = "prometheus"
	OTLPReceiver   OTLPNames = "receiver"
)

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

// OnPartial is what happens to a round in which some sockets fail.
type OnPartial string

// The values of OnPartial.
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

// Counters is the meaning of counters over the lives of HAProxy's workers.
type Counters string

// The meanings of counters.
const (
	CountersTotal Counters = "total"
	CountersRaw   Counters = "raw"
)

// IsRaw reports whether counters are those of the current workers.
func (p Process) IsRaw() bool {
	return p.Counters == CountersRaw || p.Counters == "" && p.MetricSet == MetricsClassic
}

// Group is one option of a group section.
type Group struct {
	Section string
	Name    string // in lower case
	Pattern string // a Python regular expression
	Pos     ini.Pos
}
