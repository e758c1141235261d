package dashboard

// frontends shows what clients do and get.
func frontends() board {
	return board{
		name: "frontend", title: "HAProxy: frontends",
		about: "What clients do, and what they get. Frontends with the same name are added up over the hosts.",
		vars:  []variable{varFrontend},
		rows: []row{
			{"Now", []panel{
				{title: "Requests", kind: number, lines: []line{front("req_tot").total("requests")}},
				{title: "Sessions", kind: number, lines: []line{front("scur").total("sessions")}},
				{
					title: "Sessions of the limit", kind: number, alarm: above(70, 90), why: "The frontend nearest to its limit.",
					lines: []line{front("scur").percentOf("slim").highest("of the limit")},
				},
				{
					title: "4xx", kind: number, alarm: above(10, 30), why: "Share of requests that ended in a status of 400 to 499.",
					lines: []line{front("hrsp_4xx").percentOf("req_tot").total("4xx")},
				},
				{
					title: "5xx", kind: number, alarm: above(1, 5), why: "Share of requests that ended in a status of 500 to 599.",
					lines: []line{front("hrsp_5xx").percentOf("req_tot").total("5xx")},
				},
				{title: "Bytes to clients", kind: number, lines: []line{front("bout").total("to clients")}},
			}},
			{"Budget of errors", []panel{
				{
					title: "Burn rate", alarm: above(1, 14.4), colors: []string{orange, blue, purple},
					why: "How many times faster than the objective allows 5xx use up the budget of thirty days, of the worst frontend. " +
						"Over 14.4 in an hour, and in its last five minutes too: act now." + needsRecords,
					lines: []line{
						front("hrsp_5xx").burning(5, "req_tot").highest("5 minutes"), front("hrsp_5xx").burning(60, "req_tot").highest("1 hour"),
						front("hrsp_5xx").burning(6*60, "req_tot").highest("6 hours"),
					},
				},
				{title: "Burn rate by frontend, 1 hour", alarm: above(1, 14.4), why: "1 is as fast as allowed." + needsRecords, lines: []line{front("hrsp_5xx").burning(60, "req_tot")}},
				{
					title: "Budget left of 30 days", kind: ranking, alarm: below(50, 10), ceiling: 100, past: "30d",
					why:   "In percent; at 0 the objective is missed." + needsRecords,
					lines: []line{front("hrsp_5xx").budgetOf("req_tot")},
				},
			}},
			{"Requests", []panel{
				{title: "Requests", lines: []line{front("req_tot")}},
				{title: "Responses by status", stacked: true, lines: byStatus(front), colors: statusColors},
				{title: "Share of 4xx", alarm: above(10, 30), lines: []line{front("hrsp_4xx").percentOf("req_tot")}},
				{title: "Share of 5xx", alarm: above(1, 5), lines: []line{front("hrsp_5xx").percentOf("req_tot")}},
				{title: "Bad requests", why: "A high rate means a broken client, or a time-out that is too short.", lines: []line{front("ereq")}},
				{
					title: "Requests without a server", colors: []string{blue, red},
					why: "Requests that HAProxy answers itself, and those that its rules refuse.",
					lines: []line{
						front("intercepted").total("answered by HAProxy"), front("dreq").total("refused by rules"),
					},
				},
			}},
			{"Sessions and connections", []panel{
				{title: "Sessions", lines: []line{front("scur")}},
				{title: "Sessions of the limit", alarm: above(70, 90), lines: []line{front("scur").percentOf("slim")}},
				{title: "New sessions", lines: []line{front("stot")}},
				{title: "New connections", lines: []line{front("conn_tot")}},
				{
					title: "Refused connections", colors: []string{orange, red},
					lines: []line{front("dcon").total("at the connection"), front("dses").total("at the session")},
				},
			}},
			{"Bytes", []panel{
				{title: "From clients", lines: []line{front("bin")}},
				{title: "To clients", lines: []line{front("bout")}},
				{
					title: "Compression", colors: []string{blue, green, gray},
					lines: []line{
						front("comp_in").total("before"), front("comp_out").total("after"), front("comp_byp").total("bypassed"),
					},
				},
			}},
		},
	}
}

// needsRecords says what Prometheus needs for budgets of errors, and Graphite.
const needsRecords = " Prometheus needs the rules of contrib/prometheus for it, and Graphite metrics that reach back as far."
