package check

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"haproxystats/internal/nagios"
	"haproxystats/internal/status"
)

func centralInstallation(d status.Document, err error) Installation {
	return Installation{
		Central: Central{
			Socket: "s", JournalMaxBytes: 1000, Clusters: []string{"ams"},
			Window: func(string) (time.Duration, time.Duration) { return 10 * time.Second, 5 * time.Second },
		},
		Patience: time.Minute,
		Ask:      func(context.Context, string) (status.Document, error) { return d, err },
	}
}

// TestCentralJudgements has documents of haproxystats-central, and the results of its
// checks.
func TestCentralJudgements(t *testing.T) {
	document := func(alive int, down status.Time, journal int64, clusters map[string]status.Cluster) status.Document {
		return status.Document{
			Program: "haproxystats-central", Now: 1000, Started: 400, State: status.Running,
			Process: &status.Process{
				Workers: status.Workers{Configured: 2, Alive: alive},
				Sinks:   []status.Sink{{Name: "a", Reachable: down == 0, Down: down}},
			},
			Central: &status.Central{JournalBytes: journal, Clusters: clusters},
		}
	}
	ams := func(c status.Cluster) status.Document {
		return document(2, 0, 0, map[string]status.Cluster{"ams": c})
	}
	topics := func(topics ...status.Topic) status.Document {
		d := document(2, 0, 0, nil)
		d.Central.Topics = topics
		return d
	}
	partitions := func(of ...status.Partition) status.Topic {
		return status.Topic{Topic: "t", Group: "g", Members: 2, Partitions: of}
	}
	conflicts := []status.Conflict{{Node: "lb1", Instance: "1 a", Other: "2 b"}, {Node: "lb2", Instance: "1 a", Other: "2 b"}}
	starting := status.Document{Program: "haproxystats-central", Now: 1000, Started: 999, State: status.Starting}
	for _, c := range []struct {
		name, mode string
		says       status.Document
		err        error
		r          Request
		want       nagios.Status
		text       string
	}{
		{"well", "central", document(2, 0, 800, nil), nil, Request{}, nagios.OK, "up 10m0s, 2 of 2 workers are alive; a is up"},
		{"a worker less", "central", document(1, 0, 0, nil), nil, Request{}, nagios.Critical, "1 of 2 workers"},
		{"a sink is down", "central", document(2, 900, 0, nil), nil, Request{}, nagios.Warning, "a has been down for 1m40s"},
		{"the journal fills", "central", document(2, 0, 801, nil), nil, Request{}, nagios.Warning, "the journal has 801 bytes of 1000"},
		{"the journal is full", "central", document(2, 0, 951, nil), nil, Request{}, nagios.Critical, ""},
		{"up too short", "central", document(2, 0, 0, nil), nil, Request{Warn: atLeast(601)}, nagios.Warning, ""},
		{"starting", "central", starting, nil, Request{}, nagios.OK, "is starting"},
		{"not running", "central", status.Document{}, fmt.Errorf("ask: %w", syscall.ECONNREFUSED), Request{}, nagios.Critical, "haproxystats-central is not running"},
		{"forbidden", "central", status.Document{}, fmt.Errorf("ask: %w", syscall.EACCES), Request{}, nagios.Unknown, "may not look at s"},
		{"hangs", "cluster", status.Document{}, context.DeadlineExceeded, Request{}, nagios.Critical, "does not answer"},
		{"another program", "cluster", processing(nil), nil, Request{}, nagios.Unknown, "belongs to another program"},

		{"starting", "cluster", starting, nil, Request{}, nagios.Unknown, "is starting for 1s and has no status yet: it reads its journal and opens its queues, which takes up to a minute"},
		{"complete", "cluster", ams(status.Cluster{Window: 965, Reporting: 3, Expected: 3}), nil, Request{}, nagios.OK, "ams has 3 of 3 nodes, newest window of 35s ago"},
		{"one missing", "cluster", ams(status.Cluster{Window: 980, Reporting: 2, Expected: 3, Missing: []string{"lb3"}}), nil, Request{}, nagios.Warning, "ams has 2 of 3 nodes, missing lb3"},
		{"one missing, which may be", "cluster", ams(status.Cluster{Window: 980, Reporting: 2, Expected: 3, Missing: []string{"lb3"}}), nil, Request{Crit: above(1)}, nagios.OK, ""},
		{"many missing", "cluster", ams(status.Cluster{Window: 980, Reporting: 1, Expected: 6, Missing: []string{"b", "c", "d", "e", "f"}}), nil, Request{Crit: above(4)}, nagios.Critical, "missing b, c, d and 2 more"},
		{"none reports", "cluster", ams(status.Cluster{Window: 980, Expected: 1, Missing: []string{"lb1"}}), nil, Request{}, nagios.Critical, "0 of 1 nodes"},
		{"late", "cluster", ams(status.Cluster{Window: 964, Reporting: 3, Expected: 3}), nil, Request{}, nagios.Warning, "which is late"},
		{"very late", "cluster", ams(status.Cluster{Window: 894, Reporting: 3, Expected: 3}), nil, Request{}, nagios.Critical, ""},
		{"late, because of what waits", "cluster", func() status.Document {
			d := ams(status.Cluster{Window: 700, Reporting: 3, Expected: 3})
			d.Process.Waiting, d.Process.Oldest = 50, 299
			return d
		}(), nil, Request{}, nagios.Critical, "newest window of 5m0s ago, which is late: haproxystats-central is behind, 50 snapshots of nodes wait, the oldest is 4m59s old"},
		{"just started, and reads what has waited", "cluster", func() status.Document {
			d := ams(status.Cluster{Window: 300, Reporting: 3, Expected: 3})
			d.Started = 970
			return d
		}(), nil, Request{}, nagios.OK, "ams has 3 of 3 nodes, newest window of 11m40s ago"},
		{"older than the start", "cluster", ams(status.Cluster{Window: 300, Reporting: 3, Expected: 3}), nil, Request{}, nagios.Critical, "newest window of 11m40s ago"},
		{"never heard of", "cluster", document(2, 0, 0, nil), nil, Request{}, nagios.Critical, "ams has sent no window for 10m0s"},
		{"drops", "cluster", ams(status.Cluster{Window: 980, Reporting: 3, Expected: 3, LateDropped: 4}), nil, Request{}, nagios.OK, ", 4 late snapshots dropped since the start"},
		{"two machines of one name", "cluster", ams(status.Cluster{Window: 980, Reporting: 3, Expected: 3, Conflicting: conflicts[:1]}), nil, Request{}, nagios.Warning, ", two machines use the name of node lb1, and one of them does not count: 1 a and 2 b. Give each its own, with node in [forward]"},
		{"two machines of one name, twice", "cluster", ams(status.Cluster{Window: 980, Reporting: 3, Expected: 3, Conflicting: conflicts}), nil, Request{Crit: above(9)}, nagios.Warning, "in [forward], as for 1 more names"},
		{"missing, with nodes of their own programs", "cluster", func() status.Document {
			d := topics(status.Topic{Topic: "t", Partitions: []status.Partition{{}}})
			d.Central.Clusters = map[string]status.Cluster{"ams": {Window: 980, Reporting: 1, Expected: 2, Missing: []string{"b"}}}
			return d
		}(), nil, Request{}, nagios.Warning, "; on a node that is missing, run check_haproxystats pull and sink"},
		{"late, because of a sink and of Kafka", "cluster", func() status.Document {
			d := topics(status.Topic{Topic: "t", Cause: "no broker"})
			d.Process.Sinks[0] = status.Sink{Name: "a", Down: 900, Cause: "refused"}
			d.Central.Clusters = map[string]status.Cluster{"ams": {Window: 700, Reporting: 1, Expected: 1}}
			return d
		}(), nil, Request{}, nagios.Critical, "which is late: a is down: run check_haproxystats central, and t can't be read, or is read late: run check_haproxystats lag"},
		{"late for another reason", "cluster", ams(status.Cluster{Window: 700, Reporting: 1, Expected: 1}), nil, Request{}, nagios.Critical, "which is late: see the log of haproxystats-central"},
		{"clusters in trouble", "central", ams(status.Cluster{Window: 980, Reporting: 1, Expected: 2, Missing: []string{"b"}}), nil, Request{}, nagios.OK, "; nodes or windows of ams are missing or wrong: run check_haproxystats cluster"},
		{"topics in trouble", "central", topics(status.Topic{Topic: "t", Cause: "no broker"}), nil, Request{}, nagios.OK, "; t can't be read, or is read late: run check_haproxystats lag"},
		{"a sink with a cause", "central", func() status.Document {
			d := ams(status.Cluster{Window: 980, Reporting: 1, Expected: 1})
			d.Process.Sinks[0] = status.Sink{Name: "a", Down: 900, Cause: "refused"}
			return d
		}(), nil, Request{}, nagios.Warning, "a has been down for 1m40s (refused)"},
		{"behind because of a sink", "lag", func() status.Document {
			d := topics(partitions(status.Partition{LagSeconds: 61}))
			d.Process.Sinks[0] = status.Sink{Name: "a", Down: 900}
			return d
		}(), nil, Request{}, nagios.Warning, "; a is down: run check_haproxystats central"},
		{"one of two", "cluster", document(2, 0, 0, map[string]status.Cluster{"fra": {Window: 990, Reporting: 1, Expected: 1}}), nil, Request{Cluster: "fra"}, nagios.OK, "fra has 1 of 1 nodes"},
		{"no topics", "lag", document(2, 0, 0, nil), nil, Request{}, nagios.Unknown, "set kafka = true"},
		{"starting", "lag", starting, nil, Request{}, nagios.Unknown, "has no status yet"},
		{"not running", "lag", status.Document{}, fmt.Errorf("ask: %w", syscall.ECONNREFUSED), Request{}, nagios.Critical, "haproxystats-central is not running"},
		{"keeps up", "lag", topics(partitions(status.Partition{Lag: 3, LagSeconds: 60}, status.Partition{Number: 1, Lag: 4, LagSeconds: 1})), nil, Request{}, nagios.OK, "t is 1m0s behind, 7 records in 2 partitions"},
		{"one lags", "lag", topics(partitions(status.Partition{Lag: 3}, status.Partition{Number: 1, Lag: 4, LagSeconds: 61})), nil, Request{}, nagios.Warning, "1m1s behind"},
		{"one lags much", "lag", topics(partitions(status.Partition{LagSeconds: 601})), nil, Request{}, nagios.Critical, ""},
		{"few records", "lag", topics(partitions(status.Partition{Lag: 100, LagSeconds: 601}, status.Partition{Lag: 100})), nil, Request{Records: true, Warn: above(100)}, nagios.OK, ""},
		{"many records", "lag", topics(partitions(status.Partition{Lag: 101})), nil, Request{Records: true, Warn: above(100)}, nagios.Warning, ""},
		{"no partitions", "lag", topics(partitions()), nil, Request{}, nagios.OK, "no partition of t is this program's, of 2 members of group g"},
		{"a topic fails", "lag", topics(partitions(), status.Topic{Topic: "u", Cause: "no broker"}), nil, Request{}, nagios.Critical, "u can't be read: no broker"},
		{"aside", "lag", topics(status.Topic{Topic: "t", Partitions: []status.Partition{{}}, Newer: 2, Foreign: 1, Incomplete: 3}), nil, Request{}, nagios.OK, ", 2 records of a newer version since the start, 1 records of somebody else since the start, 3 incomplete snapshots since the start"},
		{"unknown", "cluster", ams(status.Cluster{}), nil, Request{Cluster: "lon"}, nagios.Unknown, `there is no cluster "lon": expected ams`},
	} {
		got := run(c.mode, centralInstallation(c.says, c.err), c.r)
		if got.Status != c.want || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s, %s: got %v: %s, want %v: %s", c.mode, c.name, got.Status, got.Text, c.want, c.text)
		}
	}
}

// TestNoCluster has programs that have heard of no node: the text says what they wait for,
// and for how long.
func TestNoCluster(t *testing.T) {
	for _, c := range []struct {
		name   string
		topics []status.Topic
		want   nagios.Status
		text   string
	}{
		{"directories", nil, nagios.Unknown, "no cluster is known yet, 2s after the start: haproxystats-central waits for the first snapshot of a node, which takes up to 15s. If it lasts longer, check that"},
		{"reads", []status.Topic{{Topic: "t", GroupState: "Stable", Members: 1, Partitions: []status.Partition{{}}}, {Topic: "u"}}, nagios.Unknown, "2s after the start: haproxystats-central waits for the first tables of a node in Kafka, which takes up to 15s. If it lasts longer, set [forward] on the nodes, and run check_haproxystats sink there"},
		{"joins the group", []status.Topic{{Topic: "t", GroupState: "PreparingRebalance", Members: 2}}, nagios.Unknown, "2s after the start: haproxystats-central waits for partitions of t, for up to session-timeout (30s). If it lasts longer: run check_haproxystats lag"},
		{"is a spare one", []status.Topic{{Topic: "t", Group: "g", GroupState: "Stable", Members: 2}}, nagios.OK, "no partition of t is this program's, of 2 members of group g"},
		{"can't read", []status.Topic{{Topic: "t", Cause: "no broker"}}, nagios.Unknown, "no cluster is known: t can't be read: run check_haproxystats lag"},
	} {
		i := centralInstallation(status.Document{
			Program: "haproxystats-central", Now: 1000, Started: 998, State: status.Running,
			Process: &status.Process{}, Central: &status.Central{Topics: c.topics},
		}, nil)
		i.Central.Clusters, i.Central.SessionTimeout = nil, 30*time.Second
		if got := run("cluster", i, Request{}); got.Status != c.want || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: got %v: %s, want %v: %s", c.name, got.Status, got.Text, c.want, c.text)
		}
	}
}

// TestCentralContainer has a container of haproxystats-central: a runtime restarts it if
// workers are stuck, and not because of a sink that is down, a full journal or nodes that
// are missing.
func TestCentralContainer(t *testing.T) {
	document := func(alive int) status.Document {
		return status.Document{
			Program: "haproxystats-central", Now: 1000, Started: 400, State: status.Running, ConfigSHA256: "a",
			Process: &status.Process{
				Workers: status.Workers{Configured: 2, Alive: alive},
				Sinks:   []status.Sink{{Name: "graphite", Down: 1, Cause: "refused"}},
			},
			Central: &status.Central{JournalBytes: 1000, Clusters: map[string]status.Cluster{
				"ams": {Window: 500, Expected: 1, Missing: []string{"lb1"}},
			}},
		}
	}
	for _, c := range []struct {
		name string
		says status.Document
		err  error
		want nagios.Status
		text string
	}{
		{"all workers", document(2), nil, nagios.OK, "2 of 2 workers are alive"},
		{"a stuck worker", document(1), nil, nagios.Critical, "1 of 2 workers are alive"},
		{"starting", status.Document{Program: "haproxystats-central", State: status.Starting}, nil, nagios.Unknown, "has no status yet"},
		{"gone", status.Document{}, syscall.ECONNREFUSED, nagios.Critical, "haproxystats-central is not running"},
	} {
		i := centralInstallation(c.says, c.err)
		i.First, i.Central.SHA256 = "haproxystats-central", "b"
		got := run(Container, i, Request{})
		if got.Status != c.want || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: got %v: %s, want %v: %s", c.name, got.Status, got.Text, c.want, c.text)
		}
	}
}
