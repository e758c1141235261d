package doctor

import (
	"testing"
	"time"

	"haproxystats/internal/config"
	"haproxystats/internal/status"
)

func TestNodeSpool(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	ago := func(d time.Duration) int64 { return now.Add(-d).Unix() }
	for _, test := range []struct {
		name         string
		a            Arrivals
		verdict      Verdict
		text, remedy string
	}{
		{"all is well", Arrivals{Changed: now}, OK, "0 wait", ""},
		{"some wait", Arrivals{Changed: now, Waiting: 2, Newest: ago(9 * time.Second), Their: 10 * time.Second}, OK, "2 wait", ""},
		{"a slow cluster rests", Arrivals{Changed: now.Add(-9 * time.Minute), Interval: time.Minute}, OK, "0 wait", ""},
		{"nothing comes", Arrivals{Changed: now.Add(-101 * time.Second)}, Error, "nothing has come to /d for 1m41s", "haproxystats-pull runs"},
		{"nobody takes them", Arrivals{Changed: now, Waiting: 1, Newest: ago(2 * time.Minute)}, Error, "the newest of 1 snapshot in /d is 2m old", "haproxystats-central does not run"},
		{"a clock ahead", Arrivals{Changed: now, Waiting: 1, Newest: ago(-30 * time.Second)}, Error, "30s ahead", "Synchronise"},
		{"another interval", Arrivals{Changed: now, Waiting: 1, Newest: ago(0), Their: 30 * time.Second}, Error, "30s apart, and the windows of its cluster 10s", "Set pull-interval"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.a.Dir = "/d"
			if test.a.Interval == 0 {
				test.a.Interval = 10 * time.Second
			}
			found := NodeSpool("lb1", test.a, now)
			if len(found) != 1 {
				t.Fatalf("got %v, want one finding", found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
}

func TestClusters(t *testing.T) {
	node := func(name, cluster string) config.Instance[config.Node] {
		return config.Instance[config.Node]{Name: name, Options: config.Node{Cluster: cluster}}
	}
	expected := config.Cluster{Nodes: config.NodeList{File: "/n", Names: []string{"a", "b"}}}
	c := &config.Config{
		Nodes:    config.Named[config.Node]{node("a", "eu"), node("c", "eu"), node("d", "us"), node("a", "ap"), node("b", "ap")},
		Clusters: config.Named[config.Cluster]{{Name: ""}, {Name: "eu", Options: expected}, {Name: "ap", Options: expected}, {Name: "none"}},
	}
	want := []struct {
		subject      string
		verdict      Verdict
		text, remedy string
	}{
		{"none", Warning, "no node belongs to it", "Set cluster = none"},
		{"ap", OK, "it has the 2 nodes of /n", ""},
		{"eu", Error, "node b is expected, and nothing brings its statistics", "Add a section [node b]"},
		{"eu", Warning, "node c belongs to it, and is not expected", "Add the name to /n"},
		{"us", OK, "it has 1 node, and learns which are expected", ""},
	}
	got := Clusters(c)
	if len(got) != len(want) {
		t.Fatalf("got %d findings, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		if got[i].Subject != w.subject {
			t.Errorf("got a finding about %s, want %s", got[i].Subject, w.subject)
		}
		check(t, got[i], w.verdict, w.text, w.remedy)
	}
}

// TestClustersThroughKafka: nodes that send to Kafka have no section.
func TestClustersThroughKafka(t *testing.T) {
	expected := config.Cluster{Nodes: config.NodeList{File: "/n", Names: []string{"a", "b"}}}
	c := &config.Config{
		Central:  config.Central{Kafka: true},
		Nodes:    config.Named[config.Node]{{Name: "a", Options: config.Node{Cluster: "eu"}}},
		Clusters: config.Named[config.Cluster]{{Name: "eu", Options: expected}, {Name: "us", Options: expected}},
	}
	for _, f := range Clusters(c) {
		if f.Verdict != OK {
			t.Errorf("got %s, want nothing wrong", show(f))
		}
	}
}

// TestCentralSays has a cluster with a missing node and a name that two machines use.
func TestCentralSays(t *testing.T) {
	found := centralSays(about{"running", "haproxystats-central"}, "it runs (pid 1, version 1)", status.Document{
		Program: "haproxystats-central",
		Process: &status.Process{Sinks: []status.Sink{{Name: "graphite", Cause: "refused"}}},
		Central: &status.Central{Clusters: map[string]status.Cluster{
			"eu": {Expected: 3, Reporting: 2, Missing: []string{"lb3"}, Conflicting: []status.Conflict{{Node: "lb1", Instance: "1 a", Other: "2 b"}}}, "us": {Expected: 2, Reporting: 2},
		}},
	})
	if len(found) != 3 {
		t.Fatalf("got %v, want 3 findings", found)
	}
	check(t, found[0], Error, "haproxystats-central has delivered nothing", "See the findings about this sink")
	check(t, found[1], Warning, "1 of 3 nodes were missing in the last window, such as lb3", "See the findings about these nodes")
	check(t, found[2], Error, "two machines use the name of node lb1, and one of them does not count: 1 a and 2 b", "Give each machine a name of its own, with node in [forward]")
}
