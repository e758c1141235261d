package top

import (
	"math"
	"slices"
	"strings"
)

// Kind is the kind of thing that a row describes.
type Kind uint8

// The kinds, in the order in which they are shown.
const (
	Process Kind = iota
	Frontend
	Backend
	Server
	numKinds
)

// kindNames are the names of the kinds, of one and of several.
var kindNames = [numKinds][2]string{{"process", "processes"}, {"frontend", "frontends"}, {"backend", "backends"}, {"server", "servers"}}

// String returns the name of the kind.
func (k Kind) String() string { return kindNames[k][0] }

// Plural returns the name of several things of the kind.
func (k Kind) Plural() string { return kindNames[k][1] }

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Process, Frontend, Backend, Server} }

// Metric is a number of a row.
type Metric uint8

// The metrics of rows.
const (
	Sessions Metric = iota
	SessionLimit
	SessionRate
	Queue
	Requests
	Responses4xx
	Responses5xx
	Errors
	Retries
	Aborts
	BytesIn
	BytesOut
	QueueTime
	ConnectTime
	ResponseTime
	TotalTime
	CPU
	Weight
	Since
	numMetrics
)

// Unit says how a number is written.
type Unit uint8

// The units.
const (
	Count     Unit = iota // a number of things
	PerSecond             // events a second
	Bytes                 // bytes a second
	Millis                // milliseconds
	Percent
	Seconds
)

// Description describes a metric.
type Description struct {
	// Key names the metric in the option for sorting and, with underscores, in JSON.
	Key string
	// Title is the heading of its column, of at most seven characters.
	Title string
	Unit  Unit
	Help  string
	// gauge is the field of `show stat` that has the value; empty for a rate.
	gauge string
	// counters are the fields whose growth is added up, by kind.
	counters [numKinds][]counter
}

// counter is a counter of rows.
type counter uint8

const (
	countRequests counter = iota
	countSessions
	count4xx
	count5xx
	countRequestErrors
	countConnectionErrors
	countResponseErrors
	countRetries
	countRedispatches
	countClientAborts
	countServerAborts
	countIn
	countOut
	numCounters
)

// counterFields are the fields of `show stat`.
var counterFields = [numCounters]string{
	"req_tot", "stot", "hrsp_4xx", "hrsp_5xx", "ereq", "econ", "eresp", "wretr", "wredis", "cli_abrt", "srv_abrt", "bin", "bout",
}

// infoCounters are the fields of `show info` for the counters that processes have.
var infoCounters = map[string]counter{"CumReq": countRequests, "CumConns": countSessions}

// infoGauges are the fields of `show info` for the metrics that processes have.
var infoGauges = map[string]Metric{"CurrConns": Sessions, "Maxconn": SessionLimit, "Uptime_sec": Since, "BytesOutRate": BytesOut}

func onRows(counters ...counter) [numKinds][]counter {
	return [numKinds][]counter{Frontend: counters, Backend: counters, Server: counters}
}

var descriptions = [numMetrics]Description{
	Sessions:     {Key: "sessions", Title: "SESS", Unit: Count, gauge: "scur", Help: "sessions open now; of a process, its connections"},
	SessionLimit: {Key: "limit", Title: "LIMIT", Unit: Count, gauge: "slim", Help: "limit of sessions, or of a process's connections"},
	SessionRate: {
		Key: "session-rate", Title: "SESS/s", Unit: PerSecond, Help: "new sessions a second; of a process, new connections",
		counters: [numKinds][]counter{Process: {countSessions}, Frontend: {countSessions}, Backend: {countSessions}, Server: {countSessions}},
	},
	Queue: {Key: "queue", Title: "QUEUE", Unit: Count, gauge: "qcur", Help: "requests waiting in the queue now"},
	// Of a row without HTTP requests, sessions count: see [Model.rates].
	Requests:     {Key: "requests", Title: "REQ/s", Unit: PerSecond, Help: "requests a second; sessions a second where the mode is not http"},
	Responses4xx: {Key: "4xx", Title: "4xx/s", Unit: PerSecond, counters: onRows(count4xx), Help: "responses a second with a status of 400 to 499"},
	Responses5xx: {Key: "5xx", Title: "5xx/s", Unit: PerSecond, counters: onRows(count5xx), Help: "responses a second with a status of 500 to 599"},
	Errors: {
		Key: "errors", Title: "ERR/s", Unit: PerSecond, Help: "errors a second: bad requests (ereq) of a frontend; failed connections (econ) and bad responses (eresp) of a backend or server",
		counters: [numKinds][]counter{Frontend: {countRequestErrors}, Backend: {countConnectionErrors, countResponseErrors}, Server: {countConnectionErrors, countResponseErrors}},
	},
	Retries: {
		Key: "retries", Title: "RETR/s", Unit: PerSecond, Help: "retries and redispatches a second",
		counters: [numKinds][]counter{Backend: {countRetries, countRedispatches}, Server: {countRetries, countRedispatches}},
	},
	Aborts: {
		Key: "aborts", Title: "ABRT/s", Unit: PerSecond, Help: "transfers a second that the client or the server has aborted",
		counters: [numKinds][]counter{Backend: {countClientAborts, countServerAborts}, Server: {countClientAborts, countServerAborts}},
	},
	BytesIn:      {Key: "in", Title: "IN/s", Unit: Bytes, counters: onRows(countIn), Help: "bytes a second from clients"},
	BytesOut:     {Key: "out", Title: "OUT/s", Unit: Bytes, counters: onRows(countOut), Help: "bytes a second to clients"},
	QueueTime:    {Key: "qtime", Title: "QTIME", Unit: Millis, gauge: "qtime", Help: "average time in the queue of the last 1024 requests"},
	ConnectTime:  {Key: "ctime", Title: "CTIME", Unit: Millis, gauge: "ctime", Help: "average time to connect of the last 1024 requests"},
	ResponseTime: {Key: "rtime", Title: "RTIME", Unit: Millis, gauge: "rtime", Help: "average response time of the last 1024 requests"},
	TotalTime:    {Key: "ttime", Title: "TTIME", Unit: Millis, gauge: "ttime", Help: "average total time of the last 1024 requests"},
	CPU:          {Key: "cpu", Title: "CPU", Unit: Percent, Help: "100 less Idle_pct of a process"},
	Weight:       {Key: "weight", Title: "WEIGHT", Unit: Count, gauge: "weight", Help: "weight in use"},
	Since:        {Key: "since", Title: "SINCE", Unit: Seconds, gauge: "lastchg", Help: "time since the last change between up and down; of a process, its age"},
}

// Describe returns the description of a metric.
func (m Metric) Describe() Description { return descriptions[m] }

// Metrics returns all metrics.
func Metrics() []Metric {
	all := make([]Metric, numMetrics)
	for i := range all {
		all[i] = Metric(i)
	}
	return all
}

// None is the value of a metric that a row does not have, or that is not known yet.
var None = math.NaN()

// Known reports whether a value is a number.
func Known(v float64) bool { return !math.IsNaN(v) }

// Key is what rows are sorted by: their name, their state or a metric.
type Key struct {
	name   string
	metric Metric
}

// The keys that are not metrics.
var (
	ByName  = Key{name: "name"}
	ByState = Key{name: "state"}
)

// ByMetric returns the key of a metric.
func ByMetric(m Metric) Key { return Key{metric: m} }

// String returns the name of the key.
func (k Key) String() string {
	if k.name != "" {
		return k.name
	}
	return k.metric.Describe().Key
}

// Metric returns the metric of the key, and false if it is none.
func (k Key) Metric() (Metric, bool) { return k.metric, k.name == "" }

// Keys returns all keys.
func Keys() []Key {
	keys := []Key{ByName, ByState}
	for _, m := range Metrics() {
		keys = append(keys, ByMetric(m))
	}
	return keys
}

// KeyNames returns the names of all keys.
func KeyNames() []string {
	var names []string
	for _, k := range Keys() {
		names = append(names, k.String())
	}
	return names
}

// ParseKey returns the key with a name, in any case.
func ParseKey(name string) (Key, bool) {
	i := slices.IndexFunc(Keys(), func(k Key) bool { return strings.EqualFold(k.String(), name) })
	if i < 0 {
		return Key{}, false
	}
	return Keys()[i], true
}
