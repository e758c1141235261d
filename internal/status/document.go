package status

import (
	"strings"
	"time"

	"haproxystats/internal/snapshot"
)

// Format is the version of the documents. It changes when readers of an older
// version would misread a document; an added field does not change it.
const Format = 1

// Document is the status of a program.
type Document struct {
	Format  int    `json:"format"`
	Program string `json:"program"`
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// Now is when the document was made. Ages count from it.
	Now     Time  `json:"now"`
	Started Time  `json:"started"`
	State   State `json:"state"`
	// ConfigSHA256 is the hash of the configuration that the program has read: see
	// config.Loaded. [Partly] stands before it if some of its options need a restart.
	ConfigSHA256 string `json:"config_sha256,omitempty"`
	// ConfigLoaded is when the program read the configuration that it runs with.
	// ReloadFailed is when a later one was refused, or could not be used, and ReloadCause
	// why; both are empty after a reload that succeeded.
	ConfigLoaded Time   `json:"config_loaded,omitempty"`
	ReloadFailed Time   `json:"reload_failed,omitempty"`
	ReloadCause  string `json:"reload_cause,omitempty"`
	// ReloadPending reports whether a reload was asked for that has not ended.
	ReloadPending bool `json:"reload_pending,omitempty"`
	// LogMessagesDropped counts the log messages that were dropped because the log was
	// not read.
	LogMessagesDropped int64 `json:"log_messages_dropped"`
	// Pull is set by haproxystats-pull, Process by haproxystats-process; neither is set
	// while a program starts.
	Pull    *Pull    `json:"pull,omitempty"`
	Process *Process `json:"process,omitempty"`
	// Central is set by haproxystats-central, beside Process.
	Central *Central `json:"central,omitempty"`
}

// State is the phase of a program's life.
type State string

// The states.
const (
	Starting State = "starting" // opens its files and sockets
	Running  State = "running"
	Ending   State = "ending" // is ending
)

// Pull is the state of haproxystats-pull.
type Pull struct {
	// Interval is the time from round to round.
	Interval Seconds `json:"interval"`
	// Begun is when the last round began.
	Begun Time `json:"begun"`
	// Stored is when the last snapshot was stored; StoredEpoch is its name.
	Stored      Time  `json:"stored"`
	StoredEpoch int64 `json:"stored_epoch"`
	// Waiting is the number of snapshots in the queue when the last round began.
	Waiting int    `json:"waiting"`
	Rounds  Rounds `json:"rounds"`
	// Missed is when rounds were last missed.
	Missed Time `json:"missed,omitempty"`
	// Last is the last round that has ended.
	Last *Round `json:"last,omitempty"`
	// Workers are HAProxy's workers, as far as connections are held to them; nil if no
	// account of their counters is kept.
	Workers *HAProxyWorkers `json:"workers,omitempty"`
}

// HAProxyWorkers describes HAProxy's workers.
type HAProxyWorkers struct {
	// Held is the number of connections that are held to workers. Old is the number of
	// those that were replaced, OldConns that of their clients, and OldestAge the
	// time since the oldest of them was replaced.
	Held      int     `json:"held"`
	Old       int     `json:"old"`
	OldConns  int64   `json:"old_conns"`
	OldestAge Seconds `json:"oldest_age"`
	// Reloads, Restarts, Crashes and FailedReloads count what has happened to HAProxy; the
	// last one is known with master-socket only. SecondsUnaccounted and
	// RequestsUnaccounted bound what workers did unheard before they ended.
	// AccountsFailed counts rounds of sockets whose counters were raw.
	Reloads             int64 `json:"reloads"`
	Restarts            int64 `json:"restarts"`
	Crashes             int64 `json:"crashes"`
	FailedReloads       int64 `json:"failed_reloads"`
	SecondsUnaccounted  int64 `json:"seconds_unaccounted"`
	RequestsUnaccounted int64 `json:"requests_unaccounted"`
	AccountsFailed      int64 `json:"accounts_failed"`
	// FailedReload is when the latest reload was found to have failed, and empty after a
	// good one. Crash is when a worker was last found to have crashed, and AccountFailed
	// when counters were last raw.
	FailedReload  Time `json:"failed_reload,omitempty"`
	Crash         Time `json:"crash,omitempty"`
	AccountFailed Time `json:"account_failed,omitempty"`
}

// Rounds counts rounds by their outcome.
type Rounds struct {
	// Stored includes rounds that were stored in part.
	Stored  int64 `json:"stored"`
	Partial int64 `json:"partial"`
	Dropped int64 `json:"dropped"`
	Skipped int64 `json:"skipped"`
	// Missed counts rounds that were not made because their time had passed.
	Missed int64 `json:"missed"`
}

// Round is a round that has ended.
type Round struct {
	// Outcome is "stored", "partial", "dropped" or "skipped".
	Outcome string `json:"outcome"`
	// Cause is the reason, unless the round was stored.
	Cause    string  `json:"cause,omitempty"`
	Ended    Time    `json:"ended"`
	Duration Seconds `json:"duration"`
	Skew     Seconds `json:"skew"`
	// HandOver is the time to make the snapshot durable, after Duration.
	HandOver Seconds `json:"hand_over"`
	// Sockets is the number of sockets asked, Failed the number of those that failed.
	Sockets int `json:"sockets"`
	Failed  int `json:"failed"`
	// Failures names failed sockets, but not all if there are many.
	Failures []snapshot.Failure `json:"failures,omitempty"`
}

// Process is the state of haproxystats-process.
type Process struct {
	Workers Workers `json:"workers"`
	// Progress is when a worker last made progress.
	Progress Time `json:"progress"`
	// Done counts the processed snapshots; Last is the name of the last one.
	Done int64  `json:"done"`
	Last string `json:"last,omitempty"`
	// Waiting is the number of snapshots that no worker has begun.
	Waiting int `json:"waiting"`
	// SpoolCause is why the spool can't be read; until it can, Waiting and Oldest have
	// no meaning.
	SpoolCause string `json:"spool_cause,omitempty"`
	// Oldest is the age of the oldest snapshot, begun or not; 0 for none.
	Oldest Seconds `json:"oldest"`
	// Retries counts failed attempts at snapshots, Corrupt the snapshots that were given
	// up.
	Retries int64 `json:"retries"`
	Corrupt int64 `json:"corrupt"`
	// BadRows, DuplicateSockets and ProcessesMissing are the self metrics of these
	// names, of the snapshot that was read last.
	BadRows          int    `json:"bad_rows"`
	DuplicateSockets int    `json:"duplicate_sockets"`
	ProcessesMissing int    `json:"processes_missing"`
	Sinks            []Sink `json:"sinks"`
}

// Central is the state of haproxystats-central's clusters.
type Central struct {
	// OpenWindows is the number of windows that are not closed for good.
	OpenWindows int `json:"open_windows"`
	// JournalBytes is the size of the tables that are kept until their window is closed.
	JournalBytes int64 `json:"journal_bytes"`
	// Clusters are the clusters that were heard of, by name.
	Clusters map[string]Cluster `json:"clusters"`
	// Topics are the topics of Kafka that are read; nil without Kafka.
	Topics []Topic `json:"topics,omitempty"`
	// AssemblyBytes and AssemblyFileBytes are the sizes of snapshots that have not come
	// completely or wait for a worker, in memory and in files.
	AssemblyBytes     int64 `json:"assembly_bytes"`
	AssemblyFileBytes int64 `json:"assembly_file_bytes"`
}

// Topic is the state of a topic that a program reads.
type Topic struct {
	Topic string `json:"topic"`
	// Group is the consumer group, and Instance the program's name in it; empty for a
	// member without a name.
	Group    string `json:"group"`
	Instance string `json:"instance,omitempty"`
	// GroupState is the state of the group, as Kafka names it, and Members the number of
	// its members; empty and 0 if they are not known.
	GroupState string `json:"group_state,omitempty"`
	Members    int    `json:"members"`
	// Cause is why the topic can't be read; empty if it can.
	Cause string `json:"cause,omitempty"`
	// Rebalances counts the changes of the partitions that the program has, CommitErrors
	// the commits that failed.
	Rebalances   int64 `json:"rebalances"`
	CommitErrors int64 `json:"commit_errors"`
	// Incomplete counts the snapshots that did not come completely, Duplicates those that
	// came again. Damaged, Newer and Foreign count what was put aside.
	Incomplete int64 `json:"incomplete"`
	Duplicates int64 `json:"duplicates"`
	Damaged    int64 `json:"damaged"`
	Newer      int64 `json:"newer"`
	Foreign    int64 `json:"foreign"`
	// Partitions are those that the program has now.
	Partitions []Partition `json:"partitions"`
}

// Partition is how far a partition is read.
type Partition struct {
	Number int32 `json:"number"`
	// Committed is the offset that is committed, -1 for none. It stays behind Position by
	// the records of open windows and of snapshots in hand, of which there are InHand.
	Committed int64 `json:"committed"`
	Position  int64 `json:"position"`
	End       int64 `json:"end"`
	InHand    int   `json:"in_hand"`
	// Lag is the number of records between Position and End, LagSeconds the age of the
	// first of them.
	Lag        int64   `json:"lag"`
	LagSeconds Seconds `json:"lag_seconds"`
}

// Cluster is the state of a cluster.
type Cluster struct {
	// Window is the beginning of the newest window that was sent, 0 for none.
	Window Time `json:"window"`
	// Reporting, Expected and Missing are the nodes in that window, those that were
	// expected, and the names of those that were missing.
	Reporting int      `json:"reporting"`
	Expected  int      `json:"expected"`
	Missing   []string `json:"missing,omitempty"`
	// Windows counts the windows sent, Corrected those that were sent again with more
	// nodes, and Skipped those that were not sent because nodes were missing.
	Windows   int64 `json:"windows"`
	Corrected int64 `json:"corrected"`
	Skipped   int64 `json:"skipped"`
	// Conflicting are the node names that two machines use now, at most 32.
	Conflicting []Conflict `json:"conflicting,omitempty"`
	// Duplicates, ExtraRounds, LateDropped, FutureDropped and IntervalDropped are the
	// cluster's self metrics of these names.
	Duplicates      int64 `json:"duplicates"`
	ExtraRounds     int64 `json:"extra_rounds"`
	LateDropped     int64 `json:"late_dropped"`
	FutureDropped   int64 `json:"future_dropped"`
	IntervalDropped int64 `json:"interval_dropped"`
}

// Conflict is a node name that two machines use, and these machines.
type Conflict struct {
	Node     string `json:"node"`
	Instance string `json:"instance"`
	Other    string `json:"other"`
}

// Workers counts the workers of haproxystats-process.
type Workers struct {
	Configured int `json:"configured"`
	// Alive counts the workers that run and are not stuck.
	Alive int `json:"alive"`
	// Busy counts the workers that hold a snapshot.
	Busy int `json:"busy"`
}

// Sink is the state of a sink.
type Sink struct {
	Name string `json:"name"`
	// Reachable reports whether the last attempt to deliver was confirmed; it is true
	// before the first attempt.
	Reachable bool `json:"reachable"`
	// Sporadic reports whether the sink gets something only now and then, so that its
	// silence is no sign of a fault.
	Sporadic bool `json:"sporadic,omitempty"`
	// Down is when the first attempt since the last confirmation failed, and Cause is
	// why; both are empty for a reachable sink.
	Down  Time   `json:"down,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Confirmed is when the last batch was confirmed.
	Confirmed Time `json:"confirmed"`
	// Batches, Metrics and Bytes count what was confirmed.
	Batches int64 `json:"batches"`
	Metrics int64 `json:"metrics"`
	Bytes   int64 `json:"bytes"`
	// Failures counts attempts that were not confirmed, Skipped the metrics that were
	// left out as unfit.
	Failures int64 `json:"failures"`
	Skipped  int64 `json:"skipped"`
	// SeriesDropped counts the series of HAProxy that max-series left out, over all snapshots.
	SeriesDropped int64 `json:"series_dropped,omitempty"`
	// Queue is the sink's own queue, nil if it has none.
	Queue *Queue `json:"queue,omitempty"`
	// Verified is what verify-url has shown, if it is set.
	Verified *Verified `json:"verified,omitempty"`
}

// Verified is what has arrived of what a sink delivered.
type Verified struct {
	// Newest is the time of the newest value that was shown, Age how old that is;
	// without a value, Age is the time since the first question.
	Newest Time    `json:"newest"`
	Age    Seconds `json:"age"`
	// Behind is how far the newest value was behind the last confirmation, at the
	// last answer.
	Behind Seconds `json:"behind"`
	// Asked is when the last answer came. Failing is when the first question failed
	// since then, and Cause why.
	Asked   Time   `json:"asked"`
	Failing Time   `json:"failing,omitempty"`
	Cause   string `json:"cause,omitempty"`
}

// Queue describes what waits for a sink.
type Queue struct {
	Batches int64 `json:"batches"`
	Metrics int64 `json:"metrics"`
	Bytes   int64 `json:"bytes"`
	// Age is the age of the oldest snapshot; 0 for none.
	Age Seconds `json:"age"`
	// Resent counts batches that were delivered from the queue, Dropped the metrics that
	// were lost, Corrupt the batches that were damaged.
	Resent  int64 `json:"resent"`
	Dropped int64 `json:"dropped"`
	Corrupt int64 `json:"corrupt"`
	// Refused counts batches that are held because the destination refuses them,
	// Unreadable the files that can't be read now. Neither delays the others.
	Refused    int64 `json:"refused"`
	Unreadable int64 `json:"unreadable"`
}

// Time is a point in time in seconds since 1970, to the millisecond; 0 means never.
type Time float64

// At returns t as a Time. If the clock was set back after t was read from it, At sets t
// back, too: otherwise the age of t would be 0 until the clock is there again, and no
// check would alert.
func At(t time.Time) Time { return at(t, time.Now(), time.Since(t)) }

// at returns the time t of that age by the monotonic clock.
func at(t, now time.Time, age time.Duration) Time {
	if t.IsZero() {
		return 0
	}
	if moved := now.Add(-age); t.Round(0).Sub(moved.Round(0)) > time.Second {
		t = moved
	}
	return Time(float64(t.UnixMilli()) / 1000)
}

// Seconds is a duration.
type Seconds float64

// For returns d in seconds, to the millisecond.
func For(d time.Duration) Seconds {
	return Seconds(float64(d.Round(time.Millisecond).Milliseconds()) / 1000)
}

// Duration returns s as a [time.Duration].
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Partly stands before the hash of a configuration of which some options need a restart.
const Partly = "partly "

// NeedsRestart reports whether some options of the configuration that the program has read
// take effect after a restart only.
func (d Document) NeedsRestart() bool { return strings.HasPrefix(d.ConfigSHA256, Partly) }

// Since returns the time from t to when the document was made, at least 0.
func (d Document) Since(t Time) Seconds { return Seconds(max(0, float64(d.Now-t))) }
