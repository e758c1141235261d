package receivers

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"haproxystats/test/faults/harness"
	"haproxystats/test/push/posted"
	"haproxystats/test/real"
)

// exported returns the points in the file of the Collector's exporter up to a time, and whether
// there is a later one. The last line may not be complete.
func exported(s *harness.Site, file string, last int64) (all []point, complete bool) {
	s.T.Helper()
	text, err := os.ReadFile(file)
	s.Must(err)
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var m metrics.MetricsData
		s.Must(protojson.Unmarshal(lines.Bytes(), &m))
		for _, p := range pointsOf(m.ResourceMetrics) {
			if p.at > last*1000 {
				complete = true
				continue
			}
			all = append(all, p)
		}
	}
	s.Must(lines.Err())
	return all, complete
}

// byID returns what is said of each point.
func byID(t *testing.T, points []point) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, p := range points {
		if _, twice := all[p.id()]; twice {
			t.Errorf("%s is there twice", p.id())
		}
		all[p.id()] = p.said()
	}
	return all
}

// collected are the metrics of the Collector's receiver for HAProxy, by its documentation: name,
// unit, kind, type of the values, and the fields whose values are the points.
func collected(t *testing.T) (all [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../internal/encode/otlp/testdata/receiver.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		all = append(all, strings.Fields(line))
	}
	if len(all) != 33 {
		t.Fatalf("got %d metrics, want 33", len(all))
	}
	return all
}

// asCollected returns what the Collector's receiver would say of the rows of `show stat`, by its
// documentation: name, unit, kind and value, by row.
func asCollected(t *testing.T, stat []byte) map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(stat, []byte("# ")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, cells := range rows[1:] {
		row := make(map[string]string)
		for i, name := range rows[0] {
			row[name] = cells[i]
		}
		for _, m := range collected(t) {
			for _, field := range m[4:] {
				sum, known := 0.0, true
				for part := range strings.SplitSeq(field, "+") {
					n, err := strconv.ParseFloat(row[part], 64)
					sum, known = sum+n, known && err == nil
				}
				// The average of what was balanced nothing to is not known to us, and we show
				// compression only where it can be.
				if !known || m[1] == "ms" || row["mode"] == "tcp" && strings.HasPrefix(field, "comp_") {
					continue
				}
				code := ""
				if rest, ok := strings.CutPrefix(field, "hrsp_"); ok {
					code = rest
				}
				id := fmt.Sprintf("%s %s %s %s", row["pxname"], row["svname"], m[0], code)
				all[id] = fmt.Sprintf("%s %s %s %v", m[1], m[2], m[3], sum)
			}
		}
	}
	return all
}

// TestCollector: the Collector exports what was posted to it, with all that is said of it; and with
// the names of its receiver for HAProxy what that says of the same rows.
func TestCollector(t *testing.T) {
	program := built(t, "collector")
	s := harness.NewSite(t)
	conf := s.Path("process.conf")
	type collector struct {
		tap  *posted.Tap
		file string
	}
	all := make(map[string]collector)
	settings := settings(s, s.FreeAddress())
	for _, names := range []string{"prometheus", "receiver"} {
		address := s.FreeAddress()
		c := collector{file: s.Path(names + ".json")}
		start(s, address, real.Command{Name: "collector", Path: program, Dir: s.T.TempDir(), Args: []string{address, c.file}})
		var url string
		c.tap, url = tapped(s, "http://"+address)
		all[names] = c
		settings += fmt.Sprintf("[otlp:%[1]s]\nendpoint = %[2]s\nnames = %[1]s\nresource-attributes = team=a b\nmax-bytes = 65536\nparallel = 3\n", names, url)
	}
	s.Must(os.WriteFile(conf, []byte(settings), 0o600))
	epochs, started := feed(s)
	last := epochs[len(epochs)-1]
	process := s.Start(harness.Process, conf)
	for names, c := range all {
		var got []point
		s.Until("all points of "+names, time.Minute, func() bool {
			points, complete := exported(s, c.file, last)
			got = points
			return complete
		})
		sent, _ := received(s, c.tap.Requests(), last)
		want := byID(t, sent)
		if d := cmp.Diff(want, byID(t, got)); d != "" || len(want) < 1000 {
			t.Errorf("%s: %d points: sent -, exported +\n%s", names, len(want), d)
		}
		began := 0
		for _, p := range got {
			if p.start == started*1000 {
				began++
			}
		}
		if began < 100 {
			t.Errorf("%s: %d points have a start time, want more", names, began)
		}
		if names == "receiver" {
			ours := make(map[string]string)
			for _, p := range got {
				// Totals begin with what HAProxy has counted.
				if p.at == epochs[0]*1000 && p.unit != "ms" {
					id := fmt.Sprintf("%s %s %s %s", p.resource["haproxy.proxy_name"], p.resource["haproxy.service_name"], p.name, p.attributes["status_code"])
					kind, _, _ := strings.Cut(p.kind, " ")
					ours[id] = fmt.Sprintf("%s %s %s %v", p.unit, kind, map[bool]string{true: "float64", false: "int64"}[p.double], p.value)
				}
			}
			theirs := asCollected(t, recording(t, snapshots[0], "0")["haproxy.sock_stat"])
			if d := cmp.Diff(theirs, ours); d != "" || len(theirs) < 200 {
				t.Errorf("%d points: the receiver for HAProxy -, ours +\n%s", len(theirs), d)
			}
		}
	}
	process.End(syscall.SIGTERM)
}
