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
					title: "Connections", kind: number, alarm: above(70, 90), why: "Client connections in percent of the limit, on the host nearest to it.",
					lines: []line{daemon("CurrConns").percentOf("Maxconn").highest("of the limit")},
				},
				{
					title: "Idle", kind: number, alarm: below(30, 10), why: "The busiest host.",
					lines: []line{daemon("Idle_pct").lowest("idle")},
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
			{"Traffic", []panel{
				{title: "Requests by host", lines: []line{front("req_tot").per(hosts)}},
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
			{"Servers", []panel{
				{
					title: "Servers up", alarm: below(99.9, 50), ceiling: 100,
					why:   "In percent of a backend's servers, active and backup. Servers in maintenance are not up.",
					lines: []line{back("act", "bck").percentOf("TotalServers")},
				},
				{title: "Response time", lines: []line{back("rtime")}},
				{
					title: "Requests that found no server", colors: []string{red, yellow},
					lines: []line{back("econ").total("no connection"), back("wredis").total("sent to another server")},
				},
				{title: "Queue", lines: []line{back("qcur")}},
			}},
			{"HAProxy", []panel{
				{
					title: "Connections of the limit", alarm: above(70, 90),
					lines: []line{daemon("CurrConns").percentOf("Maxconn")},
				},
				{title: "New connections", lines: []line{daemon("CumConns")}},
				{title: "CPU", alarm: above(70, 90), ceiling: 100, lines: []line{daemon("CpuUsagePct")}},
				{title: "SSL connections", lines: []line{daemon("CurrSslConns")}},
			}},
		},
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
