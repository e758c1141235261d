package window

import (
	"math/big"
	"time"

	"haproxystats/internal/metric"
)

// selfMetric is a metric of a cluster's windows.
type selfMetric struct {
	metric.Column
	value func(e *Emission, c *Counts) *big.Rat
}

var selfMetrics = []selfMetric{
	{metric.Column{
		Name: "NodesReporting", Unit: "nodes",
		Help: "Nodes of the cluster that are in the window",
	}, func(e *Emission, _ *Counts) *big.Rat { return whole(int64(len(e.Reporting))) }},
	{metric.Column{
		Name: "NodesExpected", Unit: "nodes",
		Help: "Nodes that the window waited for: those of the list, or those that were heard of lately",
	}, func(e *Emission, _ *Counts) *big.Rat { return whole(int64(e.Expected)) }},
	{metric.Column{
		Name: "NodesMissing", Unit: "nodes",
		Help: "Expected nodes that are not in the window",
	}, func(e *Emission, _ *Counts) *big.Rat { return whole(int64(len(e.Missing))) }},
	{metric.Column{
		Name: "NodesConflicting", Unit: "nodes",
		Help: "Node names that two machines use at present",
	}, func(e *Emission, _ *Counts) *big.Rat { return whole(int64(e.Conflicting)) }},
	{metric.Column{
		Name: "Duplicates", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots that came again, and counted once",
	}, func(_ *Emission, c *Counts) *big.Rat { return whole(c.Duplicates) }},
	{metric.Column{
		Name: "ExtraRounds", Unit: "snapshots", Nature: metric.Counter,
		Help: "Further snapshots of a node in one window, which did not count",
	}, func(_ *Emission, c *Counts) *big.Rat { return whole(c.ExtraRounds) }},
	{metric.Column{
		Name: "LateDropped", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots that came after their window was closed for good",
	}, func(_ *Emission, c *Counts) *big.Rat { return whole(c.LateDropped) }},
	{metric.Column{
		Name: "FutureDropped", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots of a time too far ahead of the log's",
	}, func(_ *Emission, c *Counts) *big.Rat { return whole(c.FutureDropped) }},
	{metric.Column{
		Name: "IntervalDropped", Unit: "snapshots", Nature: metric.Counter,
		Help: "Snapshots of nodes with another `pull-interval` than the cluster's `interval`",
	}, func(_ *Emission, c *Counts) *big.Rat { return whole(c.OtherInterval) }},
	{metric.Column{
		Name: "WindowDelay", Unit: "seconds",
		Help: "Time from the window's beginning to its emission",
	}, func(e *Emission, _ *Counts) *big.Rat { return seconds(e.Delay) }},
	{metric.Column{
		Name: "NodeSkew", Unit: "seconds",
		Help: "Largest difference of a node's delay from that of the others, which shows a clock that is wrong",
	}, func(e *Emission, _ *Counts) *big.Rat { return seconds(e.Skew) }},
}

// SelfColumns returns the metrics that each window of a cluster has about itself.
func SelfColumns() []metric.Column {
	var columns []metric.Column
	for _, m := range selfMetrics {
		columns = append(columns, m.Column)
	}
	return columns
}

func whole(n int64) *big.Rat { return big.NewRat(n, 1) }

func seconds(d time.Duration) *big.Rat {
	return big.NewRat(d.Round(time.Millisecond).Milliseconds(), 1000)
}

// selfTable returns the metrics of a window about itself.
func selfTable(e *Emission, c *Counts) *metric.Table {
	b := metric.NewBuilder(metric.Self, SelfColumns())
	row := b.Row(metric.Entity{})
	b.Touch(row)
	for i, m := range selfMetrics {
		b.AddRat(row, i, m.value(e, c))
	}
	return b.Table()
}
