package dashboard

// clusters shows the clusters that haproxystats-central combines, and whether all of
// their nodes are in.
func clusters() board {
	return board{
		name: "cluster", title: "HAProxy: clusters", of: aCluster,
		about: "Clusters of load balancers, each as if its nodes were one. While nodes are missing, its sums are too low.",
		rows: []row{
			{"Now", []panel{
				{
					title: "Clusters", kind: number, why: "Clusters that have sent metrics in the time shown.",
					lines: []line{windows("NodesReporting").in(reporters).total("clusters")},
				},
				{title: "Nodes", kind: number, lines: []line{windows("NodesReporting").total("nodes")}},
				{title: "Nodes missing", kind: number, alarm: above(1, 3), lines: []line{windows("NodesMissing").total("nodes")}},
				{title: "Delay of windows", kind: number, alarm: above(90, 300), why: "The cluster whose windows come last.", lines: []line{windows("WindowDelay").highest("delay")}},
				{title: "Requests", kind: number, lines: []line{front("req_tot").ofClusters().total("requests")}},
				{
					title: "5xx", kind: number, alarm: above(1, 5), why: "Share of requests that ended in a status of 500 to 599.",
					lines: []line{front("hrsp_5xx").percentOf("req_tot").ofClusters().total("5xx")},
				},
			}},
			{"Nodes", []panel{
				{title: "Nodes in the windows", lines: []line{windows("NodesReporting")}},
				{title: "Nodes missing", alarm: above(1, 3), lines: []line{windows("NodesMissing")}},
				{title: "Delay of windows", alarm: above(90, 300), why: "While it is near interval and grace, a node is missing or comes late.", lines: []line{windows("WindowDelay")}},
				{title: "Clocks", alarm: above(5, 30), why: "Only for clusters of three nodes or more.", lines: []line{windows("NodeSkew")}},
				{
					title: "Snapshots left out", colors: []string{red, orange, yellow},
					why: "Growing numbers mean that the clock or the interval of a node is wrong. The log of haproxystats-central names the node.",
					lines: []line{
						windows("LateDropped").total("too late").in(perMinute), windows("FutureDropped").total("of the future").in(perMinute),
						windows("IntervalDropped").total("of another interval").in(perMinute),
					},
				},
				{
					title: "Node names in conflict", alarm: above(1, 3), why: "Two machines use one name: only one of them counts.",
					lines: []line{windows("NodesConflicting")},
				},
				{
					title: "Snapshots that count once", colors: []string{orange, gray},
					why: "Both grow without restarts if two machines fill one spool.",
					lines: []line{
						windows("ExtraRounds").total("further").in(perMinute), windows("Duplicates").total("repeated").in(perMinute),
					},
				},
			}},
			{"Traffic", []panel{
				{title: "Requests", lines: []line{front("req_tot").ofClusters()}},
				{title: "Share of 5xx", alarm: above(1, 5), lines: []line{front("hrsp_5xx").percentOf("req_tot").ofClusters()}},
				{title: "Bytes to clients", lines: []line{front("bout").ofClusters()}},
				{title: "Sessions", lines: []line{front("scur").ofClusters()}},
			}},
			{"Servers and HAProxy", []panel{
				{
					title: "Servers up", alarm: below(99.9, 50), ceiling: 100, why: "Of all backends of the cluster, and as each node sees them.",
					lines: []line{back("act", "bck").percentOfSome("TotalServers").ofClusters()},
				},
				{title: "Queue", lines: []line{back("qcur").ofClusters()}},
				{title: "Connections of the limit", alarm: above(70, 90), lines: []line{daemon("CurrConns").percentOf("Maxconn").ofClusters()}},
				{title: "CPU", alarm: above(70, 90), ceiling: 100, why: "The mean of all processes of all nodes.", lines: []line{daemon("CpuUsagePct").ofClusters()}},
			}},
		},
	}
}

// side shows nodes side by side, and those that are out of line.
func side() board {
	return board{
		name: "nodes", title: "HAProxy: nodes side by side",
		about: "One line for each host. Choose the nodes of a cluster under Host. Nodes that share the work have similar lines.",
		rows: []row{
			{"Out of line", []panel{
				{
					title: "Requests, compared", why: "100 is the mean of the hosts shown. A node far below gets too little traffic.",
					lines: []line{front("req_tot").per(hosts).in(ofMean)},
				},
				{
					title: "Connections, compared", why: "100 is the mean of the hosts shown.",
					lines: []line{daemon("CurrConns").in(ofMean)},
				},
				{
					title: "CPU, compared", why: "100 is the mean of the hosts shown. A node far above does other work, too, or has less hardware.",
					lines: []line{daemon("CpuUsagePct").in(ofMean)},
				},
				{
					title: "Response time, compared", why: "100 is the mean of the hosts shown. A node far above has a slower way to the servers.",
					lines: []line{back("rtime").per(hosts).in(ofMean)},
				},
			}},
			{"Traffic", []panel{
				{title: "Requests", lines: []line{front("req_tot").per(hosts)}},
				{title: "Bytes to clients", lines: []line{front("bout").per(hosts)}},
				{title: "Sessions", lines: []line{front("scur").per(hosts)}},
				{title: "Connections of the limit", alarm: above(70, 90), lines: []line{daemon("CurrConns").percentOf("Maxconn")}},
			}},
			{"Errors and servers", []panel{
				{title: "Share of 5xx", alarm: above(1, 5), lines: []line{front("hrsp_5xx").percentOf("req_tot").per(hosts)}},
				{title: "No connection", lines: []line{back("econ").per(hosts)}},
				{
					title: "Servers up", alarm: below(99.9, 50), ceiling: 100, why: "Nodes that see different servers as up have different networks.",
					lines: []line{back("act", "bck").percentOfSome("TotalServers").per(hosts)},
				},
				{title: "Queue", lines: []line{back("qcur").per(hosts)}},
			}},
			{"HAProxy", []panel{
				{title: "CPU", alarm: above(70, 90), ceiling: 100, lines: []line{daemon("CpuUsagePct")}},
				{title: "Response time", lines: []line{back("rtime").per(hosts)}},
				{title: "Uptime", why: "A node whose line begins anew was restarted.", lines: []line{daemon("Uptime_sec")}},
				{title: "SSL connections", lines: []line{daemon("CurrSslConns")}},
			}},
		},
	}
}
