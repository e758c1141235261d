package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"haproxystats/internal/encode"
	"haproxystats/internal/encode/influx"
	jsonencoder "haproxystats/internal/encode/json"
	"haproxystats/internal/metric"
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/sinktest"
	"haproxystats/test/real"
)

// when is the time of the batches that other programs read.
const when = 1795312800

// run runs a program and returns what it writes.
func run(t *testing.T, input []byte, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var failure strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(path), err, failure.String())
	}
	return string(out)
}

// python prints all records of the topics.
const python = `
import sys, kafka
for topic in sys.argv[2:]:
    c = kafka.KafkaConsumer(bootstrap_servers=sys.argv[1], consumer_timeout_ms=60000, enable_auto_commit=False)
    p = kafka.TopicPartition(topic, 0)
    c.assign([p])
    c.seek_to_beginning(p)
    end = c.end_offsets([p])[p]
    for r in c:
        headers = ",".join(k + "=" + v.decode() for k, v in r.headers)
        sys.stdout.write("%s\t%s\t%s\n%s" % (r.key.decode(), r.timestamp, headers, r.value.decode()))
        if r.offset + 1 == end:
            break
    c.close()
`

// TestCodecs has clients that share no code with ours read each codec, with keys, headers
// and times.
func TestCodecs(t *testing.T) {
	k := broker(t)
	codecs := []sinkkafka.Compression{
		sinkkafka.CompressNone, sinkkafka.CompressGzip, sinkkafka.CompressSnappy, sinkkafka.CompressLZ4, sinkkafka.CompressZstd,
	}
	const headers = "content-type=text/plain; charset=utf-8,format=graphite,version=1,host=lb1"
	var topics []string
	var wanted strings.Builder
	for i, codec := range codecs {
		topic := createTopic(t, k, 1, 1, nil)
		s := openSink(t, k, topic, func(o *sinkkafka.Options) { o.Compression = codec })
		epoch := when + int64(i)
		deliver(t, s, sinktest.Batch(epoch))
		drained(t, s, 1)
		want := fmt.Sprintf("lb1\t%d\t%s\n%s", epoch*1000, headers, lines(t, epoch))
		if got := run(t, nil, real.Need(t, "kcat"), "-C", "-b", k.Addr, "-t", topic, "-e", "-q", "-f", `%k\t%T\t%h\n%s`); got != want {
			t.Errorf("%s: kcat read %q, want %q", codec, got, want)
		}
		topics = append(topics, topic)
		wanted.WriteString(want)
	}
	if got, want := run(t, nil, real.Need(t, "python3-kafka"), append([]string{"-c", python, k.Addr}, topics...)...), wanted.String(); got != want {
		t.Errorf("python3-kafka read %q, want %q", got, want)
	}
	got, err := k.Consume(t.Context(), strings.Join(quoted(topics), "|"), len(codecs))
	if err != nil {
		t.Fatal(err)
	}
	for i := range codecs {
		want := "content-type:text/plain; charset=utf-8,format:graphite,version:1,host:lb1\tlb1\t" + lines(t, when+int64(i))
		if !strings.Contains(got, want) {
			t.Errorf("%s: the console consumer read %q, want it to contain %q", codecs[i], got, want)
		}
	}
}

func quoted(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, regexp.QuoteMeta(text))
	}
	return all
}

// produced delivers a batch in a format to a topic of its own.
func produced(t *testing.T, k *real.Kafka, change func(*sinkkafka.Options)) (topic string) {
	t.Helper()
	topic = createTopic(t, k, 1, 1, nil)
	s := openSink(t, k, topic, change)
	deliver(t, s, sinktest.Batch(when))
	drained(t, s, 1)
	return topic
}

// TestConnect has Kafka Connect read each object, and go on after a record that is none.
func TestConnect(t *testing.T) {
	k := broker(t)
	jars := real.Need(t, "kafka-3.9")
	topic := createTopic(t, k, 1, 1, nil)
	c := client(t, options(k.Addr))
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("not an object")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s := openSink(t, k, topic, func(o *sinkkafka.Options) { o.Format = sinkkafka.JSON })
	deliver(t, s, sinktest.Batch(when))
	drained(t, s, 1)
	var want []string
	encoder := jsonencoder.New(jsonencoder.Options{Host: encode.Host{Name: "lb1"}})
	err := encoder.Encode(sinktest.Batch(when), func(m encode.Message) error {
		d := json.NewDecoder(bytes.NewReader(m.Value))
		d.UseNumber()
		var object map[string]any
		err := d.Decode(&object)
		want = append(want, asText(object))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	p, err := real.StartConnect(real.ConnectConfig{Jars: jars, Dir: dir, Brokers: []string{k.Addr}, Topic: topic, File: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	got, err := p.AwaitLines(ctx, file, len(want))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range got {
		object := make(map[string]any)
		for member := range strings.SplitSeq(strings.Trim(line, "{}"), ", ") {
			name, value, _ := strings.Cut(member, "=")
			object[name] = value
		}
		got[i] = asText(object)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Connect read %q, want %q", got, want)
	}
	t.Logf("%d objects", len(got))
}

// asText returns the members in order, with numbers spelled in one way.
func asText(object map[string]any) string {
	var members []string
	for name, value := range object {
		text := fmt.Sprint(value)
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			text = fmt.Sprint(f)
		}
		members = append(members, name+"="+text)
	}
	slices.Sort(members)
	return strings.Join(members, ", ")
}

// TestGraphiteLines: a consumer that splits records by newlines, as telegraf's does, gets
// lines with a path, a value and a time only.
func TestGraphiteLines(t *testing.T) {
	k := broker(t)
	for _, single := range []bool{false, true} {
		topic := produced(t, k, func(o *sinkkafka.Options) { o.Single, o.MaxRecordBytes = single, 500 })
		var got strings.Builder
		records := consume(t, k, topic)
		for _, r := range records {
			for line := range strings.SplitSeq(strings.TrimSuffix(string(r.Value), "\n"), "\n") {
				fields := strings.Fields(line)
				if len(fields) != 3 || fields[2] != strconv.Itoa(when) {
					t.Fatalf("got the line %q, want a path, a value and the time %d", line, when)
				}
				if _, err := strconv.ParseFloat(fields[1], 64); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(&got, line)
			}
		}
		want := lines(t, when)
		if got.String() != want {
			t.Errorf("got %q, want %q", got.String(), want)
		}
		if n := strings.Count(want, "\n"); single != (len(records) == n) || len(records) < 2 {
			t.Errorf("got %d records of %d lines, a line each: %t", len(records), n, single)
		}
	}
}

// TestInfluxLines: InfluxData's parser, which is telegraf's, reads each record.
func TestInfluxLines(t *testing.T) {
	k := broker(t)
	topic := produced(t, k, func(o *sinkkafka.Options) { o.Format = sinkkafka.Influx })
	var got, want []string
	for _, r := range consume(t, k, topic) {
		got = append(got, influxFields(t, r.Value)...)
	}
	encoder := influx.New(influx.Options{Host: encode.Host{Name: "lb1"}})
	points := 0
	err := encoder.Encode(sinktest.Batch(when), func(m encode.Message) error {
		want = append(want, influxFields(t, m.Value)...)
		points += m.Metrics
		return nil
	})
	if err != nil || !slices.Equal(got, want) || len(got) != points {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// influxFields returns the fields of a line, each with its measurement, tags and time.
func influxFields(t *testing.T, line []byte) []string {
	t.Helper()
	d := lineprotocol.NewDecoderWithBytes(line)
	var fields []string
	for d.Next() {
		of, err := d.Measurement()
		if err != nil {
			t.Fatal(err)
		}
		head := string(of)
		for key, value, err := d.NextTag(); key != nil || err != nil; key, value, err = d.NextTag() {
			if err != nil {
				t.Fatal(err)
			}
			head += fmt.Sprintf(" %s=%s", key, value)
		}
		var some []string
		for key, value, err := d.NextField(); key != nil || err != nil; key, value, err = d.NextField() {
			if err != nil {
				t.Fatal(err)
			}
			some = append(some, fmt.Sprintf("%s %s=%v", head, key, value))
		}
		at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
		if err != nil || at.Unix() != when {
			t.Fatalf("got the time %v, %v; want %d", at, err, when)
		}
		fields = append(fields, some...)
	}
	return fields
}

// TestOpenTelemetry has the OpenTelemetry Collector's decoder read our messages, and
// compares what it says with the types that are generated from the definitions.
func TestOpenTelemetry(t *testing.T) {
	k := broker(t)
	program := filepath.Join(t.TempDir(), "otlp")
	run(t, nil, "go", "-C", "otlp", "build", "-o", program, ".")
	topic := produced(t, k, func(o *sinkkafka.Options) { o.Format, o.MaxRecordBytes = sinkkafka.OTLP, 2000 })
	var input []byte
	var want strings.Builder
	records := consume(t, k, topic)
	for _, r := range records {
		input = append(binary.LittleEndian.AppendUint32(input, uint32(len(r.Value))), r.Value...)
		dataPoints(t, &want, r.Value)
	}
	if len(records) < 2 || want.Len() == 0 {
		t.Fatalf("got %d records with the points %q, want several", len(records), want.String())
	}
	if got := run(t, input, program); got != want.String() {
		t.Errorf("the collector read %s, want %s", got, want.String())
	}
	t.Logf("%d data points in %d records", strings.Count(want.String(), "\n"), len(records))
}

// dataPoints writes the points of a message as the program in otlp does.
func dataPoints(t *testing.T, w *strings.Builder, message []byte) {
	t.Helper()
	var request collector.ExportMetricsServiceRequest
	if err := proto.Unmarshal(message, &request); err != nil {
		t.Fatal(err)
	}
	for _, resource := range request.ResourceMetrics {
		of := attributes(resource.Resource.Attributes)
		for _, scope := range resource.ScopeMetrics {
			for _, m := range scope.Metrics {
				points, kind := m.GetGauge().GetDataPoints(), "Gauge"
				if m.GetSum() != nil {
					points, kind = m.GetSum().DataPoints, "Sum"
				}
				for _, p := range points {
					value := fmt.Sprint(p.GetAsDouble())
					if _, ok := p.Value.(*metrics.NumberDataPoint_AsInt); ok {
						value = fmt.Sprint(p.GetAsInt())
					}
					fmt.Fprintln(w, of, m.Name, kind, attributes(p.Attributes), p.TimeUnixNano, value)
				}
			}
		}
	}
}

func attributes(all []*common.KeyValue) string {
	m := make(map[string]string)
	for _, a := range all {
		m[a.Key] = a.Key + "=" + a.Value.GetStringValue()
	}
	return fmt.Sprintf("%q", slices.Sorted(maps.Values(m)))
}

// TestJSONMetric: each record is an object about one metric.
func TestJSONMetric(t *testing.T) {
	k := broker(t)
	topic := produced(t, k, func(o *sinkkafka.Options) { o.Format, o.Key = sinkkafka.JSONMetric, sinkkafka.KeyProxy })
	b := sinktest.Batch(when)
	records := consume(t, k, topic)
	if got, want := len(records), b.Points(); got != want {
		t.Errorf("got %d records, want %d", got, want)
	}
	for _, r := range records {
		var object struct {
			Timestamp          int64
			Host, Scope, Proxy string
			Metric             string
			Value              *float64
		}
		if err := json.Unmarshal(r.Value, &object); err != nil {
			t.Fatal(err)
		}
		key := "lb1"
		if object.Proxy != "" {
			key += "/" + object.Proxy
		}
		if object.Timestamp != when || object.Host != "lb1" || object.Metric == "" || object.Value == nil || string(r.Key) != key {
			t.Errorf("got the key %s, value %s; want the key %s and one metric of lb1", r.Key, r.Value, key)
		}
		if object.Scope == metric.Server.String() && object.Proxy == "" {
			t.Errorf("got the server %s without its backend", r.Value)
		}
	}
}

// consume returns all records of a topic.
func consume(t *testing.T, k *real.Kafka, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t, options(k.Addr), kgo.ConsumeTopics(topic))
	left := ends(t, c, topic)
	var all []*kgo.Record
	for int64(len(all)) < left {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

// ends returns the number of records that a topic of no transactions ever got.
func ends(t *testing.T, c *kgo.Client, topic string) int64 {
	t.Helper()
	offsets, err := kadm.NewClient(c).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	offsets.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}
