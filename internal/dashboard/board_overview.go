package dashboard

// The colors of lines that have a meaning.
const (
	green  = "#56a64b"
	blue   = "#5794f2"
	yellow = "#f2cc0c"
	orange = "#ff9830"
	red    = "#e02f44"
	purple = "#a352cc"
	gray   = "#8e8e8e"
)

// overview shows at first sight whether something is wrong, and where.
func overview() board {
	return board{
		name: "overview", title: "HAProxy: overview",
		about: "All load balancers at a glance. Start here; the menu at the top leads to frontends, backends and servers.",
		rows: []row{
			{"Now", []panel{
				{
					title: "Hosts", kind: number, why: "Hosts that have sent metrics in the time shown.",
					lines: []line{program("SnapshotBytes").in(reporters).total("hosts")},
				},
				{
					title: "Silent hosts", kind: number, alarm: above(1, 1), past: "24h", why: "Hosts that have sent metrics in the last day, and none for five minutes. See below.",
					lines: []line{program("SnapshotBytes").in(silents).total("hosts")},
				},
				{
					title: "Servers not up", kind: number, alarm: above(1, 5),
					why:   "Down or in maintenance, over all backends and hosts.",
					lines: []line{back("act", "bck").missingOf("TotalServers").total("servers")},
				},
				{
					title: "Requests", kind: number,
					lines: []line{front("req_tot").total("requests")},
				},
				{
					title: "5xx", kind: number, alarm: above(1, 5), why: "Share of requests that ended in a status of 500 to 599.",
					lines: []line{front("hrsp_5xx").percentOf("req_tot").total("5xx")},
				},
				{
					title: "Budget burns", kind: number, alarm: above(1, 14.4),
					why:   "How many times faster than allowed 5xx use up the budget of errors, in the last hour, of the worst frontend." + needsRecords,
					lines: []line{front("hrsp_5xx").burning(60, "req_tot").highest("burn rate")},
				},
				{
					title: "Queue", kind: number, alarm: above(1, 100), why: "Requests that wait for a server, over all backends and hosts.",
					lines: []line{back("qcur").total("requests")},
				},
				{
					title: "Age of data", kind: number, alarm: above(60, 300), why: "How far haproxystats is behind, on the host that is furthest behind.",
					lines: []line{program("QueueAge").highest("age")},
				},
			}},
			{"In percent of the limit: the worst", saturation()},
			{"What is not there", []panel{
				{
					title: "Servers that are not up", kind: list, why: "Down, draining or in maintenance, and since when. The dashboard of states says why.",
					lines: []line{server("lastchg").when("not up", notUp)},
				},
				{
					title: "Silent hosts", kind: states, texts: hostStates, alarm: below(1, 0.5), past: "24h",
					why:   "Hosts that have sent metrics in the last day, and none for the last five minutes. No data means that there are none.",
					lines: []line{program("SnapshotBytes").in(silent)},
				},
			}},
			{"Traffic", []panel{
				{
					title: "Requests, and a week before", colors: []string{blue, gray},
					lines: []line{front("req_tot").total("now"), front("req_tot").weekBefore("a week before")},
				},
				{
					title: "Responses by status", stacked: true, lines: byStatus(front), colors: statusColors,
				},
				{
					title: "Share of errors", alarm: above(1, 5), colors: []string{orange, red},
					lines: []line{
						front("hrsp_4xx").percentOf("req_tot").total("4xx"),
						front("hrsp_5xx").percentOf("req_tot").total("5xx"),
					},
				},
				{
					title: "Bytes", colors: []string{blue, green},
					lines: []line{front("bin").total("from clients"), front("bout").total("to clients")},
				},
			}},
			{"Top talkers", []panel{
				{title: "Frontends by requests", kind: ranking, why: "The mean of the time shown.", lines: []line{front("req_tot")}},
				{title: "Backends by bytes to clients", kind: ranking, why: "The mean of the time shown.", lines: []line{back("bout")}},
				{title: "Servers by sessions", kind: ranking, why: "New ones, the mean of the time shown.", lines: []line{server("stot")}},
			}},
			{"Servers", []panel{
				{
					title: "Servers up", alarm: below(99.9, 50), ceiling: 100,
					why:   "In percent of a backend's servers, active and backup. Servers in maintenance are not up.",
					lines: []line{back("act", "bck").percentOfSome("TotalServers")},
				},
				{title: "Response time", lines: []line{back("rtime")}},
				{
					title: "Requests that found no server", colors: []string{red, yellow},
					lines: []line{back("econ").total("no connection"), back("wredis").total("sent to another server")},
				},
			}},
		},
	}
}

// hostStates says what the numbers of silent hosts mean.
var hostStates = []text{{"SILENT", red}, {"sends", green}}

// saturation returns the panels of what comes to its limit first. Each one names the host, the
// process where per-process-metrics is set, the frontend or the server.
func saturation() []panel {
	full := func(title, why string, l line) panel {
		return panel{title: title, kind: number, alarm: above(70, 90), why: why, lines: []line{l.worstNamed()}}
	}
	ofProcess := " With per-process-metrics, the worst process."
	return []panel{
		full("Connections", "Client connections in percent of Maxconn."+ofProcess, daemon("CurrConns").percentOf("Maxconn").orProcess()),
		full("CPU", "Of the threads of HAProxy."+ofProcess, daemon("Idle_pct").in(rest).orProcess()),
		full("SSL connections", "In percent of maxsslconn, where it is set."+ofProcess, daemon("CurrSslConns").percentOf("MaxSslConns").orProcess()),
		full("Sessions of a frontend", "In percent of its maxconn.", front("scur").percentOf("slim")),
		full("Sessions of a server", "In percent of its maxconn, where it has one. At 100, requests queue.", server("scur").percentOf("slim")),
		full("Queue of a server", "In percent of its maxqueue, where it has one. At 100, requests go to other servers.", server("qcur").percentOfSome("qlimit")),
	}
}

// byStatus returns a line for the responses of each class of status.
func byStatus(of func(...string) line) []line {
	return []line{
		of("hrsp_2xx").total("2xx"), of("hrsp_3xx").total("3xx"), of("hrsp_4xx").total("4xx"),
		of("hrsp_5xx").total("5xx"), of("hrsp_other").total("other"),
	}
}

var statusColors = []string{green, blue, orange, red, gray}
