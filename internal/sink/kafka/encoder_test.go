package kafka

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/sinktest"
)

var testPaths = plaintext.Paths{Namespace: "loadbalancers", Hostname: "lb1"}

// plain returns Graphite's lines of a batch.
func plain(t testing.TB, b *metric.Batch) string {
	t.Helper()
	var lines bytes.Buffer
	if _, err := plaintext.New(testPaths).Encode(&lines, b); err != nil {
		t.Fatal(err)
	}
	return lines.String()
}

// encodeAll returns the records of a batch.
func encodeAll(t testing.TB, o Options, b *metric.Batch) []record {
	t.Helper()
	var out bytes.Buffer
	metrics, _, err := o.encoder(nil).Encode(&out, b)
	if err != nil {
		t.Fatal(err)
	}
	records, err := read(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, r := range records {
		sum += r.metrics
	}
	if sum != metrics || o.Format == 0 && metrics != int64(b.Points()) {
		t.Errorf("the records have %d metrics, the encoder %d, the batch %d", sum, metrics, b.Points())
	}
	return records
}

func values(records []record) string {
	var all strings.Builder
	for _, r := range records {
		all.Write(r.value)
	}
	return all.String()
}

// TestLinesAreCut: the records together are what Graphite gets, whatever their size.
func TestLinesAreCut(t *testing.T) {
	for name, batch := range sinktest.Sizes() {
		want := plain(t, batch)
		for _, most := range []int{100, 1000, 65536, 1 << 20} {
			o := Options{Topic: "metrics", Key: KeyHost, Hostname: "lb1", Paths: testPaths, MaxRecordBytes: most}
			records := encodeAll(t, o, batch)
			if got := values(records); got != want {
				t.Errorf("%s, %d bytes a record: got %d bytes of lines, want the %d of Graphite", name, most, len(got), len(want))
			}
			for i, r := range records {
				if !bytes.HasSuffix(r.value, newline) || len(r.value) > most && bytes.Count(r.value, newline) > 1 {
					t.Fatalf("%s: record %d has %d bytes and does not end a line, or more than %d", name, i, len(r.value), most)
				}
			}
			if least := (len(want) + most - 1) / most; most >= 1000 && len(records) > 2*least+1 {
				t.Errorf("%s, %d bytes a record: got %d records, want about %d", name, most, len(records), least)
			}
		}
	}
}

func TestEnvelope(t *testing.T) {
	b := sinktest.Batch(1000)
	lines := strings.SplitAfter(plain(t, b), "\n")
	lines = lines[:len(lines)-1]
	t.Run("a line a record", func(t *testing.T) {
		records := encodeAll(t, Options{Topic: "m", Key: KeyNone, Hostname: "lb1", Paths: testPaths, MaxRecordBytes: 65536, Single: true}, b)
		if len(records) != len(lines) {
			t.Fatalf("got %d records, want %d", len(records), len(lines))
		}
		for i, r := range records {
			if string(r.value)+"\n" != lines[i] || r.key != nil || r.metrics != 1 {
				t.Fatalf("got %+v, want the line %q without a key", r, lines[i])
			}
		}
	})
	t.Run("topics of scopes", func(t *testing.T) {
		o := Options{Topic: "ha.{cluster}.{host}.{scope}", Key: KeyHost, Hostname: "lb1.example.com", Paths: testPaths, MaxRecordBytes: 65536}
		records := encodeAll(t, o, b)
		if got := values(records); got != strings.Join(lines, "") {
			t.Errorf("got %d bytes of lines, want %d", len(got), len(strings.Join(lines, "")))
		}
		var topics []string
		for _, r := range records {
			topics = append(topics, r.topic)
			if string(r.key) != "lb1" || r.host != "lb1" || r.epoch != 1000 || r.format != Graphite {
				t.Errorf("got %+v, want key and host lb1, time 1000", r)
			}
		}
		want := o.Topics()
		if !slices.Equal(topics, want) || want[0] != "ha.none.lb1.daemon" || len(want) != metric.NumScopes {
			t.Errorf("got topics %q, want %q", topics, want)
		}
	})
	t.Run("a node's own name", func(t *testing.T) {
		named := *b
		named.Node, named.Cluster = "lb2.example.com", "edge"
		o := Options{Topic: "{host}", Key: KeyHost, Hostname: "lb1", FQDN: true, Paths: testPaths, MaxRecordBytes: 65536}
		for _, r := range encodeAll(t, o, &named) {
			if r.topic != "lb2.example.com" || string(r.key) != "lb2.example.com" || r.cluster != "edge" {
				t.Errorf("got %+v, want the node's name and cluster", r)
			}
		}
	})
}

// TestFormats has one record for each entity or metric, with keys of proxies.
func TestFormats(t *testing.T) {
	b := sinktest.Batch(1000)
	entities := 0
	for _, table := range b.Tables {
		entities += len(table.Rows())
	}
	for format, want := range map[Format]int{JSON: entities, JSONMetric: b.Points(), Influx: entities} {
		records := encodeAll(t, Options{Topic: "{scope}", Key: KeyProxy, Format: format, Hostname: "lb1"}, b)
		if len(records) != want {
			t.Errorf("%v: got %d records, want %d", format, len(records), want)
		}
		keys := make(map[string]bool)
		for _, r := range records {
			keys[r.topic+" "+string(r.key)] = true
			if r.format != format || !strings.Contains(string(r.value), "lb1") {
				t.Fatalf("%v: got %+v", format, r)
			}
		}
		for _, key := range []string{"daemon lb1", "frontend lb1/name0", "backend lb1/name2", "server lb1/backend"} {
			if !keys[key] {
				t.Errorf("%v: no record has the topic and key %q: %v", format, key, keys)
			}
		}
	}
}

// TestOTLP counts the data points of its records.
func TestOTLP(t *testing.T) {
	b := sinktest.Batch(1000)
	metrics := int64(0)
	for _, r := range encodeAll(t, Options{Topic: "m", Key: KeyHost, Format: OTLP, Hostname: "lb1", MaxRecordBytes: 2000}, b) {
		metrics += r.metrics
		if r.metrics == 0 || len(r.value) > 2000 || string(r.key) != "lb1" {
			t.Errorf("got a record of %d metrics, %d bytes, key %q", r.metrics, len(r.value), r.key)
		}
	}
	if want := int64(b.Points()); metrics != want {
		t.Errorf("got %d metrics, want %d", metrics, want)
	}
}

// TestEncoderEndsWithItsWriter: an error of the writer is the encoder's.
func TestEncoderEndsWithItsWriter(t *testing.T) {
	o := Options{Topic: "m", Key: KeyHost, Hostname: "lb1", Paths: testPaths, MaxRecordBytes: 65536}
	want := errors.New("disk full")
	for room := range 300 {
		w := &narrow{room: room, err: want}
		if _, _, err := o.encoder(nil).Encode(w, sinktest.Batch(1000)); !errors.Is(err, want) {
			t.Fatalf("with room for %d bytes: got %v, want %v", room, err, want)
		}
	}
}

// narrow takes some bytes.
type narrow struct {
	room int
	err  error
}

func (b *narrow) Write(p []byte) (int, error) {
	if b.room -= len(p); b.room < 0 {
		return 0, b.err
	}
	return len(p), nil
}

func TestTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"haproxy.metrics":        "",
		"a_b-C.{host}":           "",
		"{cluster}-{scope}":      "",
		"":                       "is empty",
		"a b":                    `" "`,
		"a/{host}":               `"/"`,
		"{hosts}":                `"{hosts}" is not a placeholder`,
		"a{":                     `"{" is not a placeholder`,
		"a}":                     `"}" is not a placeholder`,
		"é":                      "can't be part of a topic's name",
		".":                      "is not a name",
		"..":                     "is not a name",
		strings.Repeat("t", 249): "",
		strings.Repeat("t", 250): "longer than 249 bytes",
	} {
		err := Template(text).Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if got, want := Template("x.{host}.{cluster}").name("lb1/ä", "", metric.Daemon), "x.lb1__.none"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkEncoder(b *testing.B) {
	for name, batch := range sinktest.Sizes() {
		b.Run(name, func(b *testing.B) {
			e := Options{Topic: "m", Key: KeyHost, Hostname: "lb1", Paths: testPaths, MaxRecordBytes: 65536}.encoder(nil)
			b.ReportAllocs()
			for b.Loop() {
				d := newDecoder(func(*record) error { return nil })
				if _, _, err := e.Encode(d, batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
