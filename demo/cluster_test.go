package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"haproxystats/test/real"
)

// TestClusterDemoPasses runs the demo of a cluster until the stopped node is back.
func TestClusterDemoPasses(t *testing.T) {
	for _, c := range []string{"graphite-carbon", "python3-whisper"} {
		real.Need(t, c)
	}
	t.Run(byDirectories, func(t *testing.T) { testClusterDemo(t, byDirectories) })
	t.Run(byKafka, func(t *testing.T) {
		real.Need(t, "kafka")
		testClusterDemo(t, byKafka)
	})
}

func testClusterDemo(t *testing.T, way string) {
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := h.command(ctx, 1, "cluster")
	cmd.Env = append(cmd.Env, "DEMO_TRANSPORT="+way)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	for _, want := range []string{
		"PASS: the cluster's sums", "nodes 2, missing 0", "nodes 1, missing 1", "node lba is back",
		"\n cluster eu ", "\n  lba ", "\n  lbb ", "came back: 1 times",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("got no %q in the output:\n%s", want, &stdout)
		}
	}
	if got := strings.Contains(stderr.String(), "starting Apache Kafka"); got != (way == byKafka) {
		t.Errorf("got that Kafka was started: %t\n%s", got, &stderr)
	}
	if strings.Contains(stdout.String(), "\x1b") {
		t.Error("got escape sequences where there is no terminal")
	}
	if left := append(h.files(t), h.processes(t)...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestChooseWay(t *testing.T) {
	for _, c := range []struct {
		name, chosen string
		there        bool
		way, told    string
		fault        string
	}{
		{"Kafka is there", "", true, byKafka, "", ""},
		{"Kafka is not there", "", false, byDirectories, "Kafka is not here, so snapshots travel through a directory and a TCP socket: no java", ""},
		{"Kafka is wanted", byKafka, true, byKafka, "", ""},
		{"Kafka is wanted and not there", byKafka, false, "", "", "no java"},
		{"directories are wanted", byDirectories, true, byDirectories, "", ""},
		{"something else is wanted", "pigeons", true, "", "", "DEMO_TRANSPORT=pigeons: expected kafka or directories"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var told bytes.Buffer
			way, jars, err := chooseWay(t.Context(), &told, c.chosen, func(context.Context, string) (string, error) {
				if c.there {
					return "/jars", nil
				}
				return "", errors.New("no java")
			})
			if way != c.way || (jars != "") != (c.way == byKafka) || !strings.Contains(told.String(), c.told) || (c.told == "") != (told.Len() == 0) {
				t.Errorf("got %q, %q and the message %q, want %q and %q", way, jars, &told, c.way, c.told)
			}
			if (err != nil) != (c.fault != "") || err != nil && err.Error() != c.fault {
				t.Errorf("got the error %v, want %q", err, c.fault)
			}
		})
	}
}

// clusterSeries is what Graphite has of two nodes and their cluster in three windows: the
// second is without a node, and the first has two snapshots of one node.
func clusterSeries() (series map[string]real.Series, roots []string) {
	roots = []string{namespace + ".lba.haproxy", namespace + ".lbb.haproxy"}
	path := "." + clusterProxies[0] + ".stot"
	return map[string]real.Series{
		roots[0] + path:    {100: 5, 101: 9, 104: 20},
		roots[1] + path:    {101: 3, 102: 30, 105: 4},
		clusterRoot + path: {100: 8, 102: 30, 104: 24},
		clusterRoot + ".haproxystats.NodesReporting": {100: 2, 102: 1, 104: 2},
		clusterRoot + ".haproxystats.NodesMissing":   {100: 0, 102: 1, 104: 0},
	}, roots
}

func TestSumsOfWindows(t *testing.T) {
	path := "." + clusterProxies[0] + ".stot"
	for _, c := range []struct {
		name   string
		change func(series map[string]real.Series, roots []string)
		want   []bool // whether the sums of each window differ
	}{
		{"they agree", func(map[string]real.Series, []string) {}, []bool{false, false, false}},
		{"another sum", func(s map[string]real.Series, _ []string) { s[clusterRoot+path][104] = 25 }, []bool{false, false, true}},
		{"the second snapshot of a node", func(s map[string]real.Series, _ []string) { s[clusterRoot+path][100] = 12 }, []bool{true, false, false}},
		{"no sum", func(s map[string]real.Series, _ []string) { delete(s[clusterRoot+path], 100) }, []bool{true, false, false}},
		{"a sum without nodes", func(s map[string]real.Series, roots []string) {
			delete(s[roots[0]+path], 104)
			delete(s[roots[1]+path], 105)
		}, []bool{false, false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			series, roots := clusterSeries()
			c.change(series, roots)
			var differ, complete []bool
			for _, w := range windows(series, roots) {
				differ = append(differ, len(w.differences(roots)) > 0)
				complete = append(complete, w.complete())
			}
			if !slices.Equal(differ, c.want) {
				t.Errorf("got windows that differ %v, want %v", differ, c.want)
			}
			if want := []bool{true, false, true}; !slices.Equal(complete, want) {
				t.Errorf("got complete windows %v, want %v", complete, want)
			}
		})
	}
}

func TestClusterVerdict(t *testing.T) {
	good, roots := clusterSeries()
	bad, _ := clusterSeries()
	path := "." + clusterProxies[0] + ".stot"
	bad[clusterRoot+path][100] = 9
	// Two windows that are not judged.
	last := []*window{
		{epoch: 106, cluster: &snapshot{}, nodes: []*snapshot{nil, nil}},
		{epoch: 108, cluster: &snapshot{}, nodes: []*snapshot{nil, nil}},
	}
	for _, c := range []struct {
		name    string
		windows []*window
		ok      bool
		want    string
	}{
		{"sums agree", append(windows(good, roots), last...), true, "each of 2 complete windows"},
		{"a sum differs", append(windows(bad, roots), last...), false, clusterRoot + path + " is 9, want 8: " + roots[0] + "=5 " + roots[1] + "=3"},
		{"no window", last, false, "before a window was complete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v clusterVerdict
			v.judge(c.windows, roots)
			if v.ok() != c.ok {
				t.Errorf("got ok %v, want %v", v.ok(), c.ok)
			}
			if got := v.text(); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

func TestClusterPicture(t *testing.T) {
	v := clusterView{
		elapsed: 61 * time.Second, sent: 1234, window: time.Unix(0, 0), reporting: 1, missing: 1, total: 3, complete: 2,
		groups: []proxyGroup{{frontend, "web", []proxyRow{
			{kind: frontend, name: "cluster eu", sessions: 3, requests: 12, errors: -1, bytes: 2000, history: []float64{1, 2}},
			{kind: frontend, name: " lbb", sessions: 3, requests: 12, errors: 0.5, bytes: 2000, history: []float64{1, 2}},
		}}},
	}
	for _, c := range []struct {
		width, height int
		styled        bool
	}{{100, 0, false}, {80, 24, false}, {80, 6, false}, {80, 24, true}} {
		got := render(v, c.width, c.height, c.styled)
		if lines := strings.Split(got, "\n"); c.height > 0 && len(lines) > c.height {
			t.Errorf("%+v: got %d lines", c, len(lines))
		}
		for _, want := range []string{"1:01   1,234 requests sent", "1 node, 1 MISSING", "sums agree in 2 windows", "Ctrl-C"} {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: got %q, want %q in it", c, got, want)
			}
		}
		if strings.Contains(got, "\x1b") != c.styled {
			t.Errorf("%+v: got %q", c, got)
		}
	}
	if got := render(v, 80, 0, false); !strings.Contains(got, "\n web ") || !strings.Contains(got, "\n  lbb ") {
		t.Errorf("got %q, want rows of web and lbb", got)
	}
	v.wrong = 1
	if got, want := render(v, 80, 0, false), "sums DIFFER in 1 of 2 windows"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}
