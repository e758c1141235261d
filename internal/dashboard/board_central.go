package dashboard

// centre shows how haproxystats-central works.
func centre() board {
	return board{
		name: "central", title: "HAProxy: haproxystats-central", of: aCentral,
		about: "Are the metrics of clusters up to date? How haproxystats-central reads nodes, keeps windows and delivers.",
		rows: []row{
			{"Now", []panel{
				{title: "Age of snapshots", kind: number, alarm: above(60, 300), lines: []line{central("CentralQueueAge").highest("age")}},
				{
					title: "Journal", kind: number, alarm: above(80, 95), why: "At 100, snapshots stay in the spools of the nodes.",
					lines: []line{central("CentralJournalBytes").percentOf("CentralJournalLimit").highest("of the limit")},
				},
				{title: "Behind in delivery", kind: number, alarm: above(60, 300), lines: []line{central("CentralGraphiteQueueAge").highest("age")}},
				{title: "Lost metrics", kind: number, alarm: above(1, 1000), lines: []line{central("CentralGraphiteDroppedMetrics").total("lost").in(perMinute)}},
				{title: "Snapshots given up", kind: number, alarm: above(0.01, 1), lines: []line{central("CentralCorruptSnapshots").total("given up").in(perMinute)}},
			}},
			{"Reading Kafka", []panel{
				{
					title: "Age of unread records", alarm: above(60, 300), why: "Only with kafka = true, as all of this row.",
					lines: []line{central("KafkaLagSeconds")},
				},
				{title: "Unread records", lines: []line{central("KafkaLagRecords")}},
				{
					title: "Changes of partitions", why: "Each stops reading for a moment. They come with programs that start, stop or do not answer.",
					lines: []line{central("KafkaRebalances").in(perMinute)},
				},
				{title: "Failed commits", lines: []line{central("KafkaCommitErrors").in(perMinute)}},
				{title: "Incomplete snapshots", lines: []line{central("SnapshotsIncomplete").in(perMinute)}},
				{title: "Records of newer versions", alarm: above(0.01, 1), lines: []line{central("SnapshotsNewer").in(perMinute)}},
			}},
			{"Reading nodes", []panel{
				{title: "Snapshots", lines: []line{central("CentralSnapshotsDone").in(perMinute)}},
				{title: "Waiting snapshots", lines: []line{central("CentralQueueLength")}},
				{title: "Age of the oldest snapshot", alarm: above(60, 300), lines: []line{central("CentralQueueAge")}},
				{title: "Failed attempts", why: "A full journal makes attempts fail, too.", lines: []line{central("CentralSnapshotRetries").in(perMinute)}},
				{
					title: "Servers without an address", why: "With server-identity = address; give the stats sockets the level operator or admin.",
					lines: []line{central("CentralAddressesHidden").in(perMinute)},
				},
			}},
			{"Windows", []panel{
				{title: "Open windows", lines: []line{central("CentralOpenWindows")}},
				{title: "Size of the journal", lines: []line{central("CentralJournalBytes")}},
			}},
			{"Delivering to Graphite", []panel{
				{title: "Confirmed metrics", lines: []line{central("CentralGraphiteSentMetrics")}},
				{title: "Failed deliveries", lines: []line{central("CentralGraphiteFailures").in(perMinute)}},
				{title: "Metrics that wait", lines: []line{central("CentralGraphiteQueueMetrics")}},
				{title: "Age of metrics", alarm: above(60, 300), lines: []line{central("CentralGraphiteQueueAge")}},
				{title: "Refused batches", alarm: above(1, 100), lines: []line{central("CentralGraphiteRefusedBatches")}},
				{
					title: "Lost metrics", colors: []string{red, orange},
					why: "Dropped: the queue was full. Too long: a metric with such a path is never sent.",
					lines: []line{
						central("CentralGraphiteDroppedMetrics").total("dropped").in(perMinute),
						central("CentralGraphiteSkippedMetrics").total("too long").in(perMinute),
					},
				},
			}},
		},
	}
}
