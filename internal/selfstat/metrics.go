package selfstat

import (
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/sink"
	"haproxystats/internal/snapshot"
)

// seconds is the unit of durations, which have three decimals.
const seconds = "seconds"

// maxSeconds bounds a number of seconds from a manifest.
const maxSeconds = 1 << 32

// facts are the inputs of the metrics of one snapshot.
type facts struct {
	Work
	Sources
	points [metric.NumScopes]int // of the batch, by scope
	now    time.Time
}

// number is a value or none. The value of a metric in seconds is in milliseconds.
type number struct {
	n    int64
	none bool
}

func count[N int | int64](n N) number { return number{n: int64(n)} }

func length(d time.Duration) number { return number{n: d.Round(time.Millisecond).Milliseconds()} }

// ofRound returns a number of the round, or none if the snapshot has no round.
func ofRound(f *facts, n func(*snapshot.Round) number) number {
	if f.Round == nil {
		return number{none: true}
	}
	return n(f.Round)
}

// ofSpool returns a number of the spool, or none if the spool is not that of the node.
func ofSpool(f *facts, n func(Spool) number) number {
	if f.Spool == nil {
		return number{none: true}
	}
	return n(f.Spool)
}

// snapshotMetric is a metric that exists once for each snapshot.
type snapshotMetric struct {
	metric.Column
	value func(*facts) number
}

var ofSnapshot = []snapshotMetric{
	{metric.Column{
		Name: "WallClockTimeHAProxy", Unit: seconds,
		Help: "Time to read and combine the replies to `show info`",
	}, func(f *facts) number { return length(f.HAProxy) }},
	{metric.Column{
		Name: "WallClockTimeFrontends", Unit: seconds,
		Help: "Share of frontends, by their rows, in the time to read and combine the replies to `show stat`",
	}, func(f *facts) number { return length(f.Frontends) }},
	{metric.Column{
		Name: "WallClockTimeBackends", Unit: seconds,
		Help: "Share of backends, by their rows, in the time to read and combine the replies to `show stat`",
	}, func(f *facts) number { return length(f.Backends) }},
	{metric.Column{
		Name: "WallClockTimeServers", Unit: seconds,
		Help: "Share of servers, by their rows, in the time to read and combine the replies to `show stat`",
	}, func(f *facts) number { return length(f.Servers) }},
	{metric.Column{
		Name: "WallClockTimeAllStats", Unit: seconds,
		Help: "Time to read and combine the replies to `show info` and `show stat`",
	}, func(f *facts) number { return length(f.AllStats) }},
	{metric.Column{
		Name: "TotalWallClockTime", Unit: seconds,
		Help: "Time from claiming the snapshot to handing its metrics to the sinks",
	}, func(f *facts) number { return length(f.Total) }},
	{metric.Column{
		Name: "MetricsHAProxy", Unit: "metrics",
		Help: "Daemon and process metrics of the snapshot",
	}, func(f *facts) number { return count(f.points[metric.Daemon] + f.points[metric.Process]) }},
	{metric.Column{
		Name: "MetricsFrontend", Unit: "metrics",
		Help: "Frontend metrics of the snapshot",
	}, func(f *facts) number { return count(f.points[metric.Frontend]) }},
	{metric.Column{
		Name: "MetricsBackend", Unit: "metrics",
		Help: "Backend metrics of the snapshot",
	}, func(f *facts) number { return count(f.points[metric.Backend]) }},
	{metric.Column{
		Name: "MetricsServer", Unit: "metrics",
		Help: "Server metrics of the snapshot, aggregated servers included",
	}, func(f *facts) number { return count(f.points[metric.Server] + f.points[metric.ServerName]) }},
	{metric.Column{
		Name: "MetricsLeftOut", Unit: "metrics",
		Help: "Metrics of the snapshot that are left out because of `max-metrics`",
	}, func(f *facts) number { return count(f.LeftOut) }},
	{metric.Column{
		Name: "BadRows", Unit: "rows",
		Help: "Bad rows and lines of the snapshot, which were skipped",
	}, func(f *facts) number { return count(f.BadRows) }},
	{metric.Column{
		Name: "BadFiles", Unit: "files",
		Help: "Files of the snapshot that could not be used in full",
	}, func(f *facts) number { return count(f.BadFiles) }},
	{metric.Column{
		Name: "DuplicateSockets", Unit: "sockets",
		Help: "Sockets whose replies were not counted, because their process also answered through another socket",
	}, func(f *facts) number { return count(f.DuplicateSockets) }},
	{metric.Column{
		Name: "ProcessesMissing", Unit: "processes",
		Help: "Processes that did not answer although `Nbproc` of the others counts them",
	}, func(f *facts) number { return count(f.ProcessesMissing) }},
	{metric.Column{
		Name: "SnapshotBytes", Unit: "bytes",
		Help: "Size of the snapshot's replies that were read",
	}, func(f *facts) number { return count(f.Bytes) }},
	{metric.Column{
		Name: "RoundDuration", Unit: seconds,
		Help: "Round duration: time that haproxystats-pull needed for all replies; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return length(r.Duration) })
	}},
	{metric.Column{
		Name: "RoundSkew", Unit: seconds,
		Help: "Round skew: delay between the planned and the real start of the round; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return length(r.Skew) })
	}},
	{metric.Column{
		Name: "RoundsMissed", Unit: "rounds",
		Help: "Missed rounds since the snapshot before: their time passed during another round; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Missed) })
	}},
	{metric.Column{
		Name: "Reloads", Unit: "reloads",
		Help: "Reloads of HAProxy since the snapshot before, which replaced a worker of a socket; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Workers.Reloads) })
	}},
	{metric.Column{
		Name: "Restarts", Unit: "restarts",
		Help: "Restarts of HAProxy since the snapshot before: workers that ended before their successors began; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Workers.Restarts) })
	}},
	{metric.Column{
		Name: "Crashes", Unit: "workers",
		Help: "Crashes of HAProxy's workers since the snapshot before: workers that ended without a reload while their master or older workers lived on; not among Restarts; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Workers.Crashes) })
	}},
	{metric.Column{
		Name: "FailedReloads", Unit: "reloads",
		Help: "Failed reloads of HAProxy since the snapshot before, as its master says; only with `master-socket`, and for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Workers.FailedReloads) })
	}},
	{metric.Column{
		Name: "SecondsUnaccounted", Unit: seconds,
		Help: "Time between the last look at workers and their end, for those that ended without final words since the snapshot before; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number {
			return length(time.Duration(min(r.Workers.SecondsUnaccounted, maxSeconds)) * time.Second)
		})
	}},
	{metric.Column{
		Name: "RequestsUnaccounted", Unit: "requests",
		Help: "Estimate of the requests that these workers had and no row has; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Workers.RequestsUnaccounted) })
	}},
	{metric.Column{
		Name: "AccountsFailed", Unit: "sockets",
		Help: "Rounds of sockets since the snapshot before whose counters could not be accounted for; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.Workers.AccountsFailed) })
	}},
	{metric.Column{
		Name: "HandOverDuration", Unit: seconds,
		Help: "Time that haproxystats-pull needed to make the snapshot before durable and hand it over; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return length(r.HandOver) })
	}},
	{metric.Column{
		Name: "SocketsFailed", Unit: "sockets",
		Help: "Failed sockets, whose replies are missing from the snapshot; only for snapshots with a manifest",
	}, func(f *facts) number {
		return ofRound(f, func(r *snapshot.Round) number { return count(r.SocketsFailed) })
	}},
	{metric.Column{
		Name: "QueueLength", Unit: "snapshots",
		Help: "Snapshots in `src-dir` that wait for a worker",
	}, func(f *facts) number { return ofSpool(f, func(s Spool) number { return count(s.Waiting()) }) }},
	{metric.Column{
		Name: "QueueAge", Unit: seconds,
		Help: "Age of the oldest snapshot in `src-dir`, this one included",
	}, func(f *facts) number { return ofSpool(f, func(s Spool) number { return length(s.Oldest()) }) }},
	{metric.Column{
		Name: "SnapshotRetries", Unit: "tries", Nature: metric.Counter,
		Help: "Failed attempts to process a snapshot, whatever the cause",
	}, func(f *facts) number {
		if f.Retries == nil {
			return number{none: true}
		}
		return count(f.Retries())
	}},
	{metric.Column{
		Name: "CorruptSnapshots", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots that were given up and moved to the directory beside `src-dir` that ends in `.corrupt`",
	}, func(f *facts) number { return ofSpool(f, func(s Spool) number { return count(s.Corrupt()) }) }},
	{metric.Column{
		Name: "LogMessagesDropped", Unit: "messages", Nature: metric.Counter,
		Help: "Log messages of haproxystats-process that were dropped, because the log was not read",
	}, func(f *facts) number {
		if f.LogDropped == nil {
			return number{none: true}
		}
		return count(f.LogDropped())
	}},
	{metric.Column{
		Name: "ConfigLoaded", Unit: seconds,
		Help: "Time at which haproxystats-process read the configuration that it runs with, in seconds since 1970",
	}, func(f *facts) number { return f.configLoaded() }},
	{metric.Column{
		Name: "ConfigReloadFailed", Unit: "state",
		Help: "1 if haproxystats-process was told to read the configuration again and goes on with the old one, because the new one is refused or can't be used; otherwise 0",
	}, func(f *facts) number { return f.configRefused() }},
}

// configLoaded returns when the configuration was loaded.
func (s *Sources) configLoaded() number {
	if s.Config == nil {
		return number{none: true}
	}
	loaded, _ := s.Config()
	return number{n: loaded.UnixMilli(), none: loaded.IsZero()}
}

// configRefused returns 1 if a later configuration was refused.
func (s *Sources) configRefused() number {
	if s.Config == nil {
		return number{none: true}
	}
	loaded, refused := s.Config()
	n := number{none: loaded.IsZero()}
	if refused {
		n.n = 1
	}
	return n
}

// sinkMetric is a metric that exists for each sink, with the sink's prefix.
type sinkMetric struct {
	metric.Column
	value func(sink.Status, time.Time) number
}

var ofSink = []sinkMetric{
	{metric.Column{
		Name: "SentMetrics", Unit: "metrics", Nature: metric.Counter,
		Help: "Metrics that the destination confirmed",
	}, func(s sink.Status, _ time.Time) number { return count(s.Metrics) }},
	{metric.Column{
		Name: "SentBytes", Unit: "bytes", Nature: metric.Counter,
		Help: "Size of the metrics that the destination confirmed",
	}, func(s sink.Status, _ time.Time) number { return count(s.Bytes) }},
	{metric.Column{
		Name: "ConfirmedBatches", Unit: "batches", Nature: metric.Counter,
		Help: "Batches, one for each snapshot, that the destination confirmed",
	}, func(s sink.Status, _ time.Time) number { return count(s.Batches) }},
	{metric.Column{
		Name: "Failures", Unit: "tries", Nature: metric.Counter,
		Help: "Failed deliveries: attempts to deliver a batch that were not confirmed",
	}, func(s sink.Status, _ time.Time) number { return count(s.Failures) }},
	{metric.Column{
		Name: "SkippedMetrics", Unit: "metrics", Nature: metric.Counter,
		Help: "Metrics that were left out: carbon can't store a path of over 4096 bytes, or of over 255 in a component, Kafka takes no record that its topic finds too large, and receivers of posted metrics may refuse some for good",
	}, func(s sink.Status, _ time.Time) number { return count(s.Skipped) }},
}

// ofQueue are the metrics of a sink's own queue.
var ofQueue = []sinkMetric{
	{metric.Column{
		Name: "QueueBatches", Unit: "batches",
		Help: "Batches that wait in the sink's queue",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.Batches) }},
	{metric.Column{
		Name: "QueueMetrics", Unit: "metrics",
		Help: "Metrics that wait in the sink's queue",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.Metrics) }},
	{metric.Column{
		Name: "QueueBytes", Unit: "bytes",
		Help: "Size of the sink's queue on disk",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.Bytes) }},
	{metric.Column{
		Name: "QueueAge", Unit: seconds,
		Help: "Age of the oldest snapshot that waits for its turn in the sink's queue, 0 for none",
	}, func(s sink.Status, now time.Time) number { return length(s.Queue.Age(now)) }},
	{metric.Column{
		Name: "ResentBatches", Unit: "batches", Nature: metric.Counter,
		Help: "Confirmed batches that came out of the sink's queue",
	}, func(s sink.Status, _ time.Time) number { return count(s.Resent) }},
	{metric.Column{
		Name: "DroppedMetrics", Unit: "metrics", Nature: metric.Counter,
		Help: "Metrics that the sink's queue lost, because it was full or its files vanished",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.DroppedMetrics) }},
	{metric.Column{
		Name: "CorruptBatches", Unit: "batches", Nature: metric.Counter,
		Help: "Files of the sink's queue that were damaged and set aside",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.DamagedBatches) }},
	{metric.Column{
		Name: "RefusedBatches", Unit: "batches",
		Help: "Batches in the sink's queue that the destination refuses while it takes others",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.Refused) }},
	{metric.Column{
		Name: "UnreadableFiles", Unit: "files",
		Help: "Files of the sink's queue that can't be read, because of their owner, the disk, or a later version's format",
	}, func(s sink.Status, _ time.Time) number { return count(s.Queue.Unreadable) }},
}

// ofLimited are the metrics of a sink that bounds the series of a batch.
var ofLimited = []sinkMetric{
	{metric.Column{
		Name: "SeriesDropped", Unit: "series", Nature: metric.Counter,
		Help: "Series of HAProxy that were left out because of `max-series`, over all snapshots",
	}, func(s sink.Status, _ time.Time) number { return count(s.SeriesDropped) }},
}

// topicMetric is a metric of all topics together.
type topicMetric struct {
	metric.Column
	value func(Topics) number
}

var ofTopics = []topicMetric{
	{metric.Column{
		Name: "KafkaLagRecords", Unit: "records",
		Help: "Records of all partitions of this program that are still to be read",
	}, func(t Topics) number { return count(t.LagRecords) }},
	{metric.Column{
		Name: "KafkaLagSeconds", Unit: seconds,
		Help: "Age of the oldest record that is still to be read",
	}, func(t Topics) number { return length(t.LagAge) }},
	{metric.Column{
		Name: "KafkaRebalances", Unit: "changes", Nature: metric.Counter,
		Help: "Changes of the partitions that this program has",
	}, func(t Topics) number { return count(t.Rebalances) }},
	{metric.Column{
		Name: "KafkaCommitErrors", Unit: "errors", Nature: metric.Counter,
		Help: "Commits of offsets that failed",
	}, func(t Topics) number { return count(t.CommitErrors) }},
	{metric.Column{
		Name: "SnapshotsIncomplete", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots of which records are missing, so that they were dropped",
	}, func(t Topics) number { return count(t.Incomplete) }},
	{metric.Column{
		Name: "SnapshotsNewer", Unit: "records", Nature: metric.Counter,
		Help: "Records of a newer version, which were put aside",
	}, func(t Topics) number { return count(t.Newer) }},
}
