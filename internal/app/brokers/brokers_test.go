package brokers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"haproxystats/internal/app"
	"haproxystats/internal/config"
	"haproxystats/internal/encode/plaintext"
	"haproxystats/internal/kafka"
	"haproxystats/internal/kafka/wire"
	"haproxystats/internal/metric"
	"haproxystats/internal/sink/forward"
	sinkkafka "haproxystats/internal/sink/kafka"
	"haproxystats/internal/sink/outbox"
	"haproxystats/internal/tlsfile"
)

// load reads a configuration, and makes the checks of files.
func load(t *testing.T, text string) (*config.Loaded, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.ForProcess, config.Files{File: file, Required: true}, New(config.ForProcess).Check)
}

func TestConnection(t *testing.T) {
	loaded, err := load(t, `
[kafka]
brokers = a, b:1
[kafka:west]
client-id = c
rack = r
tls = true
ca-file = ca
cert-file = cert
key-file = key
server-name = n
sasl-mechanism = plain
sasl-username = u
sasl-password-file = p
connect-timeout = 1
request-timeout = 2
`)
	if err == nil {
		t.Error("got no error of files that are missing")
	}
	for name, want := range map[string]kafka.Options{
		"": {Section: "kafka", Brokers: []string{"a:9092", "b:1"}, ClientID: "haproxystats-process", ConnectTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second},
		"west": {
			Section: "kafka:west", Brokers: []string{"a:9092", "b:1"}, ClientID: "c", Rack: "r",
			TLS:            &tlsfile.Files{CAFile: "ca", CertFile: "cert", KeyFile: "key", ServerName: "n"},
			Login:          &kafka.Login{Mechanism: kafka.Plain, Username: "u", PasswordFile: "p"},
			ConnectTimeout: time.Second, RequestTimeout: 2 * time.Second,
		},
	} {
		k, _ := loaded.Config.Kafkas.Get(name)
		got := Connection(k.KafkaConnection, config.KafkaSection(name), config.ForProcess, nil)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(kafka.Options{}, "Dial", "Log")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

// TestBounds: options take what the form of records has room for, and no more.
func TestBounds(t *testing.T) {
	for option, most := range map[string]int{
		"[kafka]\n[forward]\ncluster = eu\nmode = snapshots\nchunk-bytes":        wire.MaxChunk,
		"[kafka]\n[forward]\ncluster = eu\nmode = tables\nshards":                wire.MaxShards,
		"[kafka]\ntopic = haproxy\nmax-batch-bytes = 20000000\nmax-record-bytes": sinkkafka.MaxValue,
	} {
		for value, refused := range map[int]bool{most: false, most + 1: true} {
			_, err := load(t, fmt.Sprintf("%s = %d\n", option, value))
			if (err != nil) != refused {
				t.Errorf("%s = %d: got %v, want an error: %v", option, value, err, refused)
			}
		}
	}
}

// TestSinkOptions: every option of the configuration reaches the sink.
func TestSinkOptions(t *testing.T) {
	loaded, err := load(t, `
[graphite]
group-namespace = grp
group-namespace-double-writes = true
[server-groups]
web = ^web
[kafka]
topic = t.{scope}
[kafka:west]
topic = w
format = influx
lines = single
key = proxy
fqdn = false
acks = leader
idempotent = false
compression = lz4
max-record-bytes = 2000
max-batch-bytes = 3000
linger = 0.5
timestamp = now
create-topic = true
partitions = 3
replication = 2
delivery-timeout = 7
retries = 4
interval = 5
backoff = 6
delay = 8
`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]sinkkafka.Options{
		"": {
			Name: "kafka", Topic: "t.{scope}", Format: sinkkafka.Graphite, Key: sinkkafka.KeyHost, Hostname: "lb.example", FQDN: true,
			Paths:   plaintext.Paths{Namespace: "loadbalancers", ClusterNamespace: "loadbalancers.clusters", Hostname: "lb_example", FQDN: true, GroupNamespace: "grp", DoubleWrites: true},
			Version: "1", Acks: sinkkafka.AcksAll, Idempotent: true, Compression: sinkkafka.CompressZstd,
			MaxRecordBytes: 65536, MaxBatchBytes: 1_000_000, Timely: true, Partitions: 6, Replicas: -1, DeliveryTimeout: 10 * time.Second,
			Pace: outbox.Pace{Retries: 3, Interval: 1800 * time.Millisecond, Backoff: 2, Delay: 10 * time.Second},
		},
		"west": {
			Name: "kafka:west", Topic: "w", Format: sinkkafka.Influx, Key: sinkkafka.KeyProxy, Hostname: "lb.example",
			Paths:  plaintext.Paths{Namespace: "loadbalancers", ClusterNamespace: "loadbalancers.clusters", Hostname: "lb", GroupNamespace: "grp", DoubleWrites: true},
			Single: true, Version: "1", Acks: sinkkafka.AcksLeader, Compression: sinkkafka.CompressLZ4,
			MaxRecordBytes: 2000, MaxBatchBytes: 3000, Linger: time.Second / 2, Create: true, Partitions: 3, Replicas: 2, DeliveryTimeout: 7 * time.Second,
			Pace: outbox.Pace{Retries: 4, Interval: 5 * time.Second, Backoff: 6, Delay: 8 * time.Second},
		},
	} {
		k, _ := loaded.Config.Kafkas.Get(name)
		got := New(config.ForProcess).sinkOptions(k, app.BrokerSink{Name: name, Hostname: "lb.example", Version: "1"})
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(sinkkafka.Options{}, "Connection", "Log", "Queue")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
		if got.Connection.Section != want.Name {
			t.Errorf("%q: got the section %q, want %q", name, got.Connection.Section, want.Name)
		}
	}
}

// TestCheck: files that a connection would refuse are told when the program starts, each
// with its option.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, open, empty := write("good", "secret\n", 0o600), write("open", "secret\n", 0o644), write("empty", "", 0o600)
	login := "[kafka:a]\nsasl-mechanism = scram-sha-512\nsasl-username = u\nsasl-password-file = "
	for name, c := range map[string]struct{ text, want string }{
		"a password":         {login + good, ""},
		"everybody's":        {login + open, ":4: [kafka:a] sasl-password-file = "},
		"an empty one":       {login + empty, "holds no password"},
		"a missing token":    {"[kafka]\ntls = true\nsasl-mechanism = oauthbearer\nsasl-token-file = /none\n", "[kafka] sasl-token-file = \"/none\": no such file"},
		"a certificate":      {"[kafka]\ntls = true\nca-file = " + good + "\n", "[kafka] ca-file = \"" + good + "\": holds no certificate in PEM form"},
		"half a key pair":    {"[kafka]\ntls = true\ncert-file = " + good + "\n", "needs key-file"},
		"no mechanism":       {"[kafka]\nsasl-password-file = /none\n", ""},
		"no password's file": {"[kafka]\nsasl-mechanism = scram-sha-512\nsasl-username = u\n", "needs sasl-password-file"},
	} {
		_, err := load(t, c.text)
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%s: got %v, want no error", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: got %v, want one problem with %q", name, err, c.want)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: got %v, which shows the secret", name, err)
		}
	}
}

// TestForwardOptions: every option of [forward] reaches the sink.
func TestForwardOptions(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want forward.Options
		keep string // of the columns that are asked for
	}{
		"tables": {
			"mode = tables\ncluster = eu\n",
			forward.Options{Topic: "haproxystats.tables", Cluster: "eu", Shards: 1},
			"all",
		},
		"a part of the tables": {
			"mode = tables\ncluster = eu\nnode = lb7\ntopic = t\nshards = 4\nmetric-set = classic\nscopes = daemon, backend\ncreate-topics = true\n",
			forward.Options{Topic: "t", Cluster: "eu", Shards: 4, Create: true},
			"Process Pid, Backend scur, Backend TotalServers",
		},
		"more shards than partitions": {
			"mode = tables\ncluster = eu\nshards = 13\ncreate-topics = true\n",
			forward.Options{Topic: "haproxystats.tables", Cluster: "eu", Shards: 13, Create: true, Partitions: 13},
			"all",
		},
		"snapshots": {
			"mode = snapshots\ncluster = eu\nchunk-bytes = 70000\n",
			forward.Options{Topic: "haproxystats.snapshots", Cluster: "eu", ChunkBytes: 70000},
			"all",
		},
	} {
		loaded, err := load(t, "[kafka]\ndelivery-timeout = 7\nretries = 4\ninterval = 5\nbackoff = 6\ndelay = 8\n[forward]\n"+c.text)
		if err != nil {
			t.Fatal(err)
		}
		c.want.Partitions, c.want.DeliveryTimeout = max(c.want.Partitions, 12), 7*time.Second
		c.want.Pace = outbox.Pace{Retries: 4, Interval: 5 * time.Second, Backoff: 6, Delay: 8 * time.Second}
		got := New(config.ForProcess).forwardOptions(&loaded.Config, app.ForwardSink{Node: func() string { return "host.example" }})
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(forward.Options{}, "Connection", "Log", "Node", "Instance", "Keep")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		node := "host.example"
		if loaded.Config.Forward.Node != "" {
			node = loaded.Config.Forward.Node
		}
		if got.Node() != node || !strings.HasSuffix(got.Instance, " "+machine("host.example", net.InterfaceAddrs)) {
			t.Errorf("%s: got node %q of instance %q, want %q", name, got.Node(), got.Instance, node)
		}
		kept := "all"
		if got.Keep != nil {
			var all []string
			for _, s := range []string{"Process Pid", "Frontend scur", "Backend scur", "Backend lastsess", "Backend TotalServers", "Server scur", "ServerName scur"} {
				scope, column, _ := strings.Cut(s, " ")
				of := map[string]metric.Scope{
					"Process": metric.Process, "Frontend": metric.Frontend, "Backend": metric.Backend, "Server": metric.Server, "ServerName": metric.ServerName,
				}[scope]
				rule := metric.Sum
				if column == "TotalServers" {
					rule = metric.Distinct
				}
				if got.Keep(of, metric.Column{Name: column, Combine: rule}) {
					all = append(all, s)
				}
			}
			kept = strings.Join(all, ", ")
		}
		if kept != c.keep {
			t.Errorf("%s: got the columns %s, want %s", name, kept, c.keep)
		}
	}
}

// TestMachine: two machines of one name differ by their addresses.
func TestMachine(t *testing.T) {
	ip := func(text string) net.Addr { return &net.IPNet{IP: net.ParseIP(text)} }
	for _, c := range []struct {
		name      string
		addresses []net.Addr
		err       error
		want      string
	}{
		{"one address", []net.Addr{ip("127.0.0.1"), ip("10.0.0.5"), ip("10.0.0.6")}, nil, "lb1 10.0.0.5"},
		{"IPv6", []net.Addr{ip("::1"), ip("fe80::1"), ip("2001:db8::5")}, nil, "lb1 2001:db8::5"},
		{"none but its own", []net.Addr{ip("127.0.0.1")}, nil, "lb1"},
		{"not known", nil, errors.New("refused"), "lb1"},
	} {
		if got := machine("lb1", func() ([]net.Addr, error) { return c.addresses, c.err }); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
