package selfstat

import (
	"time"

	"haproxystats/internal/metric"
)

// centralPrefix begins the names of the metrics of haproxystats-central itself, because
// haproxystats-process on the same host sends its own below the same path.
const centralPrefix = "Central"

// CentralSources are the sources of the metrics of haproxystats-central itself. They must
// answer at once.
type CentralSources struct {
	Sources
	// Done returns the number of snapshots of nodes that are done.
	Done func() int64
	// AddressesHidden returns the number of rows of servers that have no address where
	// servers are named by it.
	AddressesHidden func() int64
	// OpenWindows returns the number of windows that are not closed for good.
	OpenWindows func() int
	// JournalBytes returns the size of the journal, and JournalMaxBytes is its limit.
	JournalBytes    func() int64
	JournalMaxBytes int64
	// Topics returns the counts of the topics that are read; nil without Kafka, which has
	// no metrics then.
	Topics func() Topics
}

// centralMetric is a metric of haproxystats-central itself.
type centralMetric struct {
	metric.Column
	value func(*CentralSources) number
}

var ofCentral = []centralMetric{
	{metric.Column{
		Name: "SnapshotsDone", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots of all nodes that haproxystats-central has processed",
	}, func(s *CentralSources) number { return count(s.Done()) }},
	{metric.Column{
		Name: "SnapshotRetries", Unit: "tries", Nature: metric.Counter,
		Help: "Failed attempts of haproxystats-central to process a snapshot, whatever the cause",
	}, func(s *CentralSources) number { return count(s.Retries()) }},
	{metric.Column{
		Name: "QueueLength", Unit: "snapshots",
		Help: "Snapshots in the spools of all nodes that wait for a worker of haproxystats-central",
	}, func(s *CentralSources) number { return count(s.Spool.Waiting()) }},
	{metric.Column{
		Name: "QueueAge", Unit: seconds,
		Help: "Age of the oldest snapshot in the spools of all nodes, 0 for none",
	}, func(s *CentralSources) number { return length(s.Spool.Oldest()) }},
	{metric.Column{
		Name: "CorruptSnapshots", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots of nodes that haproxystats-central has given up",
	}, func(s *CentralSources) number { return count(s.Spool.Corrupt()) }},
	{metric.Column{
		Name: "AddressesHidden", Unit: "rows", Nature: metric.Counter,
		Help: "Rows of servers without an address in clusters with `server-identity = address`, whose names are used",
	}, func(s *CentralSources) number { return count(s.AddressesHidden()) }},
	{metric.Column{
		Name: "OpenWindows", Unit: "windows",
		Help: "Windows of clusters that are not closed for good",
	}, func(s *CentralSources) number { return count(s.OpenWindows()) }},
	{metric.Column{
		Name: "JournalBytes", Unit: "bytes",
		Help: "Size of the tables in the journal, which are kept until their window is closed",
	}, func(s *CentralSources) number { return count(s.JournalBytes()) }},
	{metric.Column{
		Name: "JournalLimit", Unit: "bytes",
		Help: "Limit of the journal: `journal-max-bytes` of `[central]`",
	}, func(s *CentralSources) number { return count(s.JournalMaxBytes) }},
	{metric.Column{
		Name: "LogMessagesDropped", Unit: "messages", Nature: metric.Counter,
		Help: "Log messages of haproxystats-central that were dropped, because the log was not read",
	}, func(s *CentralSources) number { return count(s.LogDropped()) }},
	{metric.Column{
		Name: "ConfigLoaded", Unit: seconds,
		Help: "Time at which haproxystats-central read the configuration that it runs with, in seconds since 1970",
	}, func(s *CentralSources) number { return s.configLoaded() }},
	{metric.Column{
		Name: "ConfigReloadFailed", Unit: "state",
		Help: "1 if haproxystats-central was told to read the configuration again and goes on with the old one, because the new one is refused or can't be used; otherwise 0",
	}, func(s *CentralSources) number { return s.configRefused() }},
}

// CentralColumns returns the metrics of haproxystats-central itself, without those of
// its sinks.
func CentralColumns() []metric.Column {
	var columns []metric.Column
	for _, e := range ofCentral {
		columns = append(columns, ofCentralHost(e.Column))
	}
	return columns
}

// CentralColumns returns the metrics of the sink of haproxystats-central.
func (s Sink) CentralColumns() []metric.Column {
	columns := s.Columns()
	for i, c := range columns {
		columns[i] = ofCentralHost(c)
	}
	return columns
}

// ofCentralHost returns a column under its name at haproxystats-central.
func ofCentralHost(c metric.Column) metric.Column {
	c.Name = centralPrefix + c.Name
	return c
}

// CentralMeter makes the metrics of haproxystats-central itself. It is not safe for
// concurrent use.
type CentralMeter struct {
	sources CentralSources
	builder *metric.Builder
}

// NewCentral returns a meter with these sources.
func NewCentral(s CentralSources) *CentralMeter {
	columns := CentralColumns()
	for _, each := range s.Sinks {
		columns = append(columns, each.CentralColumns()...)
	}
	if s.Topics != nil {
		columns = append(columns, TopicColumns()...)
	}
	return &CentralMeter{sources: s, builder: metric.NewBuilder(metric.Self, columns)}
}

// Table returns the metrics of the present state. The table is valid until the next call.
func (m *CentralMeter) Table() *metric.Table {
	m.builder.Reset()
	row := m.builder.Row(metric.Entity{})
	m.builder.Touch(row)
	column := 0
	for _, e := range ofCentral {
		set(m.builder, row, column, e.Column, e.value(&m.sources))
		column++
	}
	column = setSinks(m.builder, row, column, m.sources.Sinks, time.Now())
	if m.sources.Topics != nil {
		t := m.sources.Topics()
		for i, e := range ofTopics {
			set(m.builder, row, column+i, e.Column, e.value(t))
		}
	}
	return m.builder.Table()
}
