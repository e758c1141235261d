package dashboard

// servers shows single servers.
func servers() board {
	return board{
		name: "server", title: "HAProxy: servers",
		about: "The servers of a backend, to find the one that differs. A server is combined over the hosts that use it.",
		vars:  []variable{varBackend, varServer},
		rows: []row{
			{"Now", []panel{
				{title: "Sessions", kind: number, lines: []line{server("scur").total("sessions")}},
				{title: "Queue", kind: number, alarm: above(1, 100), lines: []line{server("qcur").total("requests")}},
				{title: "Response time", kind: number, why: "The slowest server.", lines: []line{server("rtime").highest("response")}},
				{
					title: "5xx", kind: number, alarm: above(1, 5), why: "Share of sessions that ended in a status of 500 to 599.",
					lines: []line{server("hrsp_5xx").percentOf("stot").total("5xx")},
				},
				{title: "No connection", kind: number, alarm: above(0.1, 1), lines: []line{server("econ").total("no connection")}},
				{title: "Failed checks", kind: number, alarm: above(1, 10), lines: []line{server("chkfail").total("failed checks").in(perMinute)}},
			}},
			{"Health", []panel{
				{title: "Down transitions", lines: []line{server("chkdown").in(perMinute)}},
				{title: "Failed checks", lines: []line{server("chkfail").in(perMinute)}},
				{title: "Check duration", lines: []line{server("check_duration")}},
				{title: "Weight", why: "0 while a server is drained.", lines: []line{server("weight")}},
			}},
			{"Load", []panel{
				{title: "New sessions", lines: []line{server("stot")}},
				{title: "Sessions", lines: []line{server("scur")}},
				{title: "Queue", lines: []line{server("qcur")}},
				{title: "To clients", lines: []line{server("bout")}},
			}},
			{"Times", []panel{
				{title: "Connect time", lines: []line{server("ctime")}},
				{title: "Response time", lines: []line{server("rtime")}},
				{title: "Total time", lines: []line{server("ttime")}},
			}},
			{"Errors", []panel{
				{title: "Share of 5xx", alarm: above(1, 5), lines: []line{server("hrsp_5xx").percentOf("stot")}},
				{title: "No connection", lines: []line{server("econ")}},
				{title: "Bad responses", lines: []line{server("eresp")}},
			}},
		},
	}
}
