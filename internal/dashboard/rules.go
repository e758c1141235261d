package dashboard

import (
	"fmt"
	"slices"
)

// rule is an alert rule.
type rule struct {
	name  string
	title string
	todo  string // what an alert means, and where to look first
	line  line
	// over reduces the numbers of the last minutes to one. The lowest or highest keeps a
	// single odd number from an alert. A share of counters is averaged before it is
	// computed; otherwise an error in a quiet second would count as much as many errors
	// in a busy one.
	over    aggregation
	minutes int
	levels  alarm // 0 leaves a level out
	silence bool  // the rule alerts if no metrics come
	// optional is set if not everybody has what the rule is about: then no metrics at
	// all are no reason for an alert.
	optional bool
}

// rules returns all rules, the most important first.
func rules() []rule {
	return append(hostRules(), append(clusterRules(), centralRules()...)...)
}

// hostRules are about load balancers.
func hostRules() []rule {
	return []rule{
		{
			name: "silent", title: "haproxystats is silent", silence: true,
			todo: "This host has sent no metrics for five minutes. Check that both programs run, and read their logs. With " +
				"on-partial = discard, one failed socket is enough to cause this.",
			line: program("SnapshotBytes").in(reported), over: highest, minutes: 5, levels: below(0, 0.5),
		},
		{
			name: "servers", title: "Servers of a backend are not up",
			todo: "For two minutes, some active or backup servers of the backend have not been up. Servers in maintenance are " +
				"not up. See the dashboard of backends, then that of servers.",
			line: back("act", "bck").percentOfSome("TotalServers"), over: highest, minutes: 2, levels: below(99.9, 50),
		},
		{
			name: "errors", title: "Clients get errors",
			todo: "Percent of the frontend's requests that ended in a status of 500 to 599, over five minutes. See the dashboard of " +
				"backends to find the one that fails.",
			line: front("hrsp_5xx").percentOf("req_tot").averaged(5), over: latest, minutes: 2, levels: above(1, 5),
		},
		{
			name: "no-connection", title: "Servers can't be reached",
			todo: "Percent of the backend's sessions that got no connection to a server, over five minutes. See the log of HAProxy " +
				"and the dashboard of servers.",
			line: back("econ").percentOf("stot").averaged(5), over: latest, minutes: 2, levels: above(1, 5),
		},
		{
			name: "queue", title: "Requests queue for servers",
			todo: "Queued requests, the lowest value of the last two minutes. The servers are too slow or too few, or their maxconn is too low.",
			line: back("qcur"), over: lowest, minutes: 2, levels: above(0.5, 50),
		},
		{
			name: "connections", title: "Client connections near the limit",
			todo: "Client connections in percent of the maxconn of the HAProxy processes of this host, over five minutes. At 100, new clients wait.",
			line: daemon("CurrConns").percentOf("Maxconn"), over: average, minutes: 5, levels: above(80, 90),
		},
		{
			name: "sessions", title: "Sessions of a frontend near the limit",
			todo: "Sessions in percent of the frontend's maxconn, over five minutes. At 100, new clients wait.",
			line: front("scur").percentOf("slim"), over: average, minutes: 5, levels: above(80, 90),
		},
		{
			name: "idle", title: "HAProxy is busy",
			todo: "Percent of the time in which HAProxy was idle, over five minutes. Near 0, everything becomes slow.",
			line: daemon("Idle_pct"), over: average, minutes: 5, levels: below(20, 5),
		},
		{
			name: "reload-failed", title: "A reload of HAProxy has failed",
			todo: "Failed reloads, the highest number of a snapshot in ten minutes. HAProxy goes on with its old configuration: run haproxy -c " +
				"-f with its file. Only if master-socket is set.",
			line: program("FailedReloads"), over: highest, minutes: 10, levels: above(0.5, 0),
		},
		{
			name: "crash", title: "A worker of HAProxy has crashed",
			todo: "Workers that ended without a reload, the highest number of a snapshot in ten minutes. See the log of HAProxy and that of the " +
				"kernel. A crash that takes the master along looks like a restart: see the rule about traffic that is not counted.",
			line: program("Crashes"), over: highest, minutes: 10, levels: above(0, 0.5),
		},
		{
			name: "old-worker", title: "An old worker of HAProxy does not end",
			todo: "Seconds since a reload has replaced the oldest of the old workers, the lowest value of the last two minutes. Its clients stay " +
				"connected: see the dashboard of reloads. hard-stop-after in HAProxy's section global bounds the time.",
			line: daemon("OldestWorkerSec"), over: lowest, minutes: 2, levels: above(3600, 86400),
		},
		{
			name: "unaccounted", title: "Traffic of HAProxy is not counted",
			todo: "Seconds between the last look at a worker and its end, the highest number of a snapshot in ten minutes. HAProxy was killed, " +
				"was restarted, or has crashed, or no connection was held to the worker: see the log of haproxystats-pull.",
			line: program("SecondsUnaccounted"), over: highest, minutes: 10, levels: above(0.5, 0),
		},
		{
			name: "accounts", title: "Totals can't be kept",
			todo: "Rounds of sockets whose counters were raw, so that they fall and rise again, the highest number of a snapshot in ten minutes. " +
				"The log of haproxystats-pull has the reason, mostly the disk of state-dir.",
			line: program("AccountsFailed"), over: highest, minutes: 10, levels: above(0.5, 0),
		},
		{
			name: "age", title: "Snapshots wait too long",
			todo: "Seconds that the oldest snapshot has waited, the lowest value of the last two minutes. haproxystats-process is behind: see the " +
				"dashboard of haproxystats.",
			line: program("QueueAge"), over: lowest, minutes: 2, levels: above(60, 300),
		},
		{
			name: "lag", title: "Delivery to Graphite lags",
			todo: "Seconds that the oldest metrics have waited on disk, the lowest value of the last two minutes. Graphite is unreachable or slow.",
			line: program("GraphiteQueueAge"), over: lowest, minutes: 2, levels: above(60, 300),
		},
		{
			name: "verified", title: "Confirmed metrics do not arrive",
			todo: "Seconds since the newest value that verify-url has shown, the lowest of the last two minutes. Something between " +
				"haproxystats and Graphite confirms metrics and loses them, or Graphite-web does not answer. Only if verify-url is set.",
			line: program("GraphiteVerifiedAge"), over: lowest, minutes: 2, levels: above(300, 900),
		},
		{
			name: "sockets", title: "Stats sockets fail",
			todo: "Failed sockets of a round, the lowest value of the last two minutes. Only with on-partial = keep; with discard, the host " +
				"becomes silent.",
			line: program("SocketsFailed"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "processes", title: "Processes of HAProxy don't answer",
			todo: "Processes that did not answer although Nbproc counts them, the lowest value of the last two minutes. All sums of the host are " +
				"too low. Give each process its own stats socket.",
			line: program("ProcessesMissing"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "rows", title: "Rows of replies are left out",
			todo: "Bad rows of a snapshot, the lowest value of the last two minutes. Their metrics are missing. See the log of haproxystats-process.",
			line: program("BadRows"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "left-out", title: "Groups of metrics are left out",
			todo: "Metrics of a snapshot that max-metrics leaves out, the lowest value of the last two minutes. The log of haproxystats-process " +
				"names the groups. Raise max-metrics in [process], or send less: server-metrics, exclude-servers.",
			line: program("MetricsLeftOut"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "given-up", title: "Snapshots are given up",
			todo: "Snapshots per minute that could not be processed, the highest value of ten minutes. They are kept in the directory " +
				"incoming.corrupt. The log of haproxystats-process has the reason.",
			line: program("CorruptSnapshots").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "lost", title: "Metrics are lost",
			todo: "Metrics per minute that Graphite's queue dropped, the highest value of ten minutes. Increase queue-max-bytes, or find out " +
				"why Graphite is unreachable for so long.",
			line: program("GraphiteDroppedMetrics").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "damaged", title: "Queued metrics are damaged",
			todo: "Batches per minute that were found damaged in Graphite's queue, the highest value of ten minutes. Their metrics are lost. " +
				"Check the disk.",
			line: program("GraphiteCorruptBatches").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "too-long", title: "Metrics have paths that are too long",
			todo: "Metrics per minute that were left out because carbon can't store their path, the highest value of ten minutes. Shorten the " +
				"names of proxies and servers, or the namespace.",
			line: program("GraphiteSkippedMetrics").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "refused", title: "Graphite refuses metrics",
			todo: "Batches that Graphite refuses while it takes others, the lowest value of the last two minutes. They stay in the queue. The log " +
				"of haproxystats-process has Graphite's answer.",
			line: program("GraphiteRefusedBatches"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "unreadable", title: "Files of the queue can't be read",
			todo: "Files of Graphite's queue that can't be read, the lowest value of the last two minutes. Their metrics are late. The log of " +
				"haproxystats-process has the owner of the file, or the error of the disk.",
			line: program("GraphiteUnreadableFiles"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "kafka-lag", title: "Delivery to Kafka lags",
			todo: "Seconds that the oldest metrics have waited on disk, the lowest value of the last two minutes. Brokers are unreachable or refuse " +
				"the records: the log of haproxystats-process has the cause. Only if topic is set in [kafka].",
			line: program("KafkaQueueAge"), over: lowest, minutes: 2, levels: above(60, 300),
		},
		{
			name: "kafka-lost", title: "Metrics for Kafka are lost",
			todo: "Metrics per minute that the queue for Kafka dropped, the highest value of ten minutes. Increase queue-max-bytes in [kafka], or " +
				"find out why its brokers take nothing for so long. Only if topic is set in [kafka].",
			line: program("KafkaDroppedMetrics").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "events-lost", title: "Events are lost",
			todo: "Events per minute that the queues of [events] dropped, or that their destinations refused, the highest value of ten minutes. " +
				"The log of haproxystats-process has the destination and its answer; events that were refused are in queue-dir. Only with " +
				"graphite-url, grafana-url or webhook in [events].",
			line: program(
				"EventsGraphiteDroppedMetrics", "EventsGrafanaDroppedMetrics", "EventsWebhookDroppedMetrics",
				"EventsGraphiteSkippedMetrics", "EventsGrafanaSkippedMetrics", "EventsWebhookSkippedMetrics",
			).in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
	}
}

// clusterRules are about the clusters that haproxystats-central combines.
func clusterRules() []rule {
	return []rule{
		{
			name: "cluster-silent", title: "A cluster is silent", silence: true, optional: true,
			todo: "No window of this cluster has been sent for five minutes. Check that haproxystats-central runs, and that nodes report: " +
				"check_haproxystats cluster.",
			line: windows("NodesReporting").in(reported), over: highest, minutes: 5, levels: below(0, 0.5),
		},
		{
			name: "cluster-nodes", title: "Nodes of a cluster are missing",
			todo: "Percent of the expected nodes that were in the cluster's windows, the highest value of two minutes. The sums of the cluster " +
				"are too low. The log of haproxystats-central names the nodes.",
			line: windows("NodesReporting").percentOf("NodesExpected"), over: highest, minutes: 2, levels: below(99.9, 50),
		},
		{
			name: "cluster-delay", title: "Windows of a cluster are late",
			todo: "Seconds from the beginning of a window until it was sent, the lowest value of the last two minutes. With intervals of a minute " +
				"or more, raise the levels. A node is missing or comes late, or haproxystats-central is behind.",
			line: windows("WindowDelay"), over: lowest, minutes: 2, levels: above(90, 300),
		},
		{
			name: "cluster-dropped", title: "Snapshots of nodes are left out",
			todo: "Snapshots per minute that came too late, are of a time to come, or have another interval than the cluster, the highest value of " +
				"ten minutes. The log of haproxystats-central names the node. See the clock and the pull-interval of the node.",
			line: windows("LateDropped", "FutureDropped", "IntervalDropped").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "cluster-conflict", title: "Two machines use one node name",
			todo: "Node names that two machines use, the lowest value of the last two minutes. One of the two is left out of the cluster. " +
				"check_haproxystats cluster names both: give each machine its own name.",
			line: windows("NodesConflicting"), over: lowest, minutes: 2, levels: above(0.5, 0),
		},
		{
			name: "cluster-skew", title: "The clock of a node is wrong",
			todo: "Largest difference between the clocks of the cluster's nodes in seconds, the lowest value of the last two minutes. A clock that is " +
				"wrong by more than late excludes its node. Check NTP on all nodes.",
			line: windows("NodeSkew"), over: lowest, minutes: 2, levels: above(5, 30),
		},
	}
}

// centralRules are about haproxystats-central itself.
func centralRules() []rule {
	return []rule{
		{
			name: "central-silent", title: "haproxystats-central is silent", silence: true, optional: true,
			todo: "haproxystats-central has sent nothing about itself for five minutes. Check that it runs, and read its log.",
			line: central("CentralQueueLength").in(reported), over: highest, minutes: 5, levels: below(0, 0.5),
		},
		{
			name: "central-age", title: "Snapshots of nodes wait too long",
			todo: "Seconds that the oldest snapshot has waited in the spools of the nodes, the lowest value of the last two minutes. " +
				"haproxystats-central is behind, or its journal is full.",
			line: central("CentralQueueAge"), over: lowest, minutes: 2, levels: above(60, 300),
		},
		{
			name: "topic-lag", title: "haproxystats-central lags behind Kafka",
			todo: "Age in seconds of the oldest record that is still to be read, the lowest value of the last two minutes. Add another " +
				"haproxystats-central to the group, or find out what holds this one up: check_haproxystats lag.",
			line: central("KafkaLagSeconds"), over: lowest, minutes: 2, levels: above(60, 300),
		},
		{
			name: "topic-newer", title: "Records of a newer version are put aside",
			todo: "Records per minute that a newer version has written, the highest value of ten minutes. Upgrade haproxystats-central first, and " +
				"then the nodes. The log names the node.",
			line: central("SnapshotsNewer").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "central-journal", title: "The journal of haproxystats-central fills",
			todo: "Size of the journal in percent of journal-max-bytes, the lowest value of the last two minutes. At 100, snapshots stay in the spools " +
				"of the nodes. Increase journal-max-bytes in [central], or shorten late in [cluster].",
			line: central("CentralJournalBytes").percentOf("CentralJournalLimit"), over: lowest, minutes: 2, levels: above(80, 95),
		},
		{
			name: "central-lag", title: "Delivery of haproxystats-central to Graphite lags",
			todo: "Seconds that the oldest metrics have waited on disk, the lowest value of the last two minutes. Graphite is unreachable or slow.",
			line: central("CentralGraphiteQueueAge"), over: lowest, minutes: 2, levels: above(60, 300),
		},
		{
			name: "central-lost", title: "haproxystats-central loses metrics",
			todo: "Metrics per minute that the queue of haproxystats-central for Graphite dropped, the highest value of ten minutes. Increase " +
				"queue-max-bytes, or find out why Graphite is unreachable for so long.",
			line: central("CentralGraphiteDroppedMetrics").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
		{
			name: "central-given-up", title: "Snapshots of nodes are given up",
			todo: "Snapshots per minute that haproxystats-central could not process, the highest value of ten minutes. They are kept in the directory " +
				"incoming.corrupt of the node. The log of haproxystats-central has the reason.",
			line: central("CentralCorruptSnapshots").in(perMinute), over: highest, minutes: 10, levels: above(0.01, 0),
		},
	}
}

// level is a severity, and the value from which on a rule has it.
type level struct {
	name  string
	value float64
}

// steps returns the levels that a rule has.
func (r rule) steps() []level {
	return slices.DeleteFunc([]level{{"warning", r.levels.warn}, {"critical", r.levels.crit}}, func(l level) bool { return l.value == 0 })
}

// anywhere has patterns that select every host of every namespace.
var anywhere = names{
	hosts: "*.*.haproxy", clusters: "*.*.*.haproxy", centrals: "*.*.haproxy", frontend: "*", backend: "*", server: "*", objective: usualObjective,
}

// query returns the rule's series, one for each frontend, backend or server on each
// host.
func (r rule) query(c Catalogue) (query, error) {
	if len(r.steps()) == 0 || r.levels.low && r.levels.crit == 0 {
		return query{}, fmt.Errorf("rule %s: it has no level, or no critical one though low values are bad, which check_graphite needs", r.name)
	}
	q, err := c.resolve(r.line.per(where))
	if err != nil {
		return query{}, fmt.Errorf("rule %s: %w", r.name, err)
	}
	return q, nil
}
