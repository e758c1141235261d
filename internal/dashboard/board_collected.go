package dashboard

// collected shows what haproxystats-pull asks HAProxy for by collect in [pull].
func collected() board {
	return board{
		name: "collected", title: "HAProxy: certificates, stick tables, name servers",
		about: "Which certificate expires next, which stick table is full, and which name server fails. It needs collect in [pull].",
		rows: []row{
			{"Certificates", []panel{
				{
					title: "Days until certificates expire", kind: list, alarm: below(14, 3),
					why:   "collect = certificates, and level operator on the stats socket. Below 0, the certificate has expired.",
					lines: []line{certificate("days_left").per(where)},
				},
				{title: "Days left", alarm: below(14, 3), why: "A line that rises is a certificate that was renewed.", lines: []line{certificate("days_left")}},
			}},
			{"Stick tables", []panel{
				{
					title: "Stick tables, used", alarm: above(80, 95), ceiling: 100,
					why:   "collect = stick-tables. At 100, the entries that were not used for the longest time make room for new ones.",
					lines: []line{table("used").percentOf("size").per(where)},
				},
				{title: "Entries of stick tables", lines: []line{table("used")}},
			}},
			{"Name servers", []panel{
				{
					title: "Requests to name servers", colors: []string{blue, green},
					why:   "collect = resolvers.",
					lines: []line{resolver("sent").total("sent"), resolver("valid").total("valid answers")},
				},
				{
					title: "Name servers that fail", colors: []string{red, orange, yellow, purple, gray},
					lines: []line{
						resolver("timeout").total("no answer in time"), resolver("refused").total("refused"), resolver("nx").total("no such name"),
						resolver("invalid").total("not valid"), resolver("other").total("another error"),
					},
				},
				{title: "No answer in time, by name server", alarm: above(0.1, 1), lines: []line{resolver("timeout")}},
			}},
		},
	}
}
