package dashboard

// The texts of states, in the order of their numbers.
var (
	serverStates  = []text{{"DOWN", red}, {"UP", green}, {"MAINT", blue}, {"DRAIN", yellow}, {"NOLB", purple}}
	backendStates = []text{{"DOWN", red}, {"UP", green}}
)

// The conditions on servers. The numbers of results are those of check_result.
func now(field string, value float64) condition {
	return condition{field: field, over: latest, least: value, most: value}
}

// result is a condition on the last health check of a server that is DOWN, whose state is
// 0. So is its result without a check.
func result(least, most float64) condition {
	return condition{field: "check_result", over: latest, least: least, most: most, or: "state"}
}

// The conditions that a number is below 1.
var (
	notUp   = condition{field: "up", over: latest, most: almost}
	failing = condition{field: "check_ok", over: latest, most: almost, or: "state"}
)

// almost is below 1, and above every share of processes.
const almost = 0.999

// health shows which servers and backends are not up, since when, and why.
func health() board {
	down := now("state", 0)
	since := func(label string, only ...condition) line { return server("lastchg").when(label, only...) }
	return board{
		name: "states", title: "HAProxy: states",
		about: "Servers that are not up, since when and why, and how states have changed. It needs metric-set = all.",
		vars:  []variable{varBackend, varServer},
		rows: []row{
			{"Now", []panel{
				{
					title: "Servers up", kind: number, alarm: below(99.9, 50), why: "The lowest of all backends. Servers in maintenance do not count.",
					lines: []line{back("percent_up").lowest("up")},
				},
				{title: "Down", kind: number, alarm: above(1, 5), lines: []line{back("active_down", "backup_down").total("servers")}},
				{title: "In maintenance", kind: number, lines: []line{back("active_maint", "backup_maint").total("servers")}},
				{title: "Draining", kind: number, lines: []line{back("active_drain", "backup_drain").total("servers")}},
				{title: "Going down", kind: number, alarm: above(1, 5), lines: []line{back("active_going_down", "backup_going_down").total("servers")}},
			}},
			{"Servers that are not up", []panel{
				{
					title: "Since when and why", kind: list,
					why: "The time is since HAProxy has changed the state, or since it was started or reloaded without a state file. Draining and another reason of maintenance do not change it.",
					lines: []line{
						since("DOWN, no connection", down, failing, result(4, 7)), since("DOWN, no TLS", down, failing, result(8, 10)),
						since("DOWN, bad answer", down, failing, result(11, 15)), since("DOWN, by the check program", down, failing, result(16, 18)),
						since("DOWN, not by a check", down, failing, result(0, 3)), since("DOWN, and its checks succeed", down, now("check_ok", 1)),
						since("MAINT, by hand", now("state", 2), now("maint_reason", 1)), since("MAINT, by the configuration", now("state", 2), now("maint_reason", 3)),
						since("MAINT, as the tracked server", now("state", 2), now("maint_reason", 2)),
						since("MAINT, no address for its name", now("state", 2), now("maint_reason", 4)),
						since("DRAIN", now("state", 3)), since("NOLB", now("state", 4)),
						since("UP, with weight 0 or not for all", notUp, now("state", 1)),
					},
				},
			}},
			{"How states have changed", []panel{
				{
					title: "Servers that were not up", kind: states, texts: serverStates, alarm: below(1, 0.5), why: "In the time shown.",
					lines: []line{server("state").when("", condition{field: "up", over: lowest, most: almost})},
				},
				{title: "Backends", kind: states, texts: backendStates, alarm: below(1, 0.5), lines: []line{back("state").per(where)}},
			}},
			{"Backends", []panel{
				{title: "Servers up", alarm: below(99.9, 50), ceiling: 100, why: "Servers in maintenance do not count.", lines: []line{back("percent_up")}},
				{
					title: "Servers by state", stacked: true, colors: []string{green, red, blue, yellow, purple}, why: "Active and backup.",
					lines: []line{
						back("active_up", "backup_up").total("UP"), back("active_down", "backup_down").total("DOWN"), back("active_maint", "backup_maint").total("MAINT"),
						back("active_drain", "backup_drain").total("DRAIN"), back("active_nolb", "backup_nolb").total("NOLB"),
					},
				},
				{title: "Active servers up", lines: []line{back("active_up")}},
				{title: "Servers that go down", lines: []line{back("active_going_down", "backup_going_down")}},
			}},
		},
	}
}
