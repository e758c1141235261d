package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"haproxystats/internal/aggregate"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/haproxy"
	"haproxystats/internal/metric"
)

// TestCreates checks that there is a note, and not a warning: doctor can't know carbon's
// limit.
func TestCreates(t *testing.T) {
	for metrics, want := range map[int64]string{
		200: "", 201: "201 metrics take 5m to appear", 1751: "carbon creates 50 metrics a minute by default, so 1751 metrics take 36m to appear on a new host; raise MAX_CREATES_PER_MINUTE in carbon.conf",
	} {
		var got []Finding
		for _, f := range Amount(Volume{Metrics: metrics, MetricBytes: 1, Interval: time.Second}) {
			if f.Check == "creates" {
				got = append(got, f)
			}
		}
		switch {
		case want == "" && len(got) > 0, want != "" && (len(got) != 1 || got[0].Verdict != OK || !strings.Contains(got[0].Text, want)):
			t.Errorf("%d metrics: got %v, want %q", metrics, got, want)
		}
	}
}

func TestAmount(t *testing.T) {
	base := Volume{Metrics: 1000, MetricBytes: 70_000, Interval: 10 * time.Second, QueueMetrics: 1_000_000, QueueBytes: 1 << 30, QueueSnapshots: 360}
	for _, test := range []struct {
		name         string
		change       func(*Volume)
		verdict      Verdict
		text, remedy string
	}{
		{"by metrics", func(*Volume) {}, OK, "an outage of 2h46m40s (queue-size = 1000000)", ""},
		{"by bytes", func(v *Volume) { v.QueueBytes = 7_000_000 }, OK, "an outage of 16m40s (queue-max-bytes = 7000000)", ""},
		{"no bounds", func(v *Volume) { v.QueueBytes, v.QueueMetrics = 0, 0 }, OK, "no bound but the disk", ""},
		{"bytes alone", func(v *Volume) { v.QueueMetrics = 0 }, OK, "(queue-max-bytes = 1073741824)", ""},
		{"short", func(v *Volume) { v.QueueMetrics = 10_000 }, Warning, "an outage of only 1m40s (queue-size = 10000)", "Raise it"},
		{"not one", func(v *Volume) { v.QueueMetrics = 999 }, Error, "no room for one snapshot: queue-size = 999", "Raise it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := base
			test.change(&v)
			found := Amount(v)
			check(t, found[0], OK, "Graphite 1000 metrics and 68.4 KiB, besides those of haproxystats itself, every 10s", "")
			check(t, found[1], OK, "1000 metrics take 20m to appear", "")
			check(t, found[2], test.verdict, test.text, test.remedy)
			check(t, found[3], OK, "the spool covers 1h while it does not run", "")
		})
	}
	elsewhere := base
	elsewhere.WithoutGraphite = true
	if found := Amount(elsewhere); len(found) != 2 || strings.Contains(found[0].Text, "carbon") {
		t.Errorf("without Graphite: got %v, want the amount and the room of the spool", found)
	} else {
		check(t, found[0], OK, "1000 metrics, besides those of haproxystats itself, every 10s; nothing is sent to Graphite", "")
	}
	base.QueueSnapshots = 6
	check(t, Amount(base)[3], Warning, "covers only 1m", "Raise it")
	check(t, Amount(Volume{})[0], Error, "no metric", "exclude-frontends")
}

func TestGuard(t *testing.T) {
	for _, test := range []struct {
		name         string
		counted, max int64
		tables       bool
		verdict      Verdict
		text, remedy string
	}{
		{"few metrics", 299_999, 0, false, OK, "", ""},
		{"many metrics", 300_000, 0, false, Warning, "has 300000 metrics, and nothing bounds them", "Set max-metrics in [process], for example to 600000"},
		{"many metrics for the centre", 300_000, 0, true, OK, "", ""},
		{"room", 300_000, 300_000, false, OK, "all 300000 metrics are sent (max-metrics = 300000)", ""},
		{"no room", 101, 100, false, Warning, "has 101 metrics, and max-metrics = 100: groups of metrics are left out", "Raise max-metrics"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := Volume{Metrics: 1, MetricBytes: 1, Interval: time.Hour, QueueSnapshots: 360, Counted: test.counted, MaxMetrics: test.max, ForwardsTables: test.tables}
			var found []Finding
			for _, f := range Amount(v) {
				if f.Subject == "max-metrics" {
					found = append(found, f)
				}
			}
			if test.text == "" {
				if len(found) > 0 {
					t.Errorf("got %v, want no finding", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("got %v, want one finding", found)
			}
			check(t, found[0], test.verdict, test.text, test.remedy)
		})
	}
}

func TestNamesAndReplies(t *testing.T) {
	check(t, Names(plaintext.Result{})[0], OK, "no two names", "")
	met := plaintext.Result{Met: []plaintext.Meeting{{Scope: metric.Backend, First: "a.b", Next: "a_b"}}}
	check(t, Names(met)[0], Warning, "the backends a.b and a_b map to one path", "Rename")
	check(t, Repeated([]aggregate.Repeated{{Scope: metric.Server, Name: "b/s"}})[0], Warning, "two servers are named b/s", "Rename")
	long := plaintext.Result{Skipped: 7, Longest: strings.Repeat("x", 256), Limit: 191}
	check(t, Names(long)[0], Warning, "7 metrics are left out, because Graphite can't store their paths: the longest name has 256 bytes, the limit is 191", "Shorten")
	if found := BadReplies(0, nil); len(found) != 0 {
		t.Error(found)
	}
	found := BadReplies(3, []string{"a_stat: no data in it"})
	check(t, found[0], Warning, "a_stat: no data in it", "socat")
	check(t, found[1], Warning, "3 rows can't be used", "Report it")
}

func TestAnswer(t *testing.T) {
	r := Reply{Socket: "a.sock", Took: 40 * time.Millisecond, Limit: 2 * time.Second, Bytes: 3 << 20}
	check(t, Answer(r), OK, "it has answered 3 MiB in 40ms", "")
	r.Took = 1500 * time.Millisecond
	check(t, Answer(r), Warning, "more than half of pull-timeout, 2s", "Raise pull-timeout")
	r.Took = 3 * time.Second
	check(t, Answer(r), Error, "longer than pull-timeout, 2s", "Raise pull-timeout, and pull-interval")
	r.Limit = 0
	check(t, Answer(r), OK, "in 3s", "")
	r.Err = &haproxy.SocketError{Op: "read show info from", Socket: "a.sock", Err: haproxy.ErrTimeout, Hint: "0 bytes have arrived"}
	check(t, Answer(r), Error, "read show info: time-out", "stats maxconn")
	r.Err = &haproxy.SocketError{Op: "connect", Socket: "a.sock", Err: errors.New("connection refused"), Hint: "Check that HAProxy runs"}
	check(t, Answer(r), Error, "connect: connection refused", "Check that HAProxy runs")
}

func TestLevelFinding(t *testing.T) {
	check(t, Level("a", haproxy.LevelUser, nil), OK, "which is enough", "")
	check(t, Level("a", haproxy.LevelOperator, nil), Warning, "clear counters", "Set `level user`")
	check(t, Level("a", haproxy.LevelAdmin, nil), Warning, "change servers", "`level user`")
	check(t, Level("a", "", haproxy.ErrLevel), Skipped, "not known: the socket does not tell", "")
}
