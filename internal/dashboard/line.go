package dashboard

import "haproxystats/internal/metric"

// line describes one or several series of a panel or a rule.
type line struct {
	about  subject
	scope  metric.Scope
	fields []string // added up
	of     string   // for share and missing: the field that has the whole
	by     grouping
	form   form
	worst  aggregation // highest or lowest reduces all series to one; "" keeps them
	label  string      // name of a single series
	window int         // minutes of the moving average; 0 for none
	only   []condition // for chosen: the series that are shown, and why
	// sparse is set if not all have the limit, or whatever of is.
	sparse bool
	// processes adds the same line of each process of a host, where there is one, so that
	// the worst of them has a name.
	processes bool
	// named keeps only the highest or lowest of many series, and its name.
	named aggregation
	// before is set for the numbers of a week before.
	before bool
	// sinks takes the series of all sinks that have the field, one for each. Only
	// Prometheus can tell sinks apart.
	sinks bool
}

// condition chooses series by another of their metrics.
type condition struct {
	field string
	// over reduces the numbers of the time shown to the one that is compared.
	over aggregation
	// The number is from least to most.
	least, most float64
	// or is a field with numbers not above 0 that stands in where field has none; "" for
	// none.
	or string
}

// subject is what metrics are about. Each has paths of its own.
type subject uint8

const (
	aHost    subject = iota // a load balancer
	aCluster                // a cluster of load balancers
	aCentral                // haproxystats-central, below the path of its own host
)

// windowSelf is the scope of the metrics of a cluster's windows. They have paths of scope
// Self, and other names than the self metrics of hosts.
const windowSelf = metric.Scope(metric.NumScopes)

// grouping selects the series that values are combined to.
type grouping uint8

const (
	each  grouping = iota // one for each frontend, backend or server, whatever the host
	hosts                 // one for each host or cluster
	where                 // one for each frontend, backend or server on each host or cluster
	all                   // one
)

// form is the way in which numbers are converted.
type form uint8

const (
	asIs      form = iota // a level as it is, a counter as events a second
	perMinute             // a counter of rare events as events a minute
	share                 // the percentage of another field
	missing               // the difference to another field, which is larger
	reported              // 1 if there is a number, otherwise 0
	reporters             // the number of hosts or clusters that have sent numbers
	ofMean                // the percentage of the mean of all hosts
	events                // the number of what has happened since the snapshot before
	chosen                // only of those that meet conditions, each on each host
	rest                  // what is left to 100
	burn                  // how many times faster than allowed errors use their budget
	budget                // the percentage of the budget of errors of 30 days that is left
	silent                // 1 while a host sends and 0 after, only of hosts that send no more
	silents               // the number of such hosts
)

func daemon(fields ...string) line  { return line{scope: metric.Daemon, fields: fields, by: hosts} }
func front(fields ...string) line   { return line{scope: metric.Frontend, fields: fields} }
func back(fields ...string) line    { return line{scope: metric.Backend, fields: fields} }
func server(fields ...string) line  { return line{scope: metric.Server, fields: fields} }
func program(fields ...string) line { return line{scope: metric.Self, fields: fields, by: hosts} }

// sinkOf returns a line of a field of every sink, such as "QueueAge".
func sinkOf(field string) line { l := program("Graphite" + field); l.sinks = true; return l }

// endpoint has what the endpoint of Prometheus says beside the snapshots.
func endpoint(series ...string) line { return line{scope: ofEndpoint, fields: series, by: hosts} }

// The metrics of what haproxystats-pull asks for by collect.
func table(fields ...string) line       { return line{scope: metric.StickTable, fields: fields} }
func certificate(fields ...string) line { return line{scope: metric.Certificate, fields: fields} }
func resolver(fields ...string) line    { return line{scope: metric.Resolver, fields: fields} }

// windows has metrics of the windows of clusters.
func windows(fields ...string) line {
	return line{about: aCluster, scope: windowSelf, fields: fields, by: hosts}
}

// central has metrics of haproxystats-central itself.
func central(fields ...string) line {
	return line{about: aCentral, scope: metric.Self, fields: fields, by: hosts}
}

// ofClusters has the metrics of HAProxy for each cluster instead of for each host.
func (l line) ofClusters() line { l.about, l.by = aCluster, hosts; return l }

func (l line) per(g grouping) line { l.by = g; return l }

func (l line) total(label string) line { l.by, l.label = all, label; return l }

func (l line) percentOf(field string) line { l.form, l.of = share, field; return l }

// percentOfSome returns the line of a percentage for those that have the other field.
func (l line) percentOfSome(field string) line { l.sparse = true; return l.percentOf(field) }

func (l line) missingOf(field string) line { l.form, l.of = missing, field; return l }

func (l line) averaged(minutes int) line { l.window = minutes; return l }

func (l line) in(f form) line { l.form = f; return l }

// when returns the line of those that meet all conditions; label tells what they mean.
func (l line) when(label string, only ...condition) line {
	l.form, l.only, l.label, l.by = chosen, only, label, where
	return l
}

func (l line) highest(label string) line { l.worst, l.label = highest, label; return l }

func (l line) lowest(label string) line { l.worst, l.label = lowest, label; return l }

// worstNamed returns the line of the highest of all hosts, frontends or servers, with its
// name.
func (l line) worstNamed() line { l.named, l.by = highest, where; return l }

// orProcess has each process beside its host. So the worst process has a name where
// per-process-metrics is set.
func (l line) orProcess() line { l.processes = true; return l }

// weekBefore returns the line of a week before.
func (l line) weekBefore(label string) line { l.before, l.by, l.label = true, all, label; return l }

// burning returns the line of errors that use up their budget, over so many minutes.
func (l line) burning(minutes int, of string) line {
	l.form, l.of, l.window = burn, of, minutes
	return l
}

// budgetOf returns the line of what is left of the budget of errors.
func (l line) budgetOf(of string) line { l.form, l.of = budget, of; return l }
