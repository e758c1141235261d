package dashboard

// reloads shows what reloads of HAProxy do, and what is not known of it.
func reloads() board {
	return board{
		name: "reloads", title: "HAProxy: reloads",
		about: "Reloads of HAProxy, the workers that they leave behind, and what could not be counted. It needs counters = total.",
		rows: []row{
			{"Now, and in the time shown", []panel{
				{title: "Old workers", kind: number, alarm: above(1, 10), why: "Over all hosts.", lines: []line{daemon("OldWorkers").total("old workers")}},
				{
					title: "Oldest worker", kind: number, alarm: above(3600, 86400), why: "Replaced so long ago, on the host that has it.",
					lines: []line{daemon("OldestWorkerSec").highest("replaced")},
				},
				{title: "Reloads", kind: number, why: "In the time shown.", lines: []line{program("Reloads").in(events).total("reloads")}},
				{title: "Failed reloads", kind: number, alarm: above(1, 2), why: "In the time shown.", lines: []line{program("FailedReloads").in(events).total("failed")}},
				{title: "Not counted", kind: number, alarm: above(1, 60), why: "In the time shown.", lines: []line{program("SecondsUnaccounted").in(events).total("seconds")}},
			}},
			{"Sessions over reloads", []panel{
				{
					title: "Open connections", reloads: true, colors: []string{blue, orange}, why: "All of them, and those that old workers still serve.",
					lines: []line{daemon("CurrConns").total("all"), daemon("OldWorkersConns").total("of old workers")},
				},
				{title: "Open sessions", reloads: true, why: "Sessions of old workers are among them.", lines: []line{front("scur")}},
			}},
			{"Old workers", []panel{
				{title: "Old workers by host", reloads: true, lines: []line{daemon("OldWorkers")}},
				{title: "Connections of old workers", lines: []line{daemon("OldWorkersConns")}},
				{title: "Time since the oldest was replaced", alarm: above(3600, 86400), lines: []line{daemon("OldestWorkerSec")}},
			}},
			{"What has happened", []panel{
				{title: "Reloads by host", kind: bars, lines: []line{program("Reloads").in(events)}},
				{title: "Restarts by host", kind: bars, lines: []line{program("Restarts").in(events)}},
				{title: "Crashes by host", kind: bars, alarm: above(1, 2), lines: []line{program("Crashes").in(events)}},
				{title: "Failed reloads by host", kind: bars, alarm: above(1, 2), lines: []line{program("FailedReloads").in(events)}},
			}},
			{"What is not known", []panel{
				{title: "Seconds that are not counted", kind: bars, why: "Between the last look at a worker and its end.", lines: []line{program("SecondsUnaccounted").in(events)}},
				{title: "Requests that are not counted", kind: bars, lines: []line{program("RequestsUnaccounted").in(events)}},
				{title: "Rounds without totals", kind: bars, alarm: above(1, 10), why: "Counters of these rounds are raw.", lines: []line{program("AccountsFailed").in(events)}},
			}},
		},
	}
}
