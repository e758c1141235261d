package dashboard

// self is about haproxystats itself.
func self() board {
	return board{
		name: "haproxystats", title: "HAProxy: haproxystats",
		about: "Whether the other dashboards can be believed: how haproxystats collects, processes and delivers.",
		rows: []row{
			{"Now", []panel{
				{
					title: "Hosts", kind: number, why: "Hosts that have sent metrics in the time shown.",
					lines: []line{program("SnapshotBytes").in(reporters).total("hosts")},
				},
				{
					title: "Age of data", kind: number, alarm: above(60, 300), why: "On the slowest host.",
					lines: []line{program("QueueAge").highest("age")},
				},
				{
					title: "Behind in delivery", kind: number, alarm: above(60, 300), why: "On the slowest host.",
					lines: []line{program("GraphiteQueueAge").highest("age")},
				},
				{title: "Failed sockets", kind: number, alarm: above(1, 5), lines: []line{program("SocketsFailed").total("sockets")}},
				{title: "Lost metrics", kind: number, alarm: above(1, 1000), lines: []line{program("GraphiteDroppedMetrics").total("lost").in(perMinute)}},
			}},
			{"Collecting", []panel{
				{title: "Length of a round", lines: []line{program("RoundDuration")}},
				{title: "Lateness of a round", lines: []line{program("RoundSkew")}},
				{title: "Failed sockets", lines: []line{program("SocketsFailed")}},
				{title: "Size of a snapshot", lines: []line{program("SnapshotBytes")}},
			}},
			{"Processing", []panel{
				{title: "Snapshots that wait", lines: []line{program("QueueLength")}},
				{title: "Age of the oldest snapshot", alarm: above(60, 300), lines: []line{program("QueueAge")}},
				{title: "Time for a snapshot", lines: []line{program("TotalWallClockTime")}},
				{
					title: "Metrics of a snapshot", stacked: true, colors: []string{gray, blue, purple, green},
					lines: []line{
						program("MetricsHAProxy").total("HAProxy"), program("MetricsFrontend").total("frontends"),
						program("MetricsBackend").total("backends"), program("MetricsServer").total("servers"),
					},
				},
				{title: "Rows that could not be used", alarm: above(1, 100), lines: []line{program("BadRows")}},
				{title: "Snapshots given up", alarm: above(0.01, 1), lines: []line{program("CorruptSnapshots").in(perMinute)}},
			}},
			{"Delivering to Graphite", []panel{
				{title: "Confirmed metrics", lines: []line{program("GraphiteSentMetrics")}},
				{title: "Failed tries", lines: []line{program("GraphiteFailures").in(perMinute)}},
				{title: "Metrics that wait", lines: []line{program("GraphiteQueueMetrics")}},
				{title: "Age of what waits", alarm: above(60, 300), lines: []line{program("GraphiteQueueAge")}},
				{
					title: "Metrics that are lost", colors: []string{red, orange},
					why: "Dropped: the queue was full. Too long: the path was, and is never sent.",
					lines: []line{
						program("GraphiteDroppedMetrics").total("dropped").in(perMinute),
						program("GraphiteSkippedMetrics").total("too long").in(perMinute),
					},
				},
			}},
		},
	}
}
