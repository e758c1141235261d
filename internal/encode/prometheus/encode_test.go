package prometheus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/encode/encodetest"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/encode/samples"
	"haproxystats/internal/encode/series"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

// everything selects all series.
func everything() *samples.Selection {
	s := &samples.Selection{ExtraCounters: true}
	for i := range s.Scopes {
		s.Scopes[i] = true
	}
	return s
}

// text returns the text of a batch.
func text(t interface{ Fatal(...any) }, e *Encoder, s *samples.Selection, parts ...samples.Part) ([]byte, samples.Result) {
	var out bytes.Buffer
	result, err := e.Encode(&out, parts, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), result
}

// sample is a decoded sample.
type sample struct {
	name    string
	counter bool
	labels  map[string]string
	value   float64
}

func (s sample) String() string {
	kind := "gauge"
	if s.counter {
		kind = "counter"
	}
	return fmt.Sprintf("%s %s %q %v", kind, s.name, s.labels, s.value)
}

// decode decodes a text with Prometheus' own parser. It fails for a family or a sample that
// is there twice.
func decode(t interface{ Fatalf(string, ...any) }, text []byte) []sample {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var all []sample
	seen := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		if len(f.Metric) == 0 {
			t.Fatalf("%s has no samples", name)
		}
		for _, m := range f.Metric {
			s := sample{name: name, counter: f.GetType() == dto.MetricType_COUNTER, labels: make(map[string]string)}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				s.value = m.Counter.GetValue()
			case dto.MetricType_GAUGE:
				s.value = m.Gauge.GetValue()
			default:
				t.Fatalf("%s is a %v, want a counter or a gauge", name, f.GetType())
			}
			if m.TimestampMs != nil {
				t.Fatalf("%s has a time, want none", name)
			}
			for _, l := range m.Label {
				s.labels[l.GetName()] = encodetest.Original(l.GetValue())
			}
			id := fmt.Sprintf("%s %q", name, s.labels)
			if seen[id] {
				t.Fatalf("two samples of %s", id)
			}
			seen[id] = true
			all = append(all, s)
		}
	}
	if n := strings.Count(string(text), "# TYPE "); n < len(families) {
		t.Fatalf("got %d types, want one for each of %d families", n, len(families))
	}
	return all
}

func wantLabels(s metric.Scope, e metric.Entity) map[string]string {
	switch s {
	case metric.Process:
		return map[string]string{"process": e.Name}
	case metric.Frontend, metric.Backend:
		return map[string]string{"proxy": e.Name}
	case metric.Server:
		return map[string]string{"proxy": e.Parent, "server": e.Name}
	case metric.Listener:
		return map[string]string{"proxy": e.Parent, "listener": e.Name}
	case metric.ServerName:
		return map[string]string{"server": e.Name}
	case metric.StickTable:
		return map[string]string{"type": e.Parent, "name": e.Name}
	case metric.Resolver:
		return map[string]string{"resolver": e.Parent, "nameserver": e.Name}
	case metric.Certificate:
		return map[string]string{"subject": e.Parent, "certificate": e.Name}
	case metric.ServerProcesses:
		return map[string]string{"proxy": e.Parent, "server": e.Name}
	case metric.Socket:
		return map[string]string{"socket": e.Name}
	case metric.Learned:
		return map[string]string{"rows": e.Parent, "field": e.Name}
	}
	return map[string]string{}
}

// TestDecodes: Prometheus' parser gives the values of the batches.
func TestDecodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := New(Options{Labels: []samples.Label{{Name: "env", Value: "a \"b\"\n"}}})
		for range 2 { // the second time meets what the first has left
			var parts []samples.Part
			want := make(map[string]int)
			more := 0 // columns of a scope that have one name
			for i := range rapid.IntRange(0, 3).Draw(t, "parts") {
				b := encodetest.Batch(t)
				node := fmt.Sprint(i)
				parts = append(parts, samples.Part{Batch: b, Labels: []samples.Label{{Name: "node", Value: node}}})
				more += repeated(b)
				encodetest.Entities(b, func(s metric.Scope, n metric.Entity, cells []encodetest.Cell) {
					for _, c := range cells {
						of, known := catalogue.LookupSeries(series.Catalogued(s), c.Name)
						scale := max(c.Scale, 1)
						if c.Scale == 0.001 {
							scale = 0.001
						}
						if known {
							scale = of.Scale
						}
						v := series.Scaled(c.Value.Number(), scale)
						if math.IsInf(v, 0) || isOld(b, s, c.Name) {
							continue
						}
						labels := wantLabels(s, n)
						labels["env"], labels["node"] = "a \"b\"\n", node
						if of.Label != "" {
							labels[of.Label] = of.Value
						}
						want[fmt.Sprintf("%q %.14g", labels, v)]++ // thousandths are written without rounding
					}
				})
				idle(b, func(s metric.Scope, n metric.Entity, column string) {
					labels := wantLabels(s, n)
					if of, _ := catalogue.LookupSeries(series.Catalogued(s), column); of.Label != "" {
						labels[of.Label] = of.Value
					}
					labels["env"], labels["node"] = "a \"b\"\n", node
					want[fmt.Sprintf("%q 0", labels)]++
				})
			}
			out, result := text(t, e, everything(), parts...)
			self := 0
			for _, s := range decode(t, out) {
				if strings.HasPrefix(s.name, "haproxystats_") && len(s.labels) == 2 {
					self++
				}
				id := fmt.Sprintf("%q %.14g", s.labels, s.value)
				if want[id]--; want[id] < 0 {
					t.Fatalf("%v is in no batch", s)
				}
			}
			missing := 0
			for id, n := range want {
				if missing += n; missing > more {
					t.Fatalf("%d samples are missing, such as %s", missing, id)
				}
			}
			if n := len(decode(t, out)); result.Series != n-self {
				t.Fatalf("got %d series, want %d", result.Series, n-self)
			}
		}
	})
}

// idle calls f for each average of what has not been active, which HAProxy shows as 0.
func idle(b *metric.Batch, f func(s metric.Scope, n metric.Entity, column string)) {
	for _, t := range b.Tables {
		for col, c := range t.Columns() {
			for _, row := range t.Rows() {
				if isIdle(t, row, col) {
					f(t.Scope(), t.Entity(row), c.Name)
				}
			}
		}
	}
}

func isIdle(t *metric.Table, row, col int) bool {
	c := t.Columns()[col]
	_, has := t.At(row, col)
	_, known := catalogue.LookupSeries(series.Catalogued(t.Scope()), c.Name)
	return !has && known && c.Combine == metric.MeanOfActive && c.Outputs.ForOthers()
}

// isOld reports whether the batch has the newer spelling of a field in the same scope.
func isOld(b *metric.Batch, s metric.Scope, name string) bool {
	return series.Catalogued(s) == catalogue.Daemon && name == "PoolUsed_MB" &&
		slices.ContainsFunc(b.Tables, func(t *metric.Table) bool { return t.Scope() == s && t.Column("PoolUsed_bytes") >= 0 })
}

// repeated returns how many cells are in columns whose name another table of the scope has,
// too. Only one of them is a series of the exporter.
func repeated(b *metric.Batch) int {
	n := 0
	for i, t := range b.Tables {
		for col, c := range t.Columns() {
			if slices.ContainsFunc(b.Tables, func(o *metric.Table) bool { return o != b.Tables[i] && o.Scope() == t.Scope() && o.Column(c.Name) >= 0 }) {
				for _, row := range t.Rows() {
					if _, ok := t.At(row, col); ok || isIdle(t, row, col) {
						n++
					}
				}
			}
		}
	}
	return n
}

func one(s metric.Scope, c metric.Column) *metric.Batch {
	table := metric.NewBuilder(s, []metric.Column{c})
	row := table.Row(metric.Entity{Parent: "app", Name: "s1"})
	table.Touch(row)
	table.Add(row, 0, 35)
	return &metric.Batch{Epoch: 9, Tables: []*metric.Table{table.Table()}}
}

func TestNames(t *testing.T) {
	counter := metric.Counter
	for _, c := range []struct {
		scope  metric.Scope
		column metric.Column
		want   string
	}{
		{metric.Daemon, metric.Column{Name: "CumConns", Nature: metric.Counter32}, `counter haproxy_process_connections_total map[] 35`},
		{metric.Process, metric.Column{Name: "CumConns", Nature: metric.Counter32}, `counter haproxystats_process_connections_total map["process":"s1"] 35`},
		{metric.Frontend, metric.Column{Name: "hrsp_2xx", Nature: counter}, `counter haproxy_frontend_http_responses_total map["code":"2xx" "proxy":"s1"] 35`},
		{metric.Backend, metric.Column{Name: "rtime", Combine: metric.MeanOfActive, Scale: 0.001}, `gauge haproxy_backend_response_time_average_seconds map["proxy":"s1"] 0.035`},
		{metric.Server, metric.Column{Name: "act", Combine: metric.Mean}, `gauge haproxy_server_active map["proxy":"app" "server":"s1"] 35`},
		{metric.ServerName, metric.Column{Name: "bin", Nature: counter}, `counter haproxystats_server_name_bytes_in_total map["server":"s1"] 35`},
		{metric.Server, metric.Column{Name: "ssl_sess", Nature: counter}, `counter haproxy_server_ssl_sess map["mod":"ssl" "proxy":"app" "server":"s1"] 35`},
		// The exporter's types are kept where they are wrong.
		{metric.Daemon, metric.Column{Name: "PipesUsed", Nature: metric.Gauge}, `counter haproxy_process_pipes_used_total map[] 35`},
		{metric.Daemon, metric.Column{Name: "PatternsAdded", Nature: counter}, `gauge haproxy_process_patterns_added_total map[] 35`},
		{metric.Daemon, metric.Column{Name: "Memmax_MB"}, `gauge haproxy_process_max_memory_bytes map[] 3.670016e+07`},
		// Not in the exporter.
		{metric.Backend, metric.Column{Name: "agg_server_status"}, ``},
		{metric.Daemon, metric.Column{Name: "CumStreams", Nature: counter}, `counter haproxy_process_cum_streams_total map[] 35`},
		{metric.Daemon, metric.Column{Name: "BootTime_ms", Scale: 0.001}, `gauge haproxy_process_boot_time_seconds map[] 0.035`},
		{metric.Frontend, metric.Column{Name: "brand new"}, `gauge haproxy_frontend_brand_new map["proxy":"s1"] 35`},
		{metric.Self, metric.Column{Name: "QueueAge", Unit: "seconds"}, `gauge haproxystats_queue_age_seconds map[] 35`},
		{metric.Self, metric.Column{Name: "QueueLength", Unit: "snapshots"}, `gauge haproxystats_queue_snapshots map[] 35`},
		{metric.Self, metric.Column{Name: "TotalWallClockTime", Unit: "seconds"}, `gauge haproxystats_processing_seconds map["stage":"total"] 35`},
		{metric.Self, metric.Column{Name: "KafkaArchiveSentBytes", Nature: counter}, `counter haproxystats_sink_sent_bytes_total map["sink":"kafka:archive"] 35`},
	} {
		e := New(Options{Options: samples.Options{Own: map[string]samples.Own{"KafkaArchiveSentBytes": {Field: "SentBytes", Sink: "kafka:archive"}}}})
		got := ""
		out, _ := text(t, e, everything(), samples.Part{Batch: one(c.scope, c.column)})
		for _, s := range decode(t, out) {
			got += s.String()
		}
		if got != c.want {
			t.Errorf("%s of %v: got %s, want %s", c.column.Name, c.scope, got, c.want)
		}
	}
}

// TestSeriesOfTheExporter: of a recording, the text has every series of HAProxy's exporter
// of that version that is a number, with its type, in its order.
func TestSeriesOfTheExporter(t *testing.T) {
	// A key, which is not a metric, and what the recorded HAProxy leaves empty.
	const without = "haproxy_process_current_zlib_memory haproxy_process_max_zlib_memory " +
		"haproxy_process_relative_process_id haproxy_server_idle_connections_limit"
	b := encodetest.Recorded(t, "recordings/3.4.0-single/1795335820")
	out, _ := text(t, New(Options{}), everything(), samples.Part{Batch: b})
	counters := make(map[string]bool)
	for _, s := range decode(t, out) {
		counters[s.name] = s.counter
	}
	missing := make(map[string]bool)
	var order []string
	for _, s := range catalogue.AllSeries() {
		if s.Label != "" && s.Label != "code" || s.In == catalogue.Listener || s.Since == "3.5" {
			continue
		}
		counter, ok := counters[s.Name]
		if !ok {
			missing[s.Name] = true
			continue
		}
		if want := s.Type == catalogue.Counter; counter != want {
			t.Errorf("%s: is a counter: got %t, want %t", s.Name, counter, want)
		}
		if !slices.Contains(order, s.Name) {
			order = append(order, s.Name)
		}
	}
	if d := cmp.Diff(strings.Fields(without), slices.Sorted(maps.Keys(missing))); d != "" {
		t.Errorf("missing series: want -, got +\n%s", d)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if name, _, _ = strings.Cut(name, " "); slices.Contains(order, name) {
				got = append(got, name)
			}
		}
	}
	if d := cmp.Diff(order, got); d != "" {
		t.Errorf("order: want -, got +\n%s", d)
	}
}

// count returns the number of samples of HAProxy by what their names begin with.
func count(t *testing.T, out []byte) map[string]int {
	n := make(map[string]int)
	for _, s := range decode(t, out) {
		if words := strings.Split(s.name, "_"); words[0] == "haproxy" {
			n[words[1]]++
		} else {
			n[words[0]]++
		}
	}
	return n
}

func TestSelection(t *testing.T) {
	b := encodetest.OfGoldenFiles(t)
	all, _ := text(t, New(Options{}), everything(), samples.Part{Batch: b})
	n := count(t, all)
	for _, name := range []string{"process", "frontend", "backend", "server", "haproxystats"} {
		if n[name] == 0 {
			t.Fatalf("got no series of %s", name)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*samples.Selection)
		keep   func(sample) bool
	}{
		{"scopes", func(s *samples.Selection) { s.Scopes = [metric.NumScopes]bool{metric.Backend: true} }, func(s sample) bool {
			return strings.HasPrefix(s.name, "haproxy_backend_")
		}},
		{"family", func(s *samples.Selection) {
			s.Family = func(name string) bool { return name == "haproxy_server_weight" }
		}, func(s sample) bool {
			return s.name == "haproxy_server_weight"
		}},
		{"proxy", func(s *samples.Selection) {
			s.Proxy = func(name string) bool { return name == b.Tables[2].Entity(b.Tables[2].Rows()[0]).Name }
		}, func(s sample) bool {
			p, ok := s.labels["proxy"]
			return !ok || p == b.Tables[2].Entity(b.Tables[2].Rows()[0]).Name
		}},
		{"server", func(s *samples.Selection) { s.Server = func(string) bool { return false } }, func(s sample) bool { _, ok := s.labels["server"]; return !ok }},
		{"extra counters", func(s *samples.Selection) { s.ExtraCounters = false }, func(s sample) bool { _, ok := s.labels["mod"]; return !ok }},
	} {
		s := everything()
		c.change(s)
		out, _ := text(t, New(Options{}), s, samples.Part{Batch: b})
		var want, got []string
		for _, s := range decode(t, all) {
			if c.keep(s) {
				want = append(want, s.String())
			}
		}
		for _, s := range decode(t, out) {
			got = append(got, s.String())
		}
		if d := cmp.Diff(want, got); d != "" || len(want) == 0 {
			t.Errorf("%s: %d samples: want -, got +\n%s", c.name, len(want), d)
		}
	}
}

// TestNoMaintenance: servers in maintenance are left out, in all their series, and nothing
// else is.
func TestNoMaintenance(t *testing.T) {
	table := metric.NewBuilder(metric.Server, []metric.Column{stateColumn("status"), {Name: "scur"}})
	for i, state := range []string{"UP", "MAINT", "DOWN"} {
		row := table.Row(metric.Entity{Parent: "app", Name: fmt.Sprint("s", i)})
		table.Touch(row)
		table.Add(row, 0, rankOf(catalogue.Server, "status", state))
		table.Add(row, 1, 7)
	}
	b := &metric.Batch{Tables: []*metric.Table{table.Table()}}
	s := everything()
	s.NoMaintenance = true
	out, _ := text(t, New(Options{}), s, samples.Part{Batch: b})
	got := make(map[string]int)
	for _, s := range decode(t, out) {
		got[s.labels["server"]]++
	}
	if want := map[string]int{"s0": 6, "s2": 6}; !maps.Equal(got, want) {
		t.Errorf("got the servers %v, want %v", got, want)
	}
}

// stateColumn is a column with a state.
func stateColumn(name string) metric.Column {
	return metric.Column{Name: name, Combine: metric.Max, Nature: metric.State, Outputs: metric.ExceptGraphite}
}

func rankOf(in catalogue.Scopes, field, state string) int64 {
	return int64(slices.Index(catalogue.States(in, field), state))
}

// states returns a batch with a listener, two backends, one of which has servers, and texts.
func states() *metric.Batch {
	add := func(b *metric.Builder, e metric.Entity, values ...int64) {
		row := b.Row(e)
		b.Touch(row)
		for col, v := range values {
			if v >= 0 {
				b.Add(row, col, v)
			}
		}
	}
	listeners := metric.NewBuilder(metric.Listener, []metric.Column{stateColumn("status"), {Name: "scur"}})
	add(listeners, metric.Entity{Parent: "www", Name: "sock-1"}, rankOf(catalogue.Listener, "status", "OPEN"), 5)
	backends := metric.NewBuilder(metric.Backend, []metric.Column{stateColumn("status")})
	add(backends, metric.Entity{Name: "app"}, rankOf(catalogue.Backend, "status", "UP"))
	add(backends, metric.Entity{Name: "empty"}, rankOf(catalogue.Backend, "status", "DOWN"))
	servers := metric.NewBuilder(metric.Server, []metric.Column{stateColumn("status"), stateColumn("check_status"), {Name: "scur"}})
	for i, s := range []struct{ state, check string }{{"UP", "L7OK"}, {"DOWN", "L4CON"}, {"UP", ""}} {
		check := int64(-1)
		if s.check != "" {
			check = rankOf(catalogue.Server, "check_status", s.check)
		}
		add(servers, metric.Entity{Parent: "app", Name: fmt.Sprint("s", i)}, rankOf(catalogue.Server, "status", s.state), check, 9)
	}
	return &metric.Batch{
		Tables: []*metric.Table{listeners.Table(), backends.Table(), servers.Table()},
		Texts:  []metric.Text{{Field: "Version", Value: "2.8.1"}, {Field: "Version", Value: "3.0.2"}, {Field: "node", Value: `lb "1"`}},
	}
}

// TestStates: of each state there is a series, of which one is 1, and backends count their
// servers.
func TestStates(t *testing.T) {
	decoded := func(o series.CheckStates) (ones []string, n int) {
		out, result := text(t, New(Options{Options: samples.Options{CheckStates: o}}), everything(), samples.Part{Batch: states()})
		all := decode(t, out)
		if result.Series != len(all) {
			t.Errorf("got %d series, want %d", result.Series, len(all))
		}
		for _, s := range all {
			if s.value > 0 && (s.labels["state"] != "" || s.labels["version"] != "" || s.labels["node"] != "") {
				ones = append(ones, fmt.Sprint(s.name, " ", s.labels["proxy"], s.labels["listener"], s.labels["server"], s.labels["state"], s.labels["version"], s.labels["node"], " ", s.value))
			}
		}
		return ones, len(all)
	}
	got, all := decoded(series.AllStates)
	want := []string{
		"haproxy_backend_agg_check_status appL4CON 1", "haproxy_backend_agg_check_status appL7OK 1",
		"haproxy_backend_agg_server_check_status appDOWN 1", "haproxy_backend_agg_server_check_status appUP 2",
		"haproxy_backend_agg_server_status appDOWN 1", "haproxy_backend_agg_server_status appUP 2",
		"haproxy_backend_status appUP 1", "haproxy_backend_status emptyDOWN 1",
		"haproxy_listener_status wwwsock-1OPEN 1",
		"haproxy_process_build_info 2.8.1 1", "haproxy_process_build_info 3.0.2 1", `haproxy_process_node lb "1" 1`,
		"haproxy_server_check_status apps0L7OK 1", "haproxy_server_check_status apps1L4CON 1",
		"haproxy_server_status apps0UP 1", "haproxy_server_status apps1DOWN 1", "haproxy_server_status apps2UP 1",
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	// 1 listener, 2 backends, 3 servers, numbers, counts of one backend, results of two servers, texts.
	if want := 3 + 2*2 + 3*5 + 4 + 5 + 5 + 16 + 2*16 + 3; all != want {
		t.Errorf("got %d series, want %d", all, want)
	}
	current, n := decoded(series.CurrentState)
	slices.Sort(current)
	if d := cmp.Diff(want, current); d != "" || n != all-2*15 {
		t.Errorf("the present one only: %d series, want %d: want -, got +\n%s", n, all-2*15, d)
	}
	if _, n := decoded(series.NoStates); n != all-2*16 {
		t.Errorf("no results: got %d series, want %d", n, all-2*16)
	}
}

// TestTextsWithLabelsOfTheirOwn: a label can't be there twice.
func TestTextsWithLabelsOfTheirOwn(t *testing.T) {
	out, _ := text(t, New(Options{}), everything(), samples.Part{Batch: states(), Labels: []samples.Label{{Name: "cluster", Value: "eu"}, {Name: "node", Value: "a"}}})
	for _, s := range decode(t, out) {
		if s.name == "haproxy_process_node" {
			t.Errorf("got %v, want none", s)
		}
	}
}

// TestGroupsGoInTheirOrder: listeners go before results, and these before servers.
func TestGroupsGoInTheirOrder(t *testing.T) {
	_, all := text(t, New(Options{}), everything(), samples.Part{Batch: states()})
	for _, c := range []struct {
		most int
		want series.Dropped
	}{
		{all.Series, series.Dropped{}},
		{all.Series - 1, series.Dropped{series.Listeners: 4}},
		{all.Series - 5, series.Dropped{series.Listeners: 4, series.Results: 32}},
		{all.Series - 37, series.Dropped{series.Listeners: 4, series.Results: 32, series.AllServers: 18}},
		{1, series.Dropped{series.Listeners: 4, series.Results: 32, series.AllServers: 18}},
	} {
		out, got := text(t, New(Options{Options: samples.Options{MaxSeries: c.most}}), everything(), samples.Part{Batch: states()})
		if got.Dropped != c.want || got.Series != len(decode(t, out)) {
			t.Errorf("at most %d: got %+v, want %v", c.most, got, c.want)
		}
	}
}

func TestDroppedSaysWhat(t *testing.T) {
	if got, want := (series.Dropped{series.Listeners: 4, series.AllServers: 5}).String(), "listeners: 4, servers: 5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOldParts: of what is old, only what haproxystats says of itself is shown.
func TestOldParts(t *testing.T) {
	b := encodetest.OfGoldenFiles(t)
	out, result := text(t, New(Options{}), everything(), samples.Part{Batch: b, Old: true})
	if n := count(t, out); len(n) != 1 || n["haproxystats"] != 4 || result.Series != 0 {
		t.Errorf("got the series %v, want 4 of haproxystats", n)
	}
}

// TestEmptyValues: with NaN the exporter's series of what HAProxy leaves empty are there.
func TestEmptyValues(t *testing.T) {
	table := metric.NewBuilder(metric.Server, []metric.Column{{Name: "scur"}, {Name: "qlimit"}, {Name: "hrsp_2xx"}, {Name: "check_code"}, {Name: "check_rise"}})
	row := table.Row(metric.Entity{Parent: "app", Name: "s1"})
	table.Touch(row)
	table.Add(row, 0, 7)
	b := &metric.Batch{Tables: []*metric.Table{table.Table()}}
	for nan, want := range map[bool]string{
		false: "gauge haproxy_server_current_sessions 7;",
		true:  "gauge haproxy_server_current_sessions 7;gauge haproxy_server_queue_limit NaN;",
	} {
		out, _ := text(t, New(Options{Options: samples.Options{NaN: nan}}), everything(), samples.Part{Batch: b})
		got := ""
		for _, s := range decode(t, out) {
			s.labels = nil
			got += strings.Replace(s.String(), " map[]", "", 1) + ";"
		}
		if got != want {
			t.Errorf("NaN %t: got %s, want %s", nan, got, want)
		}
	}
}

// TestMaxSeries: whole groups go, in the order of the reasons, until the rest fits, and the
// result counts them.
func TestMaxSeries(t *testing.T) {
	b := encodetest.Recorded(t, "recordings/3.4.0-single/1795335820")
	out, all := text(t, New(Options{}), everything(), samples.Part{Batch: b})
	extra, servers := 0, 0
	for _, s := range decode(t, out) {
		if s.labels["mod"] != "" {
			extra++
		} else if s.labels["server"] != "" {
			servers++
		}
	}
	if extra == 0 || servers == 0 {
		t.Fatalf("got %d extra counters and %d series of servers", extra, servers)
	}
	for _, c := range []struct {
		most int
		want samples.Result
	}{
		{all.Series, samples.Result{Series: all.Series}},
		{all.Series - 1, samples.Result{Series: all.Series - extra, Dropped: series.Dropped{series.ExtraCounters: extra}}},
		{all.Series - extra, samples.Result{Series: all.Series - extra, Dropped: series.Dropped{series.ExtraCounters: extra}}},
		{1, samples.Result{Series: all.Series - extra - servers, Dropped: series.Dropped{series.ExtraCounters: extra}}},
	} {
		out, got := text(t, New(Options{Options: samples.Options{MaxSeries: c.most}}), everything(), samples.Part{Batch: b})
		if c.most == 1 { // servers have extra counters, too
			c.want.Dropped[series.AllServers] = servers
		}
		if got != c.want {
			t.Errorf("at most %d: got %+v, want %+v", c.most, got, c.want)
		}
		if n := len(decode(t, out)); n != got.Series {
			t.Errorf("at most %d: got %d samples, want %d", c.most, n, got.Series)
		}
	}
}

// TestOwnFamilies: families beside the batches know the result, and obey the selection.
func TestOwnFamilies(t *testing.T) {
	e := New(Options{Labels: []samples.Label{{Name: "env", Value: "x"}}})
	own := func(r samples.Result) []Family {
		return []Family{
			{Name: "a", Help: "A \\ \"b\"\nc", Samples: []Sample{{Value: float64(r.Series)}, {Labels: []samples.Label{{Name: "x", Value: "y"}}, Value: 0.5}}},
			{Name: "b", Counter: true, Samples: []Sample{{Value: 1}}},
			{Name: "none"},
		}
	}
	var out bytes.Buffer
	s := everything()
	if _, err := e.Encode(&out, []samples.Part{{Batch: one(metric.Backend, metric.Column{Name: "scur"})}}, s, own); err != nil {
		t.Fatal(err)
	}
	want := `# TYPE haproxy_backend_current_sessions gauge
haproxy_backend_current_sessions{proxy="s1",env="x"} 35
# HELP a A \\ "b"\nc
# TYPE a gauge
a{env="x"} 1
a{x="y",env="x"} 0.5
# TYPE b counter
b{env="x"} 1
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	out.Reset()
	s.Family = func(name string) bool { return name == "b" }
	if _, err := e.Encode(&out, nil, s, own); err != nil || !strings.HasPrefix(out.String(), "# TYPE b counter\nb{") {
		t.Errorf("got %q (%v), want b only", out.String(), err)
	}
}

func TestStops(t *testing.T) {
	stop := errors.New("stop")
	_, err := New(Options{}).Encode(writer(func([]byte) (int, error) { return 0, stop }), []samples.Part{{Batch: encodetest.OfGoldenFiles(t)}}, everything(), nil)
	if err != stop {
		t.Errorf("got the error %v, want %v", err, stop)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestPieces: the text leaves in pieces.
func TestPieces(t *testing.T) {
	largest, n := 0, 0
	w := writer(func(p []byte) (int, error) { largest, n = max(largest, len(p)), n+1; return len(p), nil })
	if _, err := New(Options{}).Encode(w, []samples.Part{{Batch: sinktest.Load(20, 20, 2000, 4)}}, everything(), nil); err != nil {
		t.Fatal(err)
	}
	if largest > 2*pieceSize || n < 10 {
		t.Errorf("got %d pieces of at most %d bytes, want many of at most %d", n, largest, 2*pieceSize)
	}
}

func TestAllocations(t *testing.T) {
	e, s := New(Options{}), everything()
	parts := []samples.Part{{Batch: sinktest.Load(20, 20, 1000, 4)}}
	got := testing.AllocsPerRun(5, func() {
		if _, err := e.Encode(io.Discard, parts, s, nil); err != nil {
			t.Fatal(err)
		}
	})
	if got > 20 {
		t.Errorf("got %v allocations for a batch of 1,040 rows, want at most 20", got)
	}
}

func TestGolden(t *testing.T) {
	out, _ := text(t, New(Options{Labels: []samples.Label{{Name: "env", Value: "test"}}}), everything(), samples.Part{Batch: encodetest.OfGoldenFiles(t)})
	decode(t, out)
	encodetest.Golden(t, "prometheus", out)
}

func FuzzNames(f *testing.F) {
	for _, name := range encodetest.Hard {
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, name, column string) {
		table := metric.NewBuilder(metric.Server, []metric.Column{{Name: column, Help: name}})
		row := table.Row(metric.Entity{Parent: name, Name: column})
		table.Touch(row)
		table.Add(row, 0, 7)
		out, _ := text(t, New(Options{Labels: []samples.Label{{Name: "env", Value: name}}}), everything(), samples.Part{Batch: &metric.Batch{Tables: []*metric.Table{table.Table()}}})
		for _, s := range decode(t, out) {
			want := map[string]string{"proxy": name, "server": column, "env": name}
			if of, ok := catalogue.LookupSeries(catalogue.Server, column); ok && of.Label != "" {
				want[of.Label] = of.Value
			}
			if !maps.Equal(s.labels, want) {
				t.Errorf("got the labels %q, want %q", s.labels, want)
			}
		}
	})
}

func BenchmarkEncoder(b *testing.B) {
	for name, batch := range sinktest.Sizes() {
		b.Run(name, func(b *testing.B) {
			e, s := New(Options{}), everything()
			parts := []samples.Part{{Batch: batch}}
			result, err := e.Encode(io.Discard, parts, s, nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Encode(io.Discard, parts, s, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(result.Series)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
		})
	}
}

// BenchmarkRatio measures the time for a batch of 20,000 servers as a multiple of the time
// that Graphite's lines of it take, in turns.
func BenchmarkRatio(b *testing.B) {
	batch := sinktest.Load(500, 1000, 20000, 8)
	e, s, parts := New(Options{}), everything(), []samples.Part{{Batch: batch}}
	lines := plaintext.New(plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"})
	var ours, theirs time.Duration
	for b.Loop() {
		begun := time.Now()
		_, _ = e.Encode(io.Discard, parts, s, nil)
		between := time.Now()
		_, _ = lines.Encode(io.Discard, batch)
		ours, theirs = ours+between.Sub(begun), theirs+time.Since(between)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}
