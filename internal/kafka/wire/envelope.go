package wire

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Version is the version of the format that this package writes, and the latest that it
// reads.
const Version = 1

// Kind is what a record is.
type Kind string

// The kinds.
const (
	Snapshot Kind = "snapshot"
	Tables   Kind = "tables"
	Tick     Kind = "tick"
)

// The names of the topics that are used unless others are configured.
const (
	SnapshotsTopic = "haproxystats.snapshots"
	TablesTopic    = "haproxystats.tables"
)

// The keys of headers.
const (
	keyVersion  = "v"
	keyKind     = "t"
	keyCluster  = "c"
	keyNode     = "n"
	keyEpoch    = "e"
	keyAttempt  = "a"
	keyInstance = "i"
	keyShard    = "s"
)

// The bounds of headers.
const (
	// MaxName is the largest length of a node or a cluster.
	MaxName = 255
	// MaxShards is the largest number of shards.
	MaxShards = 64

	// MaxInstance is the largest length of an instance.
	MaxInstance = 255

	// maxHeader is the largest length of a header that Parse keeps.
	maxHeader = 512
	// maxHeaders is the largest number of headers that Parse reads.
	maxHeaders = 64
)

// Errors of [Parse].
var (
	// ErrForeign means that somebody else has written the record.
	ErrForeign = errors.New("the record was not written by haproxystats")
	// ErrNewer means that a later version has written the record.
	ErrNewer = errors.New("the record was written by a newer version of haproxystats")
	// ErrDamaged means that the record is not what a producer writes.
	ErrDamaged = errors.New("the record is damaged")
)

// Envelope has what the headers of a record tell.
type Envelope struct {
	Kind Kind
	// Cluster and Node are those of the snapshot, without slashes. Both are empty for a
	// tick, and so are the fields that follow.
	Cluster, Node string
	// Epoch is the time of the snapshot in seconds since 1970.
	Epoch   int64
	Attempt Attempt
	// Instance is the same for all that one producer sends.
	Instance string
	// Shard is the number of the shard among the Shards of the node's tables. Shards is 0
	// unless the kind is Tables.
	Shard, Shards int
}

// Key returns the key of the record, by which it has its partition.
func (e Envelope) Key() []byte {
	switch e.Kind {
	case Snapshot:
		return []byte(e.Cluster + "/" + e.Node)
	case Tables:
		return []byte(e.Cluster + "/" + strconv.Itoa(e.Shard))
	}
	return nil
}

// Check returns an error unless the envelope is one that [Parse] accepts.
func (e Envelope) Check() error {
	switch {
	case e.Kind == Tick:
		if e != (Envelope{Kind: Tick}) {
			return errors.New("a tick has nothing but its kind")
		}
		return nil
	case e.Kind != Snapshot && e.Kind != Tables:
		return fmt.Errorf("the kind %q", e.Kind)
	case !isName(e.Cluster):
		return fmt.Errorf("the cluster %q is empty, has a slash, or has more than %d bytes", clip(e.Cluster), MaxName)
	case !isName(e.Node):
		return fmt.Errorf("the node %q is empty, has a slash, or has more than %d bytes", clip(e.Node), MaxName)
	case len(e.Instance) > MaxInstance:
		return fmt.Errorf("the instance has more than %d bytes", MaxInstance)
	case e.Kind == Snapshot && (e.Shard != 0 || e.Shards != 0):
		return errors.New("a snapshot has no shards")
	case e.Kind == Tables && (e.Shards < 1 || e.Shards > MaxShards || e.Shard < 0 || e.Shard >= e.Shards):
		return fmt.Errorf("shard %d of %d", e.Shard, e.Shards)
	}
	return nil
}

// isName reports whether s can name a node or a cluster. A slash would make equal keys of
// different nodes.
func isName(s string) bool { return s != "" && len(s) <= MaxName && !strings.Contains(s, "/") }

// clip returns the beginning of a text of somebody else, for an error.
func clip[T string | []byte](s T) T { return s[:min(len(s), 64)] }

// Headers returns the headers of a record, in their order.
func (e Envelope) Headers() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		put := func(key, value string) bool { return yield(key, []byte(value)) }
		if !put(keyVersion, strconv.Itoa(Version)) || !put(keyKind, string(e.Kind)) || e.Kind == Tick {
			return
		}
		_ = put(keyCluster, e.Cluster) && put(keyNode, e.Node) && put(keyEpoch, strconv.FormatInt(e.Epoch, 10)) &&
			put(keyAttempt, e.Attempt.String()) && put(keyInstance, e.Instance) &&
			(e.Kind != Tables || put(keyShard, strconv.Itoa(e.Shard)+"/"+strconv.Itoa(e.Shards)))
	}
}

// Parse reads the headers of a record, whose memory it does not keep. The error satisfies
// errors.Is with one of [ErrForeign], [ErrNewer] and [ErrDamaged].
func Parse(headers iter.Seq2[string, []byte]) (Envelope, error) {
	values := make(map[string]string, 8)
	n := 0
	for key, value := range headers {
		if n++; n > maxHeaders {
			return Envelope{}, fmt.Errorf("%w: more than %d headers", ErrForeign, maxHeaders)
		}
		if !isKnown(key) {
			continue
		}
		if len(value) > maxHeader {
			return Envelope{}, fmt.Errorf("%w: header %s has %d bytes", ErrForeign, key, len(value))
		}
		if _, twice := values[key]; twice {
			return Envelope{}, fmt.Errorf("%w: header %s for the second time", ErrForeign, key)
		}
		values[key] = string(value)
	}
	if err := checkVersion(values); err != nil {
		return Envelope{}, err
	}
	e, err := parse(values)
	if err == nil {
		err = e.Check()
	}
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return e, nil
}

func isKnown(key string) bool {
	switch key {
	case keyVersion, keyKind, keyCluster, keyNode, keyEpoch, keyAttempt, keyInstance, keyShard:
		return true
	}
	return false
}

// checkVersion returns an error unless the version and the kind are known.
func checkVersion(values map[string]string) error {
	text, versioned := values[keyVersion]
	kind, kinded := values[keyKind]
	version, err := strconv.ParseUint(text, 10, 31)
	switch {
	case !versioned || !kinded:
		return fmt.Errorf("%w: it has no headers %s and %s", ErrForeign, keyVersion, keyKind)
	case err != nil || version == 0:
		return fmt.Errorf("%w: version %q", ErrForeign, clip(text))
	case version > Version:
		return fmt.Errorf("%w: version %d, this program reads %d", ErrNewer, version, Version)
	}
	switch Kind(kind) {
	case Snapshot, Tables, Tick:
		return nil
	}
	return fmt.Errorf("%w: the kind %q", ErrNewer, clip(kind))
}

func parse(values map[string]string) (e Envelope, err error) {
	e.Kind = Kind(values[keyKind])
	if e.Kind == Tick {
		return e, nil
	}
	e.Cluster, e.Node, e.Instance = values[keyCluster], values[keyNode], values[keyInstance]
	if e.Epoch, err = strconv.ParseInt(values[keyEpoch], 10, 64); err != nil {
		return e, fmt.Errorf("the epoch %q", clip(values[keyEpoch]))
	}
	if e.Attempt, err = parseAttempt(values[keyAttempt]); err != nil {
		return e, err
	}
	if e.Kind == Tables {
		shard, shards, _ := strings.Cut(values[keyShard], "/")
		a, errA := strconv.ParseUint(shard, 10, 7)
		b, errB := strconv.ParseUint(shards, 10, 7)
		if errA != nil || errB != nil {
			return e, fmt.Errorf("the shard %q", clip(values[keyShard]))
		}
		e.Shard, e.Shards = int(a), int(b)
	}
	return e, nil
}
