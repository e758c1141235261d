package push

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haproxystats/test/faults/harness"
	"haproxystats/test/push/posted"
	"haproxystats/test/real"
)

// lineReceiver keeps the lines that are posted to it.
type lineReceiver struct {
	mu       sync.Mutex
	got      map[string]posted.InfluxPoint
	requests []string
	wrong    []error
}

func (r *lineReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	var text []byte
	if err == nil {
		text, err = posted.Expand(q.Header, body)
	}
	var lines map[string]posted.InfluxPoint
	if err == nil {
		lines, err = posted.InfluxLines(text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.wrong = append(r.wrong, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.got == nil {
		r.got = make(map[string]posted.InfluxPoint)
	}
	maps.Copy(r.got, lines)
	r.requests = append(r.requests, fmt.Sprintf("%s %s %d", q.URL.RequestURI(), q.Header.Get("Authorization"), len(lines)))
	w.WriteHeader(http.StatusNoContent)
}

// of returns the lines of a measurement.
func (r *lineReceiver) of(measurement string) map[string]posted.InfluxPoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	some := make(map[string]posted.InfluxPoint)
	for id, p := range r.got {
		if strings.HasPrefix(id, measurement+"map[") {
			some[id] = p
		}
	}
	return some
}

// influxStored returns what InfluxDB has of a measurement, as [posted.InfluxLines] does.
func influxStored(t *testing.T, i *real.InfluxDB, measurement string) map[string]posted.InfluxPoint {
	t.Helper()
	types := make(map[string]string)
	keys, err := i.Query(t.Context(), "telegraf", `SHOW FIELD KEYS FROM "`+measurement+`"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range keys {
		for _, row := range s.Values {
			field, kind := row[0].(string), row[1].(string)
			if other, twice := types[field]; twice && other != kind {
				t.Errorf("%s %s has the types %s and %s", measurement, field, other, kind)
			}
			types[field] = kind
		}
	}
	series, err := i.Query(t.Context(), "telegraf", `SELECT * FROM "`+measurement+`" GROUP BY *`)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]posted.InfluxPoint)
	for _, s := range series {
		maps.DeleteFunc(s.Tags, func(_, value string) bool { return value == "" })
		for _, row := range s.Values {
			p := make(posted.InfluxPoint)
			for n, column := range s.Columns {
				if row[n] == nil || column == "time" {
					continue
				}
				p[column] = influxValue(t, types[column], row[n])
			}
			all[fmt.Sprintf("%s%q %v", measurement, s.Tags, row[slices.Index(s.Columns, "time")])] = p
		}
	}
	return all
}

// influxLast returns the number of snapshots whose last line InfluxDB has.
func influxLast(t *testing.T, i *real.InfluxDB) (n int) {
	t.Helper()
	series, err := i.Query(t.Context(), "telegraf", `SELECT QueueLength FROM haproxystats`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range series {
		n += len(s.Values)
	}
	return n
}

// influxValue returns a value of InfluxDB's answer as a field of that type.
func influxValue(t *testing.T, kind string, value any) any {
	t.Helper()
	number, isNumber := value.(json.Number)
	switch {
	case kind == "string":
		return value
	case kind == "integer" && isNumber:
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case kind == "float" && isNumber:
		f, err := number.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Fatalf("got %v of the type %q", value, kind)
	return nil
}

// influxRecordings are fed one after another: fields come and go, and several processes have
// means.
var influxRecordings = []string{"1.6.0-nbproc4", "3.4.0-single", "1.6.0-nbproc4"}

// feedInflux feeds the recordings, and returns their number.
func feedInflux(t *testing.T, s *harness.Site) int {
	t.Helper()
	return len(posted.Feed(s.Feeder(harness.NewSource(harness.Shape{}), s.Incoming()), t, 1_700_000_000, influxRecordings))
}

// TestInflux: InfluxDB and VictoriaMetrics have what was sent, with the same types and values.
func TestInflux(t *testing.T) {
	s := harness.NewSite(t)
	influx, err := real.StartInfluxDB(s.Ctx, real.Need(t, "influxdb"), t.TempDir())
	s.Must(err)
	t.Cleanup(func() { s.Must(influx.Stop()) })
	_, err = influx.Query(s.Ctx, "", "CREATE DATABASE telegraf")
	s.Must(err)
	victoria, err := real.StartVictoriaMetrics(s.Ctx, real.Need(t, "victoria-metrics"), t.TempDir())
	s.Must(err)
	t.Cleanup(func() { s.Must(victoria.Stop()) })
	sent := new(lineReceiver)
	server := httptest.NewServer(sent)
	t.Cleanup(server.Close)
	token := s.Path("token")
	s.Must(os.WriteFile(token, []byte("secret\n"), 0o600))
	conf := s.Path("process.conf")
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[graphite]
enabled = no
[process]
per-process-metrics = yes
aggr-server-metrics = yes
[influx]
url = %s
max-age = 0
max-lines = 20
interval = 0.1
[influx:vm]
url = %s/influx
[influx:copy]
url = %s/a
version = 2
org = o p
bucket = b
token-file = %s
parallel = 4
`, s.Mkdir("base"), influx.URL, victoria.URL, server.URL, token), 0o600))
	rounds := feedInflux(t, s)
	process := s.Start(harness.Process, conf)
	for _, measurement := range []string{"haproxy", "haproxy_process", "haproxystats_process", "haproxystats_server_name"} {
		var want map[string]posted.InfluxPoint
		complete := func() bool {
			want = sent.of(measurement)
			return len(sent.of("haproxystats")) == rounds && influxLast(t, influx) == rounds
		}
		s.Until("all lines", time.Minute, complete)
		if d := cmp.Diff(want, influxStored(t, influx, measurement)); d != "" || len(want) == 0 {
			t.Errorf("%s: sent -, stored +\n%s", measurement, d)
		}
		if d := cmp.Diff(numbers(want), exported(s, victoria, measurement)); d != "" {
			t.Errorf("%s: sent -, in VictoriaMetrics +\n%s", measurement, d)
		}
	}
	for _, r := range sent.requests {
		if !strings.HasPrefix(r, "/a/api/v2/write?bucket=b&org=o+p&precision=s Token secret ") {
			t.Errorf("got the request %s", r)
		}
	}
	if len(sent.wrong) > 0 || process.Says("destination does not take") {
		t.Errorf("wrong: %v", sent.wrong)
	}
	process.End(syscall.SIGTERM)
}

// numbers returns the fields by the series that VictoriaMetrics makes of them, and their time.
// A text is 0 there.
func numbers(lines map[string]posted.InfluxPoint) map[string]float64 {
	all := make(map[string]float64)
	for id, p := range lines {
		name, rest, _ := strings.Cut(id, "map[")
		for field, value := range p {
			switch v := value.(type) {
			case int64:
				all[name+"_"+field+"map["+rest] = float64(v)
			case float64:
				all[name+"_"+field+"map["+rest] = v
			default:
				all[name+"_"+field+"map["+rest] = 0
			}
		}
	}
	return all
}

// exported returns what VictoriaMetrics has of a measurement, as [numbers] does. It may have
// no time yet to show all.
func exported(s *harness.Site, v *real.VictoriaMetrics, measurement string) map[string]float64 {
	s.T.Helper()
	series, err := v.Export(s.Ctx, `{db="telegraf"}`)
	s.Must(err)
	all := make(map[string]float64)
	for _, one := range series {
		name := one.Metric["__name__"]
		field, ok := strings.CutPrefix(name, measurement+"_")
		if !ok || measurement == "haproxy" && strings.HasPrefix(field, "process_") && one.Metric["proxy"] == "" {
			continue
		}
		delete(one.Metric, "__name__")
		delete(one.Metric, "db")
		for n, value := range one.Values {
			all[fmt.Sprintf("%s%q %d", name, one.Metric, one.Timestamps[n]/1000)] = value
		}
	}
	return all
}

// TestInfluxRefuses: a field that another program has written as a float costs the lines with
// it, which are counted, and nothing else.
func TestInfluxRefuses(t *testing.T) {
	s := harness.NewSite(t)
	influx, err := real.StartInfluxDB(s.Ctx, real.Need(t, "influxdb"), t.TempDir())
	s.Must(err)
	t.Cleanup(func() { s.Must(influx.Stop()) })
	conf := s.Path("process.conf")
	s.Must(os.WriteFile(conf, fmt.Appendf(nil, `[paths]
base-dir = %s
[graphite]
enabled = no
[influx]
url = %s
max-age = 0
delay = 0.2
`, s.Mkdir("base"), influx.URL), 0o600))
	rounds := feedInflux(t, s)
	process := s.Start(harness.Process, conf)
	// Without the database all waits.
	process.WaitSays(time.Minute, "destination is down", "database not found")
	_, err = influx.Query(s.Ctx, "", "CREATE DATABASE telegraf")
	s.Must(err)
	answer, err := http.Post(influx.URL+"/write?db=telegraf", "text/plain", strings.NewReader("haproxy,type=server,host=other stot=0.5 1700000005000000000\n"))
	s.Must(err)
	answer.Body.Close()
	process.WaitSays(time.Minute, "destination does not take some metrics", "partial write: field type conflict")
	s.Until("all snapshots", time.Minute, func() bool { return influxLast(t, influx) == rounds })
	// Lines without the field are there.
	if got := influxStored(t, influx, "haproxy_process"); len(got) != rounds {
		t.Errorf("got %d lines of haproxy_process, want %d", len(got), rounds)
	}
	process.End(syscall.SIGTERM)
}
