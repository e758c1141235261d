package dashboard

// backends shows the backends and their errors.
func backends() board {
	return board{
		name: "backend", title: "HAProxy: backends",
		about: "Backends: servers up, times and errors. Backends with the same name are combined over the hosts.",
		vars:  []variable{varBackend},
		rows: []row{
			{"Now", []panel{
				{
					title: "Servers up", kind: number, alarm: below(99.9, 50), why: "The lowest of all backends, in percent of its servers.",
					lines: []line{back("act", "bck").percentOfSome("TotalServers").lowest("up")},
				},
				{
					title: "Servers not up", kind: number, alarm: above(1, 5), why: "Down or in maintenance.",
					lines: []line{back("act", "bck").missingOf("TotalServers").total("servers")},
				},
				{title: "Queue", kind: number, alarm: above(1, 100), lines: []line{back("qcur").total("requests")}},
				{title: "Response time", kind: number, why: "The slowest backend.", lines: []line{back("rtime").highest("response")}},
				{
					title: "5xx", kind: number, alarm: above(1, 5), why: "Share of requests that ended in a status of 500 to 599.",
					lines: []line{back("hrsp_5xx").percentOf("req_tot").total("5xx")},
				},
				{title: "No connection", kind: number, alarm: above(0.1, 1), lines: []line{back("econ").total("no connection")}},
			}},
			{"Servers", []panel{
				{
					title: "Servers up", alarm: below(99.9, 50), ceiling: 100,
					why:   "In percent of a backend's servers, active and backup. Servers in maintenance are not up.",
					lines: []line{back("act", "bck").percentOfSome("TotalServers")},
				},
				{title: "Down transitions", lines: []line{back("chkdown").in(perMinute)}},
				{title: "Sessions", lines: []line{back("scur")}},
				{title: "Queue", lines: []line{back("qcur")}},
			}},
			{"Times", []panel{
				{title: "Queue time", lines: []line{back("qtime")}},
				{title: "Connect time", lines: []line{back("ctime")}},
				{title: "Response time", lines: []line{back("rtime")}},
				{title: "Total time", lines: []line{back("ttime")}},
			}},
			{"Requests and errors", []panel{
				{title: "New sessions", lines: []line{back("stot")}},
				{title: "Responses by status", stacked: true, lines: byStatus(back), colors: statusColors},
				{title: "Share of 5xx", alarm: above(1, 5), lines: []line{back("hrsp_5xx").percentOf("req_tot")}},
				{title: "No connection", lines: []line{back("econ")}},
				{title: "Bad responses", lines: []line{back("eresp")}},
				{
					title: "Aborted transfers", colors: []string{blue, red},
					lines: []line{back("cli_abrt").total("by clients"), back("srv_abrt").total("by servers")},
				},
			}},
		},
	}
}
