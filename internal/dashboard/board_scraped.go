package dashboard

import "slices"

// scraped returns the dashboards for Prometheus. They are those of Graphite, but that sinks
// are told apart by a label, and that scrapes are shown instead of what is about Graphite
// only.
func scraped() []board {
	all := boards()
	for i, b := range all {
		switch b.name {
		case self().name:
			all[i] = selfScraped(b)
		case centre().name:
			all[i] = centreScraped(b)
		}
	}
	return all
}

// sinkRow is the row about deliveries, with a line for each sink.
func sinkRow(of func(field string) line) row {
	return row{"Delivering", []panel{
		{title: "Confirmed metrics", lines: []line{of("SentMetrics")}},
		{title: "Failed deliveries", lines: []line{of("Failures").in(perMinute)}},
		{title: "Metrics that wait", lines: []line{of("QueueMetrics")}},
		{title: "Age of metrics", alarm: above(60, 300), lines: []line{of("QueueAge")}},
		{title: "Refused batches", alarm: above(1, 100), lines: []line{of("RefusedBatches")}},
		{
			title: "Lost metrics", colors: []string{red, orange}, why: "Dropped: the queue was full. Left out: the destination never takes them.",
			lines: []line{
				of("DroppedMetrics").total("dropped").in(perMinute), of("SkippedMetrics").total("left out").in(perMinute),
			},
		},
	}}
}

// answerRow is the row about answers to Prometheus.
func answerRow(of func(...string) line) row {
	return row{"Being scraped", []panel{
		{title: "Series in an answer", why: "Prometheus needs about 2 kB of memory for each.", lines: []line{of("haproxystats_series")}},
		{title: "Series left out", alarm: above(1, 1000), why: "See max-series.", lines: []line{of("haproxystats_series_dropped")}},
		{title: "Bytes sent", lines: []line{of("haproxystats_scrape_bytes_total")}},
	}}
}

func selfScraped(b board) board {
	b.rows = slices.Clone(b.rows)
	now := slices.Clone(b.rows[0].panels)
	for i, p := range now {
		switch p.title {
		case "Behind in delivery":
			now[i].lines = []line{sinkOf("QueueAge").highest("age")}
			now[i].why = "The sink that is furthest behind, of all hosts."
		case "Lost metrics":
			now[i].lines = []line{sinkOf("DroppedMetrics").total("lost").in(perMinute)}
		}
	}
	b.rows[0].panels = now
	last := len(b.rows) - 1
	b.rows[last] = sinkRow(sinkOf)
	b.rows = append(b.rows, answerRow(endpoint))
	b.rows[1].panels = slices.DeleteFunc(slices.Clone(b.rows[1].panels), func(p panel) bool { return p.title == "Sockets of processes that answer twice" })
	b.rows[2].panels = slices.DeleteFunc(slices.Clone(b.rows[2].panels), func(p panel) bool { return p.title == "Waiting snapshots" || p.title == "Snapshots given up" })
	return b
}

func centreScraped(b board) board {
	b.rows = slices.Clone(b.rows)
	now := slices.Clone(b.rows[0].panels)
	of := func(field string) line {
		l := central("CentralGraphite" + field)
		l.sinks = true
		return l
	}
	for i, p := range now {
		switch p.title {
		case "Behind in delivery":
			now[i].lines = []line{of("QueueAge").highest("age")}
		case "Lost metrics":
			now[i].lines = []line{of("DroppedMetrics").total("lost").in(perMinute)}
		}
	}
	b.rows[0].panels = now
	b.rows[len(b.rows)-1] = sinkRow(of)
	return b
}
