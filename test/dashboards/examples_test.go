package dashboards

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haproxystats/internal/metric"
	"haproxystats/internal/selfstat"
	"haproxystats/test/dashboards/stage"
)

// example has the metrics of three made-up hosts or clusters: one that a rule says nothing
// of, one that it warns of, and one that is as bad as can be. What metrics are
// called stands behind "haproxy".
type example struct {
	rule               string
	calm, warns, fires map[string]numbers
	only               string // the only level of the rule, if there is one
}

// numbers are those of a metric, by the second.
type numbers func(second int) float64

// at stays at a value.
func at(v float64) numbers { return func(int) float64 { return v } }

// by grows by so much a second.
func by(v float64) numbers { return func(s int) float64 { return v * float64(s) } }

// steps grows by so much every so many seconds.
func steps(v float64, every int) numbers { return func(s int) float64 { return v * float64(s/every) } }

func sumOf(a, b numbers) numbers { return func(s int) float64 { return a(s) + b(s) } }

// spikes is mostly 0.
func spikes(v float64) numbers {
	return func(s int) float64 {
		if s%10 == 0 {
			return v
		}
		return 0
	}
}

// every is 1 once in so many seconds, and otherwise 0.
func every(seconds int) numbers {
	return func(s int) float64 {
		if s%seconds == 0 {
			return 1
		}
		return 0
	}
}

// examples has one of each rule.
var examples = []example{
	{
		// The bad host has sent something, but long ago: see sendExamples.
		rule: "silent", only: "critical",
		calm: map[string]numbers{"haproxystats.SnapshotBytes": at(1000)}, fires: map[string]numbers{"haproxystats.SnapshotBytes": at(1000)},
	},
	{
		rule: "servers",
		// Nobody has asked for the rows of servers of the backend proxies, and nobody asks for
		// those of switched any more.
		calm: map[string]numbers{
			"backend.b.act": at(3), "backend.b.bck": at(1), "backend.b.TotalServers": at(4),
			"backend.proxies.act": at(0), "backend.proxies.bck": at(0),
			"backend.switched.act": until(length-60, 4, 0), "backend.switched.bck": at(0), "backend.switched.TotalServers": stops(length-60, 4),
		},
		warns: map[string]numbers{"backend.b.act": at(2), "backend.b.bck": at(1), "backend.b.TotalServers": at(4)},
		fires: map[string]numbers{"backend.b.act": at(0), "backend.b.bck": at(1), "backend.b.TotalServers": at(4)},
	},
	{
		rule: "errors",
		// All requests of some seconds are errors, but there are few then.
		calm:  map[string]numbers{"frontend.f.hrsp_5xx": steps(1, 20), "frontend.f.req_tot": sumOf(steps(1, 20), steps(1000, 7))},
		warns: map[string]numbers{"frontend.f.hrsp_5xx": by(3), "frontend.f.req_tot": by(100)},
		fires: map[string]numbers{"frontend.f.hrsp_5xx": by(10), "frontend.f.req_tot": by(100)},
	},
	{
		rule:  "no-connection",
		calm:  map[string]numbers{"backend.b.econ": by(0), "backend.b.stot": by(100)},
		warns: map[string]numbers{"backend.b.econ": by(2), "backend.b.stot": by(100)},
		fires: map[string]numbers{"backend.b.econ": by(20), "backend.b.stot": by(100)},
	},
	{
		rule:  "queue",
		calm:  map[string]numbers{"backend.b.qcur": spikes(1000)},
		warns: map[string]numbers{"backend.b.qcur": at(10)},
		fires: map[string]numbers{"backend.b.qcur": at(80)},
	},
	{
		rule:  "connections",
		calm:  map[string]numbers{"daemon.CurrConns": at(50), "daemon.Maxconn": at(100)},
		warns: map[string]numbers{"daemon.CurrConns": at(85), "daemon.Maxconn": at(100)},
		fires: map[string]numbers{"daemon.CurrConns": at(95), "daemon.Maxconn": at(100)},
	},
	{
		rule:  "sessions",
		calm:  map[string]numbers{"frontend.f.scur": at(50), "frontend.f.slim": at(100)},
		warns: map[string]numbers{"frontend.f.scur": at(85), "frontend.f.slim": at(100)},
		fires: map[string]numbers{"frontend.f.scur": at(95), "frontend.f.slim": at(100)},
	},
	{
		rule:  "idle",
		calm:  map[string]numbers{"daemon.Idle_pct": at(60)},
		warns: map[string]numbers{"daemon.Idle_pct": at(15)},
		fires: map[string]numbers{"daemon.Idle_pct": at(2)},
	},
	{
		rule: "reload-failed", only: "warning",
		calm: map[string]numbers{"haproxystats.FailedReloads": at(0)}, fires: map[string]numbers{"haproxystats.FailedReloads": every(60)},
	},
	{
		rule: "crash", only: "critical",
		calm: map[string]numbers{"haproxystats.Crashes": at(0)}, fires: map[string]numbers{"haproxystats.Crashes": every(60)},
	},
	{
		rule:  "old-worker",
		calm:  map[string]numbers{"daemon.OldestWorkerSec": spikes(100000)},
		warns: map[string]numbers{"daemon.OldestWorkerSec": at(4000)},
		fires: map[string]numbers{"daemon.OldestWorkerSec": at(90000)},
	},
	{
		rule: "unaccounted", only: "warning",
		calm: map[string]numbers{"haproxystats.SecondsUnaccounted": at(0)}, fires: map[string]numbers{"haproxystats.SecondsUnaccounted": every(60)},
	},
	{
		rule: "accounts", only: "warning",
		calm: map[string]numbers{"haproxystats.AccountsFailed": at(0)}, fires: map[string]numbers{"haproxystats.AccountsFailed": every(60)},
	},
	{
		rule:  "age",
		calm:  map[string]numbers{"haproxystats.QueueAge": spikes(1000)},
		warns: map[string]numbers{"haproxystats.QueueAge": at(100)},
		fires: map[string]numbers{"haproxystats.QueueAge": at(400)},
	},
	{
		rule:  "lag",
		calm:  map[string]numbers{"haproxystats.GraphiteQueueAge": spikes(1000)},
		warns: map[string]numbers{"haproxystats.GraphiteQueueAge": at(100)},
		fires: map[string]numbers{"haproxystats.GraphiteQueueAge": at(400)},
	},
	{
		rule:  "verified",
		calm:  map[string]numbers{"haproxystats.GraphiteVerifiedAge": spikes(1000)},
		warns: map[string]numbers{"haproxystats.GraphiteVerifiedAge": at(400)},
		fires: map[string]numbers{"haproxystats.GraphiteVerifiedAge": at(1000)},
	},
	{
		rule: "sockets", only: "warning",
		calm: map[string]numbers{"haproxystats.SocketsFailed": spikes(3)}, fires: map[string]numbers{"haproxystats.SocketsFailed": at(1)},
	},
	{
		rule: "processes", only: "warning",
		calm: map[string]numbers{"haproxystats.ProcessesMissing": spikes(3)}, fires: map[string]numbers{"haproxystats.ProcessesMissing": at(1)},
	},
	{
		rule: "rows", only: "warning",
		calm: map[string]numbers{"haproxystats.BadRows": spikes(3)}, fires: map[string]numbers{"haproxystats.BadRows": at(1)},
	},
	{
		rule: "left-out", only: "warning",
		calm: map[string]numbers{"haproxystats.MetricsLeftOut": spikes(900)}, fires: map[string]numbers{"haproxystats.MetricsLeftOut": at(900)},
	},
	{
		rule: "given-up", only: "warning",
		calm: map[string]numbers{"haproxystats.CorruptSnapshots": at(7)}, fires: map[string]numbers{"haproxystats.CorruptSnapshots": by(1)},
	},
	{
		rule: "lost", only: "warning",
		calm: map[string]numbers{"haproxystats.GraphiteDroppedMetrics": at(5000)}, fires: map[string]numbers{"haproxystats.GraphiteDroppedMetrics": by(1)},
	},
	{
		rule: "damaged", only: "warning",
		calm: map[string]numbers{"haproxystats.GraphiteCorruptBatches": at(7)}, fires: map[string]numbers{"haproxystats.GraphiteCorruptBatches": by(1)},
	},
	{
		rule: "too-long", only: "warning",
		calm: map[string]numbers{"haproxystats.GraphiteSkippedMetrics": at(5000)}, fires: map[string]numbers{"haproxystats.GraphiteSkippedMetrics": by(1)},
	},
	{
		rule: "refused", only: "warning",
		calm: map[string]numbers{"haproxystats.GraphiteRefusedBatches": spikes(3)}, fires: map[string]numbers{"haproxystats.GraphiteRefusedBatches": at(1)},
	},
	{
		rule: "unreadable", only: "warning",
		calm: map[string]numbers{"haproxystats.GraphiteUnreadableFiles": spikes(3)}, fires: map[string]numbers{"haproxystats.GraphiteUnreadableFiles": at(1)},
	},
	{
		rule:  "kafka-lag",
		calm:  map[string]numbers{"haproxystats.KafkaQueueAge": spikes(1000)},
		warns: map[string]numbers{"haproxystats.KafkaQueueAge": at(100)},
		fires: map[string]numbers{"haproxystats.KafkaQueueAge": at(400)},
	},
	{
		rule: "kafka-lost", only: "warning",
		calm: map[string]numbers{"haproxystats.KafkaDroppedMetrics": at(5000)}, fires: map[string]numbers{"haproxystats.KafkaDroppedMetrics": by(1)},
	},
	{
		rule: "events-lost", only: "warning",
		calm:  map[string]numbers{"haproxystats.EventsWebhookDroppedMetrics": at(5), "haproxystats.EventsGrafanaSkippedMetrics": at(7)},
		fires: map[string]numbers{"haproxystats.EventsWebhookDroppedMetrics": at(5), "haproxystats.EventsGrafanaSkippedMetrics": by(1)},
	},
	{
		rule: "cluster-silent", only: "critical",
		calm: map[string]numbers{"haproxystats.NodesReporting": at(3)}, fires: map[string]numbers{"haproxystats.NodesReporting": at(3)},
	},
	{
		rule:  "cluster-nodes",
		calm:  map[string]numbers{"haproxystats.NodesReporting": at(4), "haproxystats.NodesExpected": at(4)},
		warns: map[string]numbers{"haproxystats.NodesReporting": at(3), "haproxystats.NodesExpected": at(4)},
		fires: map[string]numbers{"haproxystats.NodesReporting": at(1), "haproxystats.NodesExpected": at(4)},
	},
	{
		rule:  "cluster-delay",
		calm:  map[string]numbers{"haproxystats.WindowDelay": spikes(1000)},
		warns: map[string]numbers{"haproxystats.WindowDelay": at(100)},
		fires: map[string]numbers{"haproxystats.WindowDelay": at(400)},
	},
	{
		rule: "cluster-dropped", only: "warning",
		calm:  map[string]numbers{"haproxystats.LateDropped": at(70), "haproxystats.FutureDropped": at(70), "haproxystats.IntervalDropped": at(70)},
		fires: map[string]numbers{"haproxystats.LateDropped": at(70), "haproxystats.FutureDropped": at(70), "haproxystats.IntervalDropped": by(1)},
	},
	{
		rule: "cluster-conflict", only: "warning",
		calm: map[string]numbers{"haproxystats.NodesConflicting": spikes(3)}, fires: map[string]numbers{"haproxystats.NodesConflicting": at(1)},
	},
	{
		rule:  "cluster-skew",
		calm:  map[string]numbers{"haproxystats.NodeSkew": spikes(1000)},
		warns: map[string]numbers{"haproxystats.NodeSkew": at(9)},
		fires: map[string]numbers{"haproxystats.NodeSkew": at(40)},
	},
	{
		rule: "central-silent", only: "critical",
		calm: map[string]numbers{"haproxystats.CentralQueueLength": at(0)}, fires: map[string]numbers{"haproxystats.CentralQueueLength": at(0)},
	},
	{
		rule:  "central-age",
		calm:  map[string]numbers{"haproxystats.CentralQueueAge": spikes(1000)},
		warns: map[string]numbers{"haproxystats.CentralQueueAge": at(100)},
		fires: map[string]numbers{"haproxystats.CentralQueueAge": at(400)},
	},
	{
		rule:  "topic-lag",
		calm:  map[string]numbers{"haproxystats.KafkaLagSeconds": spikes(1000)},
		warns: map[string]numbers{"haproxystats.KafkaLagSeconds": at(100)},
		fires: map[string]numbers{"haproxystats.KafkaLagSeconds": at(400)},
	},
	{
		rule: "topic-newer", only: "warning",
		calm: map[string]numbers{"haproxystats.SnapshotsNewer": at(7)}, fires: map[string]numbers{"haproxystats.SnapshotsNewer": by(1)},
	},
	{
		rule:  "central-journal",
		calm:  map[string]numbers{"haproxystats.CentralJournalBytes": spikes(99), "haproxystats.CentralJournalLimit": at(100)},
		warns: map[string]numbers{"haproxystats.CentralJournalBytes": at(90), "haproxystats.CentralJournalLimit": at(100)},
		fires: map[string]numbers{"haproxystats.CentralJournalBytes": at(99), "haproxystats.CentralJournalLimit": at(100)},
	},
	{
		rule:  "central-lag",
		calm:  map[string]numbers{"haproxystats.CentralGraphiteQueueAge": spikes(1000)},
		warns: map[string]numbers{"haproxystats.CentralGraphiteQueueAge": at(100)},
		fires: map[string]numbers{"haproxystats.CentralGraphiteQueueAge": at(400)},
	},
	{
		rule: "central-lost", only: "warning",
		calm: map[string]numbers{"haproxystats.CentralGraphiteDroppedMetrics": at(5000)}, fires: map[string]numbers{"haproxystats.CentralGraphiteDroppedMetrics": by(1)},
	},
	{
		rule: "central-given-up", only: "warning",
		calm: map[string]numbers{"haproxystats.CentralCorruptSnapshots": at(7)}, fires: map[string]numbers{"haproxystats.CentralCorruptSnapshots": by(1)},
	},
}

// The kinds of hosts.
const (
	calm  = "calm"
	warns = "warns"
	fires = "fires"
)

// madeUp is the namespace of the examples.
const madeUp = "made_up"

func (e example) host(kind string) string { return e.rule + "-" + kind }

// path returns what the paths of a kind of host or cluster begin with.
func (e example) path(kind string) string {
	if strings.HasPrefix(e.rule, "cluster-") {
		return madeUp + ".clusters." + e.host(kind)
	}
	return madeUp + "." + e.host(kind)
}

// silent reports whether the rule is about what does not come.
func (e example) silent() bool { return strings.HasSuffix(e.rule, "silent") }

func (e example) has(level string) bool { return e.only == "" || e.only == level }

// hosts are the metrics by kind of host.
func (e example) hosts() map[string]map[string]numbers {
	all := map[string]map[string]numbers{calm: e.calm, fires: e.fires}
	if e.warns != nil {
		all[warns] = e.warns
	}
	return all
}

// The examples reach back for as long as any rule looks, and end where the
// silent host's begin.
const (
	length = 14 * 60
	silent = 13 * 60
)

// keepSending has Graphite take what made-up hosts have sent for some seconds, and what
// they go on to send until the test ends: on a busy machine the test lasts so long that
// metrics grow old. lines writes those of one second, which has a number and a time.
func keepSending(ctx context.Context, t *testing.T, g *stage.Graphite, seconds int, lines func(b *strings.Builder, second int, at int64)) {
	t.Helper()
	begin := time.Now().Unix() - int64(seconds)
	second := 0
	next := func(ctx context.Context) error {
		var b strings.Builder
		for now := time.Now().Unix(); begin+int64(second) < now; second++ {
			lines(&b, second, begin+int64(second))
		}
		return g.Send(ctx, b.String())
	}
	if err := next(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		sending.Wait()
	})
	sending.Go(func() {
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := next(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("send what made-up hosts go on to send: %v", err)
				return
			}
		}
	})
}

// sendOthers has Graphite take the metrics about Kafka and [events], which the stage does
// without: those of haproxystats-central, and those of sinks of each load balancer.
func sendOthers(ctx context.Context, t *testing.T, g *stage.Graphite) {
	t.Helper()
	var paths []string
	add := func(host string, columns []metric.Column) {
		for _, c := range columns {
			paths = append(paths, stage.Namespace+"."+host+".haproxy.haproxystats."+c.Name)
		}
	}
	for host := range stage.Hosts {
		for _, sink := range []string{"kafka", "events-graphite", "events-grafana", "events-webhook"} {
			add(host, selfstat.Sink{Name: sink, Queued: true}.Columns())
		}
	}
	add(stage.Central, selfstat.TopicColumns())
	keepSending(ctx, t, g, 60, func(b *strings.Builder, second int, at int64) {
		for _, path := range paths {
			fmt.Fprintf(b, "%s %d %d\n", path, second, at)
		}
	})
	awaitSeries(ctx, t, g, paths[len(paths)-1])
}

// badServers are servers of a made-up backend of lb1 in the states that the stage has
// none of, by what the dashboard of states says of them.
var badServers = map[string]map[string]float64{
	"DOWN, no connection":              {"state": 0, "check_ok": 0, "check_result": 7, "up": 0},
	"DOWN, no TLS":                     {"state": 0, "check_ok": 0, "check_result": 10, "up": 0},
	"DOWN, bad answer":                 {"state": 0, "check_ok": 0, "check_result": 15, "up": 0},
	"DOWN, by the check program":       {"state": 0, "check_ok": 0, "check_result": 16, "up": 0},
	"DOWN, not by a check":             {"state": 0, "up": 0},
	"DOWN, and its checks succeed":     {"state": 0, "check_ok": 1, "check_result": 11, "up": 0},
	"MAINT, by hand":                   {"state": 2, "maint_reason": 1, "up": 0},
	"MAINT, by the configuration":      {"state": 2, "maint_reason": 3, "up": 0},
	"MAINT, as the tracked server":     {"state": 2, "maint_reason": 2, "up": 0},
	"MAINT, no address for its name":   {"state": 2, "maint_reason": 4, "up": 0},
	"DRAIN":                            {"state": 3, "check_ok": 1, "up": 0},
	"NOLB":                             {"state": 4, "check_ok": 1, "up": 0},
	"UP, with weight 0 or not for all": {"state": 1, "check_ok": 1, "up": 0},
}

// badBackend is that backend.
const badBackend = "bad"

// sendStates has Graphite take the states of these servers.
func sendStates(ctx context.Context, t *testing.T, g *stage.Graphite) {
	t.Helper()
	values := make(map[string]float64)
	last := ""
	for n, words := range slices.Sorted(maps.Keys(badServers)) {
		metrics := maps.Clone(badServers[words])
		metrics["lastchg"] = float64(1000 + n)
		for name, value := range metrics {
			last = fmt.Sprintf("%s.lb1.haproxy.backend.%s.server.s%d.%s", stage.Namespace, badBackend, n, name)
			values[last] = value
		}
	}
	keepSending(ctx, t, g, lookback, func(b *strings.Builder, _ int, at int64) {
		for path, value := range values {
			fmt.Fprintf(b, "%s %g %d\n", path, value, at)
		}
	})
	awaitSeries(ctx, t, g, last)
}

// sendExamples has Graphite take the metrics of all made-up hosts.
func sendExamples(ctx context.Context, t *testing.T, g *stage.Graphite) {
	t.Helper()
	keepSending(ctx, t, g, length, func(b *strings.Builder, second int, at int64) {
		for _, e := range examples {
			for kind, metrics := range e.hosts() {
				if e.silent() && kind == fires && second > length-silent {
					continue
				}
				for name, value := range metrics {
					if v := value(second); v != absent {
						fmt.Fprintf(b, "%s.haproxy.%s %g %d\n", e.path(kind), name, v, at)
					}
				}
			}
		}
	})
	// The last of what was sent is there when Graphite has all.
	last := examples[len(examples)-1]
	for _, kind := range []string{calm, fires} {
		awaitSeries(ctx, t, g, last.path(kind)+".haproxy.*.*")
	}
}
