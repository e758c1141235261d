package dashboard

// self shows how haproxystats itself works.
func self() board {
	return board{
		name: "haproxystats", title: "HAProxy: haproxystats",
		about: "Are the other dashboards up to date? How haproxystats collects, processes and delivers.",
		rows: []row{
			{"Now", []panel{
				{
					title: "Hosts", kind: number, why: "Hosts that have sent metrics in the time shown.",
					lines: []line{program("SnapshotBytes").in(reporters).total("hosts")},
				},
				{
					title: "Age of data", kind: number, alarm: above(60, 300), why: "The host that is furthest behind.",
					lines: []line{program("QueueAge").highest("age")},
				},
				{
					title: "Behind in delivery", kind: number, alarm: above(60, 300), why: "The host that is furthest behind.",
					lines: []line{program("GraphiteQueueAge").highest("age")},
				},
				{title: "Failed sockets", kind: number, alarm: above(1, 5), lines: []line{program("SocketsFailed").total("sockets")}},
				{title: "Lost metrics", kind: number, alarm: above(1, 1000), lines: []line{program("GraphiteDroppedMetrics").total("lost").in(perMinute)}},
			}},
			{"Collecting", []panel{
				{
					title: "Times of a round", why: "The host with the longest.",
					lines: []line{
						program("RoundDuration").highest("duration"), program("RoundSkew").highest("skew"),
						program("HandOverDuration").highest("hand-over"),
					},
				},
				{title: "Missed rounds", alarm: above(1, 5), lines: []line{program("RoundsMissed")}},
				{title: "Failed sockets", lines: []line{program("SocketsFailed")}},
				{
					title: "Processes without an answer", alarm: above(1, 5), why: "While there are any, the sums are too low.",
					lines: []line{program("ProcessesMissing")},
				},
				{title: "Sockets of processes that answer twice", lines: []line{program("DuplicateSockets")}},
				{title: "Snapshot size", lines: []line{program("SnapshotBytes")}},
			}},
			{"Processing", []panel{
				{title: "Waiting snapshots", lines: []line{program("QueueLength")}},
				{title: "Age of the oldest snapshot", alarm: above(60, 300), lines: []line{program("QueueAge")}},
				{title: "Processing time of a snapshot", lines: []line{program("TotalWallClockTime")}},
				{
					title: "Metrics of a snapshot", stacked: true, colors: []string{gray, blue, purple, green, red},
					lines: []line{
						program("MetricsHAProxy").total("HAProxy"), program("MetricsFrontend").total("frontends"),
						program("MetricsBackend").total("backends"), program("MetricsServer").total("servers"),
						program("MetricsLeftOut").total("left out by max-metrics"),
					},
				},
				{title: "Bad rows", alarm: above(1, 100), lines: []line{program("BadRows")}},
				{title: "Snapshots given up", alarm: above(0.01, 1), lines: []line{program("CorruptSnapshots").in(perMinute)}},
			}},
			{"Delivering to Graphite", []panel{
				{title: "Confirmed metrics", lines: []line{program("GraphiteSentMetrics")}},
				{title: "Failed deliveries", lines: []line{program("GraphiteFailures").in(perMinute)}},
				{title: "Metrics that wait", lines: []line{program("GraphiteQueueMetrics")}},
				{
					title: "Age of metrics", why: "The host that is furthest behind. Queued: the oldest that wait for Graphite, or for Kafka. Seen: the newest that Graphite showed.",
					lines: []line{
						program("GraphiteQueueAge").highest("queued"), program("GraphiteVerifiedAge").highest("seen"),
						program("KafkaQueueAge").highest("queued for Kafka"),
					},
				},
				{title: "Refused batches", alarm: above(1, 100), lines: []line{program("GraphiteRefusedBatches")}},
				{title: "Unreadable files of the queue", alarm: above(1, 100), lines: []line{program("GraphiteUnreadableFiles")}},
				{
					title: "Lost metrics", colors: []string{red, orange, purple},
					why: "Dropped: the queue was full. Too long: a metric with such a path is never sent.",
					lines: []line{
						program("GraphiteDroppedMetrics").total("dropped").in(perMinute),
						program("GraphiteSkippedMetrics").total("too long").in(perMinute),
						program("KafkaDroppedMetrics").total("dropped for Kafka").in(perMinute),
					},
				},
			}},
		},
	}
}
