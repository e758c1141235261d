package status

import (
	"time"

	"haproxystats/internal/snapshot"
)

// Format is the version of the documents of this package. It changes when
// those who read an older one would misread it; what is only added does not
// change it.
const Format = 1

// Document is what a program says of itself.
type Document struct {
	Format  int    `json:"format"`
	Program string `json:"program"`
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// Now is when this was said. Ages are to be reckoned from it.
	Now     Time  `json:"now"`
	Started Time  `json:"started"`
	State   State `json:"state"`
	// ConfigSHA256 is the hash of the configuration that the program has read: see
	// config.Loaded.
	ConfigSHA256 string `json:"config_sha256,omitempty"`
	// Pull is of haproxystats-pull, Process of haproxystats-process; a program
	// that starts has none yet.
	Pull    *Pull    `json:"pull,omitempty"`
	Process *Process `json:"process,omitempty"`
}

// State is what a program is about.
type State string

// The states.
const (
	Starting State = "starting" // opens what it needs
	Running  State = "running"
	Ending   State = "ending" // has been told to end
)

// Pull is the state of haproxystats-pull.
type Pull struct {
	// Interval is the time from round to round.
	Interval Seconds `json:"interval"`
	// Begun is when the last round began.
	Begun Time `json:"begun"`
	// Stored is when the last snapshot was stored, StoredEpoch its name.
	Stored      Time  `json:"stored"`
	StoredEpoch int64 `json:"stored_epoch"`
	// Waiting is how many snapshots were in the queue when the last round began.
	Waiting int    `json:"waiting"`
	Rounds  Rounds `json:"rounds"`
	// Missed is when rounds were missed last.
	Missed Time `json:"missed,omitempty"`
	// Last is the last round that has ended.
	Last *Round `json:"last,omitempty"`
}

// Rounds counts rounds by how they have ended.
type Rounds struct {
	// Stored includes those that were stored in part.
	Stored  int64 `json:"stored"`
	Partial int64 `json:"partial"`
	Dropped int64 `json:"dropped"`
	Skipped int64 `json:"skipped"`
	// Missed are those that were not made, because their time had passed.
	Missed int64 `json:"missed"`
}

// Round is a round that has ended.
type Round struct {
	// Outcome is "stored", "partial", "dropped" or "skipped".
	Outcome string `json:"outcome"`
	// Cause says why, unless it was stored.
	Cause    string  `json:"cause,omitempty"`
	Ended    Time    `json:"ended"`
	Duration Seconds `json:"duration"`
	Skew     Seconds `json:"skew"`
	// HandOver is how long it took to make the snapshot durable, behind Duration.
	HandOver Seconds `json:"hand_over"`
	// Sockets is how many were asked, Failed how many of them have failed.
	Sockets int `json:"sockets"`
	Failed  int `json:"failed"`
	// Failures names those that have failed, but not all if there are many.
	Failures []snapshot.Failure `json:"failures,omitempty"`
}

// Process is the state of haproxystats-process.
type Process struct {
	Workers Workers `json:"workers"`
	// Progress is when a worker got on last.
	Progress Time `json:"progress"`
	// Done counts the snapshots done, Last names the last of them.
	Done int64  `json:"done"`
	Last string `json:"last,omitempty"`
	// Waiting is how many snapshots no worker has begun.
	Waiting int `json:"waiting"`
	// SpoolCause says why the spool can't be read; while it can't, Waiting and
	// Oldest say nothing.
	SpoolCause string `json:"spool_cause,omitempty"`
	// Oldest is the age of the oldest snapshot, begun or not; 0 for none.
	Oldest Seconds `json:"oldest"`
	// Retries counts the tries that got no snapshot done, Corrupt the snapshots
	// that were given up.
	Retries int64  `json:"retries"`
	Corrupt int64  `json:"corrupt"`
	Sinks   []Sink `json:"sinks"`
}

// Workers counts the workers of haproxystats-process.
type Workers struct {
	Configured int `json:"configured"`
	// Alive are those that run and are not stuck.
	Alive int `json:"alive"`
	// Busy are those that hold a snapshot.
	Busy int `json:"busy"`
}

// Sink is the state of a sink.
type Sink struct {
	Name string `json:"name"`
	// Reachable tells that the last try to deliver was confirmed, or that there
	// was none yet.
	Reachable bool `json:"reachable"`
	// Down is when the first try failed since the last that did not, and Cause
	// why; for a sink that is reachable, neither is there.
	Down  Time   `json:"down,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Confirmed is when the last batch was confirmed.
	Confirmed Time `json:"confirmed"`
	// Batches, Metrics and Bytes count what has been confirmed.
	Batches int64 `json:"batches"`
	Metrics int64 `json:"metrics"`
	Bytes   int64 `json:"bytes"`
	// Failures counts the tries that were not, Skipped the metrics that were
	// left out as unfit.
	Failures int64 `json:"failures"`
	Skipped  int64 `json:"skipped"`
	// Queue is the sink's own, if it has one.
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

// Queue is what waits for a sink.
type Queue struct {
	Batches int64 `json:"batches"`
	Metrics int64 `json:"metrics"`
	Bytes   int64 `json:"bytes"`
	// Age is that of the oldest snapshot; 0 for none.
	Age Seconds `json:"age"`
	// Resent counts the batches delivered out of the queue, Dropped the metrics
	// that were lost, Corrupt the batches that were found damaged.
	Resent  int64 `json:"resent"`
	Dropped int64 `json:"dropped"`
	Corrupt int64 `json:"corrupt"`
	// Refused counts the batches that are held because the destination refuses them,
	// Unreadable the files that can't be read now. Neither keeps the others.
	Refused    int64 `json:"refused"`
	Unreadable int64 `json:"unreadable"`
}

// Time is a point of time in seconds since 1970, to the millisecond; 0 stands
// for never.
type Time float64

// At returns t as a Time.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(float64(t.UnixMilli()) / 1000)
}

// Seconds is a length of time.
type Seconds float64

// For returns d in seconds, to the millisecond.
func For(d time.Duration) Seconds {
	return Seconds(float64(d.Round(time.Millisecond).Milliseconds()) / 1000)
}

// Duration returns s as a [time.Duration].
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Since returns how long t was ago when the document was made; 0 if it was not
// yet.
func (d Document) Since(t Time) Seconds { return Seconds(max(0, float64(d.Now-t))) }
