package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"haproxystats/internal/catalogue"
	"haproxystats/internal/config/ini"
)

// write1 writes a file and returns its name.
func write1(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f.conf")
	if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return name
}

func defaultConfig() Config {
	return Config{
		Default: Default{LogLevel: slog.LevelInfo, LogFormat: LogText, Retries: 2, Timeout: time.Second, Interval: 2 * time.Second},
		Paths:   Paths{BaseDir: "/var/lib/haproxystats"},
		Pull: Pull{
			LogLevel: slog.LevelInfo, LogFormat: LogText,
			Retries: 1, Timeout: 100 * time.Millisecond, Interval: 500 * time.Millisecond,
			PullTimeout: 2 * time.Second, PullInterval: 10 * time.Second, BufferLimit: 6 << 20,
			DstDir: "/var/lib/haproxystats/incoming", TmpDstDir: "/var/lib/haproxystats/incoming.tmp",
			Workers: 8, QueueSize: 360, OnPartial: PartialDiscard, HoldWorkers: true, MasterSocket: "auto", ServerRows: true, ServerStateInterval: time.Minute, LearnFields: true, StateDir: "/var/lib/haproxystats/truth", Events: true, MaxEvents: 100, StatusSocket: "/var/lib/haproxystats/pull.status",
		},
		Process: Process{
			LogLevel: slog.LevelInfo, LogFormat: LogText, SrcDir: "/var/lib/haproxystats/incoming",
			Workers: 4, MetricSet: MetricsAll, LivenessCheckInterval: 10 * time.Second,
			StatusSocket: "/var/lib/haproxystats/process.status",
		},
		Graphite: Graphite{
			Enabled: true,
			Server:  []Relay{{"127.0.0.1", 3002}}, Port: 3002, Confirm: ConfirmHalfClose, ConfirmHold: 6 * time.Second, Retries: 3, Interval: 1800 * time.Millisecond,
			Timeout: time.Second, ConnectTimeout: time.Second, WriteTimeout: time.Second,
			Delay: 10 * time.Second, Backoff: 2, Namespace: "loadbalancers", PrefixHostname: true, FQDN: true,
			QueueSize: 1_000_000, QueueDir: "/var/lib/haproxystats/queue/graphite", QueueMaxBytes: 1 << 30,
			ClusterNamespace: "loadbalancers.clusters", PathStyle: PathDotted,
		},
		Central: Central{
			LogLevel: slog.LevelInfo, LogFormat: LogText,
			WorkDir: "/var/lib/haproxystats/central", JournalMaxBytes: 1 << 30, StatusSocket: "/var/lib/haproxystats/central.status",
			SnapshotsTopic: "haproxystats.snapshots", TablesTopic: "haproxystats.tables", Group: "haproxystats", Instance: "{host}",
			SessionTimeout: 30 * time.Second, Start: StartEarliest, FetchMaxBytes: 8 << 20, AssemblyMaxBytes: 64 << 20,
			AssemblyDir: "/var/lib/haproxystats/central/assembly", CommitInterval: 2 * time.Second,
		},
		Clusters: Named[Cluster]{{Options: Cluster{
			Interval: 10 * time.Second, Grace: 5 * time.Second, Late: time.Minute, NodeExpiry: time.Minute, OnIncomplete: IncompleteEmit,
			Scopes: []string{"daemon", "frontend", "backend", "server"}, Shards: 1, ServerIdentity: IdentityName,
		}}},
	}
}

// load reads a text that must be without problems and warnings.
func load(t *testing.T, program Program, text string) Config {
	t.Helper()
	loaded, err := Load(program, Files{File: write1(t, text), Required: true})
	if err != nil {
		t.Fatalf("problems %v", err)
	}
	for _, w := range loaded.Warnings {
		// TestEveryOption sets that option, and others that it leaves without an effect.
		if !strings.Contains(w.Error(), "server-rows = false") {
			t.Fatalf("warning %v", w)
		}
	}
	return loaded.Config
}

func TestDefaults(t *testing.T) {
	for program := range programFiles {
		if diff := cmp.Diff(defaultConfig(), load(t, program, "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", program, diff)
		}
	}
}

func TestEveryOption(t *testing.T) {
	names := write1(t, "\ufeff# comment\nwww.example.com\r\n\n  # more\n api \n")
	nodes := NodeList{File: names, Names: []string{"www.example.com", "api"}}
	got := load(t, ForCentral, `
[DEFAULT]
LOGLEVEL = Debug
log-format = JSON
hostname = lb_1.Example.com
retries = -1
timeout = .5
interval = 0
frontend-metrics = scur
  hrsp_5xx  scur
[paths]
base-dir = /srv
[pull]
loglevel = fatal
log-format = text
socket-dir = ${paths:base-dir}/sockets
servers = tcp://a:1,
    unix:///b
retries = 0
timeout = 1
interval = 1e-1
pull-timeout = 0.5
pull-interval = 1_0
buffer-limit = 1
dst-dir = ${paths:base-dir}/in
tmp-dst-dir = ${dst-dir}.tmp
workers = 1
queue-size = 1
on-partial = Keep
hold-workers = no
master-socket = /run/m.sock
server-rows = no
server-state-interval = 1.5
collect = Certificates, resolvers
learn-fields = no
state-dir =
events = off
max-events = 7
status-socket = ${paths:base-dir}/s1
[process]
loglevel = WARN
src-dir = ${pull:dst-dir}
workers = 16
metric-set = Classic
counters = Raw
backend-metrics = rtime act
server-metrics = throttle
aggr-server-metrics = on
exclude-frontends = `+names+`
exclude-backends = `+names+`
per-process-metrics = 1
calculate-percentages = YES
liveness-check-interval = 0.1
status-socket =
[graphite]
server = [::1], b:1
port = 65535
retries = 0
interval = 0
connect-timeout = 3
write-timeout = 4
delay = 0
backoff = 1.5
confirm = Drain
confirm-hold = 2.5
tls = on
ca-file = /t/ca
cert-file = /t/cert
key-file = /t/key
server-name = g
namespace = prod.lb
cluster-namespace = prod.clusters
prefix-hostname = no
fqdn = off
queue-size = 1
queue-dir = /q
queue-max-bytes = 1_000
group-namespace = grp
group-namespace-double-writes = true
path-style = Tagged
tags = dc = ams, a.b-c=x=y,
[kafka]
brokers = a, [::1]:1, a:9092
client-id = c
sasl-mechanism = scram-sha-256
sasl-username = u v
sasl-password-file = /k/p
delivery-timeout = 20
topic = t.{scope}
lines = single
key = none
compression = LZ4
linger = 0.5
timestamp = now
create-topic = yes
partitions = 3
replication = 2
retries = 1
interval = 1
backoff = 3
delay = 4
queue-size = 5
queue-dir = /k/q
queue-max-bytes = 6
[kafka:west]
topic =
format = influx
key = proxy
namespace = n.s
cluster-namespace = c.${namespace}
prefix-hostname = on
fqdn = on
group-namespace = gn
group-namespace-double-writes = no
acks = none
idempotent = no
compression = none
max-record-bytes = 1024
max-batch-bytes = 2048
timestamp = snapshot
brokers = w
rack = r
tls = yes
ca-file = /k/ca
cert-file = /k/cert
key-file = /k/key
server-name = n
sasl-mechanism = OAuthBearer
sasl-token-file = /k/t
connect-timeout = 1
request-timeout = 2
[frontend-groups]
B = ^b$$
a = ${b}
[server-groups]
web = ^web\d
[local-store]
dir = /l
[central]
loglevel = error
node-metrics = no
work-dir = /w
journal-max-bytes = 5
kafka = true
snapshots-topic =
tables-topic = a.tables
group = b
instance = lb-{host}
session-timeout = 6
start = Latest
fetch-max-bytes = 1048576
assembly-max-bytes = 1048577
commit-interval = 0.1
dead-letter-topic = dead
status-socket = /s3
[node lb1.example.com]
cluster = eu
servers = tcp://lb1:1
[node lb2]
cluster = eu.west
src-dir = /n/lb2
[cluster]
late = 90
nodes = `+names+`
scopes = Frontend,  daemon frontend
shards = 64
server-identity = Address
[cluster eu]
interval = 30
grace = 0
on-incomplete = Skip
node-expiry = 7
`)
	scopes := []string{"frontend", "daemon"}
	want := Config{
		Default: Default{LogLevel: slog.LevelDebug, LogFormat: LogJSON, Hostname: "lb_1.Example.com", Retries: -1, Timeout: time.Second / 2},
		Paths:   Paths{BaseDir: "/srv"},
		Pull: Pull{
			LogLevel: LevelCritical, LogFormat: LogText, SocketDir: "/srv/sockets",
			Servers: []Server{{"tcp", "a:1"}, {"unix", "/b"}},
			Timeout: time.Second, Interval: time.Second / 10, PullTimeout: time.Second / 2, PullInterval: 10 * time.Second,
			BufferLimit: 1, DstDir: "/srv/in", TmpDstDir: "/srv/in.tmp", Workers: 1, QueueSize: 1, OnPartial: PartialKeep,
			MasterSocket: "/run/m.sock", ServerStateInterval: 1500 * time.Millisecond, Collect: []string{"resolvers", "certificates"}, MaxEvents: 7, StatusSocket: "/srv/s1",
		},
		Process: Process{
			LogLevel: slog.LevelWarn, LogFormat: LogJSON, SrcDir: "/srv/in", Workers: 16, MetricSet: MetricsClassic, Counters: CountersRaw,
			FrontendMetrics: catalogue.ParseList("scur hrsp_5xx scur"), BackendMetrics: catalogue.ParseList("rtime act"), ServerMetrics: catalogue.ParseList("throttle"),
			AggrServerMetrics: true, PerProcessMetrics: true, CalculatePercentages: true,
			ExcludeFrontends:      NameFile{File: names, Names: []string{"www_example_com", "api"}},
			ExcludeBackends:       NameFile{File: names, Names: []string{"www_example_com", "api"}},
			LivenessCheckInterval: time.Second / 10,
		},
		Graphite: Graphite{
			Enabled: true,
			Server:  []Relay{{"::1", 65535}, {"b", 1}}, Port: 65535, Confirm: ConfirmDrain, ConfirmHold: 2500 * time.Millisecond,
			TLS: true, CAFile: "/t/ca", CertFile: "/t/cert", KeyFile: "/t/key", ServerName: "g",
			Timeout: time.Second / 2, ConnectTimeout: 3 * time.Second, WriteTimeout: 4 * time.Second,
			Backoff: 1.5, Namespace: "prod.lb", ClusterNamespace: "prod.clusters", QueueSize: 1, QueueDir: "/q", QueueMaxBytes: 1000,
			GroupNamespace: "grp", GroupNamespaceDoubleWrites: true, PathStyle: PathTagged, Tags: []Label{{"dc", "ams"}, {"a.b-c", "x=y"}},
		},
		Kafkas: Named[Kafka]{
			{"", Kafka{
				KafkaConnection: KafkaConnection{
					Brokers: []string{"a:9092", "[::1]:1"}, ClientID: "c",
					SASLMechanism: SASLScramSHA256, SASLUsername: "u v", SASLPasswordFile: "/k/p",
					ConnectTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second, DeliveryTimeout: 20 * time.Second,
				},
				Topic: "t.{scope}", Format: KafkaGraphite, Lines: KafkaSingleLine, Key: KafkaKeyNone,
				Namespace: "prod.lb", ClusterNamespace: "prod.clusters", GroupNamespace: "grp", GroupNamespaceDoubleWrites: true,
				PathStyle: PathTagged, Tags: []Label{{"dc", "ams"}, {"a.b-c", "x=y"}},
				Acks: KafkaAcksAll, Idempotent: true, Compression: KafkaLZ4, MaxRecordBytes: 65536, MaxBatchBytes: 1_000_000,
				Linger: time.Second / 2, Timestamp: KafkaTimeNow, CreateTopic: true, Partitions: 3, Replication: 2,
				Retries: 1, Interval: time.Second, Backoff: 3, Delay: 4 * time.Second,
				QueueSize: 5, QueueDir: "/k/q", QueueMaxBytes: 6,
			}},
			{"west", Kafka{
				KafkaConnection: KafkaConnection{
					Brokers: []string{"w:9092"}, ClientID: "c", Rack: "r",
					TLS: true, CAFile: "/k/ca", CertFile: "/k/cert", KeyFile: "/k/key", ServerName: "n",
					SASLMechanism: SASLOAuthBearer, SASLUsername: "u v", SASLPasswordFile: "/k/p", SASLTokenFile: "/k/t",
					ConnectTimeout: time.Second, RequestTimeout: 2 * time.Second, DeliveryTimeout: 20 * time.Second,
				},
				Format: KafkaInflux, Lines: KafkaSingleLine, Key: KafkaKeyProxy,
				Namespace: "n.s", ClusterNamespace: "c.n.s", PrefixHostname: true, FQDN: true, GroupNamespace: "gn",
				PathStyle: PathTagged, Tags: []Label{{"dc", "ams"}, {"a.b-c", "x=y"}},
				Acks: KafkaAcksNone, Compression: KafkaNoCompression, MaxRecordBytes: 1024, MaxBatchBytes: 2048,
				Linger: time.Second / 2, Timestamp: KafkaTimeOfSnapshot, CreateTopic: true, Partitions: 3, Replication: 2,
				Retries: 1, Interval: time.Second, Backoff: 3, Delay: 4 * time.Second,
				QueueSize: 5, QueueDir: "/srv/queue/kafka-west", QueueMaxBytes: 6,
			}},
		},
		LocalStore: LocalStore{Enabled: true, Dir: "/l"},
		FrontendGroups: []Group{
			{Section: "frontend-groups", Name: "b", Pattern: "^b$", Pos: ini.Pos{Line: 133}},
			{Section: "frontend-groups", Name: "a", Pattern: "^b$", Pos: ini.Pos{Line: 134}},
		},
		ServerGroups: []Group{{Section: "server-groups", Name: "web", Pattern: `^web\d`, Pos: ini.Pos{Line: 136}}},
		Central: Central{
			LogLevel: slog.LevelError, LogFormat: LogJSON, WorkDir: "/w", JournalMaxBytes: 5, StatusSocket: "/s3",
			Kafka: true, TablesTopic: "a.tables", Group: "b", Instance: "lb-{host}", SessionTimeout: 6 * time.Second, Start: StartLatest,
			FetchMaxBytes: 1 << 20, AssemblyMaxBytes: 1<<20 + 1, AssemblyDir: "/w/assembly", CommitInterval: time.Second / 10, DeadLetterTopic: "dead",
		},
		Nodes: Named[Node]{
			{"lb1.example.com", Node{Cluster: "eu", Servers: []Server{{"tcp", "lb1:1"}}}},
			{"lb2", Node{Cluster: "eu.west", SrcDir: "/n/lb2"}},
		},
		Clusters: Named[Cluster]{
			{"", Cluster{Interval: 10 * time.Second, Grace: 5 * time.Second, Late: 90 * time.Second, NodeExpiry: time.Minute, Nodes: nodes, Scopes: scopes, Shards: 64, ServerIdentity: IdentityAddress, OnIncomplete: IncompleteEmit}},
			{"eu", Cluster{Interval: 30 * time.Second, Late: 90 * time.Second, NodeExpiry: 7 * time.Second, Nodes: nodes, Scopes: scopes, Shards: 64, ServerIdentity: IdentityAddress, OnIncomplete: IncompleteSkip}},
		},
	}
	for _, groups := range [][]Group{got.FrontendGroups, got.ServerGroups} {
		for i := range groups {
			groups[i].Pos.File = ""
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// haproxystats-central does not ask Graphite, and warns of the option.
func TestVerifyURL(t *testing.T) {
	if got := load(t, ForProcess, "[graphite]\nverify-url = https://g:8443/x/render/\n").Graphite.VerifyURL; got != "https://g:8443/x/render/" {
		t.Errorf("got %q, want the address", got)
	}
}

// Without a section there is no connection, and what [DEFAULT] has does not replace the
// defaults of one.
func TestKafkaDefaults(t *testing.T) {
	defaults := Kafka{
		KafkaConnection: KafkaConnection{
			Brokers: []string{"127.0.0.1:9092"}, ConnectTimeout: 5 * time.Second, RequestTimeout: 5 * time.Second, DeliveryTimeout: 10 * time.Second,
		},
		Format: KafkaGraphite, Lines: KafkaManyLines, Key: KafkaKeyHost,
		Namespace: "loadbalancers", ClusterNamespace: "loadbalancers.clusters", PrefixHostname: true, FQDN: true, PathStyle: PathDotted,
		Acks: KafkaAcksAll, Idempotent: true, Compression: KafkaZstd, MaxRecordBytes: 65536, MaxBatchBytes: 1_000_000,
		Timestamp: KafkaTimeOfSnapshot, Partitions: 6, Replication: -1,
		Retries: 3, Interval: 1800 * time.Millisecond, Backoff: 2, Delay: 10 * time.Second,
		QueueSize: 1_000_000, QueueMaxBytes: 1 << 30,
	}
	at := func(dir string) Kafka {
		k := defaults
		k.QueueDir = "/var/lib/haproxystats/queue/" + dir
		return k
	}
	for text, want := range map[string]Named[Kafka]{
		"":                {},
		"[kafka]\n":       {{"", at("kafka")}},
		"[kafka:a.b-c]\n": {{"a.b-c", at("kafka-a.b-c")}},
		"[kafka:a]\n[DEFAULT]\ninterval = 9\ntimeout = 9\nretries = 9\n": {{"a", at("kafka-a")}},
	} {
		if diff := cmp.Diff(want, load(t, ForProcess, text).Kafkas, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// A section that a file opens has its defaults behind those of [DEFAULT], as in 0.5.
func TestDefaultReachesSwitchedSection(t *testing.T) {
	if got := load(t, ForProcess, "[DEFAULT]\ndir = /srv\n[local-store]\n"); got.LocalStore.Dir != "/srv" {
		t.Errorf("the directory is %s", got.LocalStore.Dir)
	}
}

func TestBaseDirMovesAll(t *testing.T) {
	got := load(t, ForProcess, "[paths]\nbase-dir = /srv\n[local-store]\n")
	want := defaultConfig()
	want.Paths.BaseDir = "/srv"
	want.Pull.DstDir, want.Pull.TmpDstDir, want.Pull.StateDir = "/srv/incoming", "/srv/incoming.tmp", "/srv/truth"
	want.Process.SrcDir = "/srv/incoming"
	want.Pull.StatusSocket, want.Process.StatusSocket = "/srv/pull.status", "/srv/process.status"
	want.Graphite.QueueDir = "/srv/queue/graphite"
	want.Central.WorkDir, want.Central.StatusSocket = "/srv/central", "/srv/central.status"
	want.Central.AssemblyDir = "/srv/central/assembly"
	want.LocalStore = LocalStore{Enabled: true, Dir: "/srv/local-store"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLogLevels(t *testing.T) {
	for text, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "Warning": slog.LevelWarn, "warn": slog.LevelWarn,
		"error": slog.LevelError, "critical": LevelCritical, "FATAL": LevelCritical,
	} {
		got := load(t, ForPull, "[DEFAULT]\nloglevel = "+text+"\n[process]\nloglevel = error\n")
		if got.Default.LogLevel != want || got.Pull.LogLevel != want || got.Process.LogLevel != slog.LevelError {
			t.Errorf("loglevel %s is %v in [DEFAULT], %v in [pull], %v in [process]", text, got.Default.LogLevel, got.Pull.LogLevel, got.Process.LogLevel)
		}
	}
}

func TestGraphiteTimeout(t *testing.T) {
	for _, tt := range []struct {
		text           string
		connect, write time.Duration
		warning        string
	}{
		{"[DEFAULT]\ntimeout = 5\n", time.Second, time.Second, ""},
		{"[graphite]\ntimeout = 5\n", 5 * time.Second, 5 * time.Second, "used for connect-timeout and write-timeout, because no file sets that. Set connect-timeout and write-timeout instead"},
		{"[graphite]\ntimeout = 5\nwrite-timeout = 2\n", 5 * time.Second, 2 * time.Second, "used for connect-timeout, because no file sets that. Set connect-timeout instead"},
		{"[graphite]\ntimeout = 5\nconnect-timeout = 3\nwrite-timeout = 2\n", 3 * time.Second, 2 * time.Second, ""},
	} {
		loaded, err := Load(ForProcess, Files{File: write1(t, tt.text)})
		if err != nil {
			t.Fatal(err)
		}
		if g := loaded.Config.Graphite; g.ConnectTimeout != tt.connect || g.WriteTimeout != tt.write {
			t.Errorf("%q gives %v to connect and %v to write", tt.text, g.ConnectTimeout, g.WriteTimeout)
		}
		warning := ""
		for _, w := range loaded.Warnings {
			warning += w.Reason + ". " + w.Hint
		}
		if warning != tt.warning {
			t.Errorf("%q warns %q, want %q", tt.text, warning, tt.warning)
		}
	}
}

func TestCheck(t *testing.T) {
	file := write1(t, "[process]\nworkers = x\n[graphite]\ngroup-namespace = g\ngroup-namespace-double-writes = no\n[server-groups]\nweb = (\n")
	_, err := Load(ForProcess, Files{File: file}, func(c *Config) []Problem {
		g := c.ServerGroups[0]
		return []Problem{{Pos: g.Pos, Section: g.Section, Option: g.Name, Value: g.Pattern, Reason: "missing )"}}
	})
	want := file + `:2: [process] workers = "x": not a whole number; allowed: 1 to 1024` + "\n" +
		file + `:7: [server-groups] web = "(": missing )`
	if message(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var p Problem
	if !errors.As(err, &p) || p.Pos.Line != 2 {
		t.Errorf("errors.As gives %v", p)
	}
	if !strings.Contains(message(err), "\n") {
		t.Error("one problem came alone")
	}
}

// TestAgainNeedsTheFile refuses to read the configuration again without the file that was
// there, and takes one that has appeared.
func TestAgainNeedsTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "haproxystats.conf")
	loaded, err := Load(ForPull, Files{File: file})
	if err != nil || loaded.Notice == "" {
		t.Fatalf("without the file: got %v, %q, want a notice", err, loaded.Notice)
	}
	if loaded, err = loaded.Again(); err != nil || loaded.Notice == "" {
		t.Fatalf("still without the file: got %v, %q, want a notice", err, loaded.Notice)
	}
	if err := os.WriteFile(file, []byte("[pull]\nretries = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if loaded, err = loaded.Again(); err != nil || loaded.Config.Pull.Retries != 7 {
		t.Fatalf("with the file: got %v, %d, want 7", err, loaded.Config.Pull.Retries)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err = loaded.Again(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without the file that was there: got %v, want an error", err)
	}
}
