package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// KafkaSection returns the section of a connection's name; "" is [kafka].
func KafkaSection(name string) string { return SectionName("kafka", name) }

const (
	// defaultBrokerPort is the port of brokers without one.
	defaultBrokerPort = 9092
	// maxLine bounds names and other short texts, in bytes.
	maxLine = 249
)

var brokerList = kind[[]string]{
	relayList.name, relayList.allowed,
	func(text string) ([]string, error) {
		relays, err := parseRelays(text)
		if err != nil {
			return nil, err
		}
		var brokers []string
		seen := make(map[string]bool)
		for _, r := range relays {
			if r.Port == 0 {
				r.Port = defaultBrokerPort
			}
			if broker := net.JoinHostPort(r.Host, strconv.Itoa(r.Port)); !seen[broker] {
				seen[broker] = true
				brokers = append(brokers, broker)
			}
		}
		return brokers, nil
	},
}

// shortText is a name that only others give a meaning to.
var shortText = kind[string]{"text", fmt.Sprintf("up to %d bytes of printable characters", maxLine), func(text string) (string, error) {
	switch {
	case text == "":
		return "", &hinted{"the text is empty", "Remove the option"}
	case len(text) > maxLine:
		return "", fmt.Errorf("longer than %d bytes", maxLine)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", errors.New("contains a character that can't be printed")
	}
	return text, nil
}}

// secretFile holds a secret.
var secretFile = kind[string]{"file", "a file that holds nothing else", parsePath}

var saslMechanism = oneOf(map[string]SASLMechanism{
	"none": SASLNone, "plain": SASLPlain, "scram-sha-256": SASLScramSHA256, "scram-sha-512": SASLScramSHA512, "oauthbearer": SASLOAuthBearer,
}, "none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")

// requestSeconds is for the time that a broker gets.
var requestSeconds = seconds("0.1 to 300", func(f float64) bool { return f >= 0.1 && f <= 300 })

// deliverySeconds keeps a delivery below the time after which a worker that holds a
// snapshot counts as stuck.
var deliverySeconds = seconds("1 or more, below 30", func(f float64) bool { return f >= 1 && f < 30 })

// connectionOptions are the options of a connection to Kafka.
func connectionOptions() []Option {
	list := func(c *Config) *Named[Kafka] { return &c.Kafkas }
	return []Option{
		namedWith("kafka", "brokers", "127.0.0.1:9092", brokerList, list, func(k *Kafka) *[]string { return &k.Brokers }),
		named("kafka", "client-id", shortText, list, func(k *Kafka) *string { return &k.ClientID }),
		named("kafka", "rack", shortText, list, func(k *Kafka) *string { return &k.Rack }),
		namedWith("kafka", "tls", "false", boolean, list, func(k *Kafka) *bool { return &k.TLS }),
		named("kafka", "ca-file", pemFile, list, func(k *Kafka) *string { return &k.CAFile }),
		named("kafka", "cert-file", pemFile, list, func(k *Kafka) *string { return &k.CertFile }),
		named("kafka", "key-file", pemFile, list, func(k *Kafka) *string { return &k.KeyFile }),
		named("kafka", "server-name", host, list, func(k *Kafka) *string { return &k.ServerName }),
		namedWith("kafka", "sasl-mechanism", "none", saslMechanism, list, func(k *Kafka) *SASLMechanism { return &k.SASLMechanism }),
		named("kafka", "sasl-username", shortText, list, func(k *Kafka) *string { return &k.SASLUsername }),
		named("kafka", "sasl-password-file", secretFile, list, func(k *Kafka) *string { return &k.SASLPasswordFile }),
		named("kafka", "sasl-token-file", secretFile, list, func(k *Kafka) *string { return &k.SASLTokenFile }),
		namedWith("kafka", "connect-timeout", "5", positiveSeconds, list, func(k *Kafka) *time.Duration { return &k.ConnectTimeout }),
		namedWith("kafka", "request-timeout", "5", requestSeconds, list, func(k *Kafka) *time.Duration { return &k.RequestTimeout }),
		namedWith("kafka", "delivery-timeout", "10", deliverySeconds, list, func(k *Kafka) *time.Duration { return &k.DeliveryTimeout }),
	}
}

// maxTopic bounds the text of a topic, which may have placeholders.
const maxTopic = 300

// topicName is the name of a topic, or nothing. Its characters are checked by those who
// fill in its placeholders.
var topicName = kind[string]{"topic", "a topic's name, with {host}, {cluster} or {scope} in it, or nothing to send no metrics", func(text string) (string, error) {
	switch {
	case len(text) > maxTopic:
		return "", fmt.Errorf("longer than %d bytes", maxTopic)
	case strings.Contains(text, ","):
		return "", &hinted{"several topics are not possible", "Add a section [kafka:NAME] for each further topic"}
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New("contains a line break or another control character")
	}
	return text, nil
}}

var (
	kafkaFormat = oneOf(map[string]KafkaFormat{
		"graphite": KafkaGraphite, "json": KafkaJSON, "json-metric": KafkaJSONMetric, "influx": KafkaInflux, "otlp": KafkaOTLP,
	}, "graphite", "json", "json-metric", "influx", "otlp")
	kafkaLines       = oneOf(map[string]KafkaLines{"many": KafkaManyLines, "single": KafkaSingleLine}, "many", "single")
	kafkaKey         = oneOf(map[string]KafkaKey{"host": KafkaKeyHost, "proxy": KafkaKeyProxy, "none": KafkaKeyNone}, "host", "proxy", "none")
	kafkaAcks        = oneOf(map[string]KafkaAcks{"all": KafkaAcksAll, "leader": KafkaAcksLeader, "none": KafkaAcksNone}, "all", "leader", "none")
	kafkaCompression = oneOf(map[string]KafkaCompression{
		"none": KafkaNoCompression, "gzip": KafkaGzip, "snappy": KafkaSnappy, "lz4": KafkaLZ4, "zstd": KafkaZstd,
	}, "none", "gzip", "snappy", "lz4", "zstd")
	kafkaTimestamp = oneOf(map[string]KafkaTimestamp{"snapshot": KafkaTimeOfSnapshot, "now": KafkaTimeNow}, "snapshot", "now")
)

// lingerSeconds keeps waiting for more records short.
var lingerSeconds = seconds("0 to 5", func(f float64) bool { return f >= 0 && f <= 5 })

// replication is a number of replicas, or -1 for the broker's default.
var replication = kind[int]{"whole number", "1 to 32767, or -1 for the broker's default", func(text string) (int, error) {
	n, err := parseInt(text)
	if err == nil && (n < -1 || n == 0 || n > math.MaxInt16) {
		err = errRange
	}
	return int(n), err
}}

// dispatcherOptions are the options of the metrics that are sent to Kafka.
func dispatcherOptions() []Option {
	list := func(c *Config) *Named[Kafka] { return &c.Kafkas }
	queueDir := namedWith("kafka", "queue-dir", "${paths:base-dir}/queue/kafka"+instanceMark, directory, list, func(k *Kafka) *string { return &k.QueueDir })
	queueDir.Apart = true
	return []Option{
		named("kafka", "topic", topicName, list, func(k *Kafka) *string { return &k.Topic }),
		namedWith("kafka", "format", "graphite", kafkaFormat, list, func(k *Kafka) *KafkaFormat { return &k.Format }),
		namedWith("kafka", "lines", "many", kafkaLines, list, func(k *Kafka) *KafkaLines { return &k.Lines }),
		namedWith("kafka", "key", "host", kafkaKey, list, func(k *Kafka) *KafkaKey { return &k.Key }),
		namedWith("kafka", "namespace", "${graphite:namespace}", pathPrefix, list, func(k *Kafka) *string { return &k.Namespace }),
		namedWith("kafka", "cluster-namespace", "${graphite:cluster-namespace}", pathPrefix, list, func(k *Kafka) *string { return &k.ClusterNamespace }),
		namedWith("kafka", "prefix-hostname", "${graphite:prefix-hostname}", boolean, list, func(k *Kafka) *bool { return &k.PrefixHostname }),
		namedWith("kafka", "fqdn", "${graphite:fqdn}", boolean, list, func(k *Kafka) *bool { return &k.FQDN }),
		named("kafka", "group-namespace", pathPrefix, list, func(k *Kafka) *string { return &k.GroupNamespace }),
		named("kafka", "group-namespace-double-writes", boolean, list, func(k *Kafka) *bool { return &k.GroupNamespaceDoubleWrites }),
		namedWith("kafka", "path-style", "${graphite:path-style}", pathStyle, list, func(k *Kafka) *PathStyle { return &k.PathStyle }),
		named("kafka", "tags", graphiteTags, list, func(k *Kafka) *[]Label { return &k.Tags }),
		namedWith("kafka", "acks", "all", kafkaAcks, list, func(k *Kafka) *KafkaAcks { return &k.Acks }),
		namedWith("kafka", "idempotent", "true", boolean, list, func(k *Kafka) *bool { return &k.Idempotent }),
		namedWith("kafka", "compression", "zstd", kafkaCompression, list, func(k *Kafka) *KafkaCompression { return &k.Compression }),
		namedWith("kafka", "max-record-bytes", "65536", wholeBetween(1024, 16<<20), list, func(k *Kafka) *int { return &k.MaxRecordBytes }),
		namedWith("kafka", "max-batch-bytes", "1000000", wholeBetween(1024, 64<<20), list, func(k *Kafka) *int { return &k.MaxBatchBytes }),
		namedWith("kafka", "linger", "0", lingerSeconds, list, func(k *Kafka) *time.Duration { return &k.Linger }),
		namedWith("kafka", "timestamp", "snapshot", kafkaTimestamp, list, func(k *Kafka) *KafkaTimestamp { return &k.Timestamp }),
		namedWith("kafka", "create-topic", "false", boolean, list, func(k *Kafka) *bool { return &k.CreateTopic }),
		namedWith("kafka", "partitions", "6", wholeBetween(1, 10_000), list, func(k *Kafka) *int { return &k.Partitions }),
		namedWith("kafka", "replication", "-1", replication, list, func(k *Kafka) *int { return &k.Replication }),
		namedWith("kafka", "retries", "3", retries, list, func(k *Kafka) *int { return &k.Retries }),
		namedWith("kafka", "interval", "1.8", anySeconds, list, func(k *Kafka) *time.Duration { return &k.Interval }),
		namedWith("kafka", "backoff", "2", factor, list, func(k *Kafka) *float64 { return &k.Backoff }),
		namedWith("kafka", "delay", "10", anySeconds, list, func(k *Kafka) *time.Duration { return &k.Delay }),
		namedWith("kafka", "queue-size", "1000000", whole(1), list, func(k *Kafka) *int { return &k.QueueSize }),
		queueDir,
		namedWith("kafka", "queue-max-bytes", "1073741824", wholeBetween[int64](1, math.MaxInt64), list, func(k *Kafka) *int64 { return &k.QueueMaxBytes }),
	}
}

// kafkaOptions are the options of [kafka] and [kafka:NAME].
func kafkaOptions() []Option {
	options := append(connectionOptions(), dispatcherOptions()...)
	for i := range options {
		options[i].New = true
	}
	return options
}

// setGroupPaths gives the paths of groups that a section does not set those of [graphite].
func (l *loader) setGroupPaths() {
	for _, s := range l.kinds["kafka"] {
		k := l.config.Kafkas.of(s.instance)
		if _, ok := l.doc.Lookup(s.name, "group-namespace"); !ok {
			k.GroupNamespace = l.config.Graphite.GroupNamespace
		}
		if _, ok := l.doc.Lookup(s.name, "group-namespace-double-writes"); !ok {
			k.GroupNamespaceDoubleWrites = l.config.Graphite.GroupNamespaceDoubleWrites
		}
		if _, ok := l.doc.Lookup(s.name, "tags"); !ok {
			k.Tags = l.config.Graphite.Tags
		}
	}
}

// checkDispatcher refuses what can't work together, and warns of what costs more than it
// seems. It is for a section with a topic.
func (l *loader) checkDispatcher(section string, k Kafka) {
	if k.Format != KafkaGraphite && k.Format != "" {
		for _, name := range []string{"lines", "namespace", "cluster-namespace", "prefix-hostname", "group-namespace", "group-namespace-double-writes", "path-style", "tags"} {
			l.warnOwn(section, name, "no effect with format = "+string(k.Format), "Remove this option, or set format = graphite")
		}
	}
	if k.Format == KafkaGraphite {
		l.checkTags(section, k.PathStyle, k.Tags)
	}
	if !k.CreateTopic {
		for _, name := range []string{"partitions", "replication"} {
			l.warnOwn(section, name, "no effect without create-topic = true", "Remove this option, or set create-topic = true")
		}
	}
	if k.Key == KafkaKeyProxy && k.Format == KafkaGraphite {
		l.refuseIn(section, "key", "a record of the format graphite has the lines of several proxies", "Set key = host in ["+section+"], or another format")
	}
	if k.MaxBatchBytes > 0 && k.MaxBatchBytes < k.MaxRecordBytes {
		l.refuseIn(section, "max-batch-bytes", fmt.Sprintf("a batch has no room for a record (max-record-bytes, %d)", k.MaxRecordBytes), "Set it to more than max-record-bytes")
	}
	if k.Linger > 0 && k.DeliveryTimeout > 0 && k.Linger > k.DeliveryTimeout/2 {
		l.refuseIn(section, "linger", fmt.Sprintf("records would wait for most of delivery-timeout (%v)", k.DeliveryTimeout), "Set it to less than half of that")
	}
	if k.Acks == KafkaAcksLeader || k.Acks == KafkaAcksNone {
		l.warnOwn(section, "acks", "idempotence is off, and records that were confirmed are lost if a broker dies", "Set acks = all")
	}
	if k.Format == KafkaJSONMetric {
		l.warnOwn(section, "format", "each value is an object of its own, which takes several times the bytes of json", "Set format = json, unless consumers need one value a record")
	}
}

// queueOf is a queue on disk and the section that sets its directory.
type queueOf struct{ section, dir string }

// checkQueues refuses one directory for the queues of two sections.
func (l *loader) checkQueues() {
	var queues []queueOf
	for _, g := range l.config.GraphiteSections() {
		queues = append(queues, queueOf{GraphiteSection(g.Name), g.Options.QueueDir})
	}
	for _, k := range l.config.Kafkas {
		if k.Options.Topic != "" {
			queues = append(queues, queueOf{KafkaSection(k.Name), k.Options.QueueDir})
		}
	}
	if f := l.config.Forward; f.Mode != "" {
		queues = append(queues, queueOf{"forward", f.QueueDir})
	}
	if e := l.config.Events; e.Sends() {
		queues = append(queues, queueOf{"events", e.QueueDir})
	}
	for _, p := range l.config.Pushed() {
		queues = append(queues, queueOf{p.Section(), p.QueueDir})
	}
	for i, a := range queues {
		if src := l.config.Process.SrcDir; l.program == ForProcess && a.dir != "" && filepath.Clean(a.dir) == filepath.Clean(src) {
			l.refuseIn(a.section, "queue-dir", "snapshots come there: it is src-dir of [process]", "Give the queue a directory of its own")
		}
		for _, b := range queues[i+1:] {
			if a.dir == "" || filepath.Clean(a.dir) != filepath.Clean(b.dir) {
				continue
			}
			section, other := b.section, a.section
			if !l.isOwn(section, "queue-dir") && l.isOwn(other, "queue-dir") {
				section, other = other, section
			}
			l.refuseIn(section, "queue-dir", "the queue of ["+other+"] has the same directory", "Give each queue a directory of its own")
		}
	}
}

// checkDestinations refuses a configuration that sends nothing to anybody.
func (l *loader) checkDestinations() {
	if l.config.HasSink() || !l.isOwn("graphite", "enabled") || len(l.problems) > 0 {
		return
	}
	l.refuse("graphite", "enabled", "metrics are sent nowhere", "Set it to true, set topic in [kafka], or add a section [graphite:NAME], [prometheus], [influx], [remote-write], [otlp], [forward] or [local-store]")
}

// HasSink reports whether metrics or events are sent anywhere.
func (c *Config) HasSink() bool {
	return len(c.GraphiteSections()) > 0 || c.LocalStore.Enabled || c.Prometheus.Enabled || c.Forward.Mode != "" || c.Events.Any() || len(c.Pushed()) > 0 ||
		slices.ContainsFunc(c.Kafkas, func(k Instance[Kafka]) bool { return k.Options.Topic != "" })
}

// checkKafka refuses connections that can't work.
func (l *loader) checkKafka() {
	l.setGroupPaths()
	l.checkQueues()
	l.checkDestinations()
	for _, s := range l.kinds["kafka"] {
		k, _ := l.config.Kafkas.Get(s.instance)
		l.checkBrokersTLS(s.name, k.KafkaConnection)
		l.checkLogin(s.name, k.KafkaConnection)
		if k.Topic != "" {
			l.checkDispatcher(s.name, k)
		}
		for _, limit := range []struct {
			name string
			d    time.Duration
		}{{"connect-timeout", k.ConnectTimeout}, {"request-timeout", k.RequestTimeout}} {
			if k.DeliveryTimeout > 0 && limit.d > k.DeliveryTimeout {
				l.warnOwn(s.name, limit.name, fmt.Sprintf("no effect: delivery-timeout (%v) ends a delivery before", k.DeliveryTimeout),
					"Set it to delivery-timeout or less")
			}
		}
	}
}

// isOwn reports whether a section of a file sets an option, which it may also have
// inherited.
func (l *loader) isOwn(section, name string) bool {
	o, ok := l.doc.Lookup(section, name)
	return ok && !o.Pos.IsZero()
}

// warnOwn warns of an option if the section itself sets it.
func (l *loader) warnOwn(section, name, reason, hint string) {
	if l.isOwn(section, name) {
		l.warn(l.problem(section, name, reason, hint))
	}
}

// refuseIn refuses an option of a section, which may have inherited it: the position is
// that of the section then.
func (l *loader) refuseIn(section, name, reason, hint string) {
	l.problems = append(l.problems, l.problemIn(section, name, reason, hint))
}

// problemIn returns a problem with an option of a section, which may have inherited it.
func (l *loader) problemIn(section, name, reason, hint string) Problem {
	p := l.problem(section, name, reason, hint)
	if s, ok := l.doc.Section(section); ok && p.Pos.IsZero() {
		p.Pos, p.Section = s.Pos, section
	}
	return p
}

// checkBrokersTLS refuses one half of a key pair, and warns of options that have no
// effect without TLS.
func (l *loader) checkBrokersTLS(section string, k KafkaConnection) {
	if !k.TLS {
		for _, name := range []string{"ca-file", "cert-file", "key-file", "server-name"} {
			l.warnOwn(section, name, "no effect without tls = true: connections are not encrypted", "Set tls = true in ["+section+"], or remove this option")
		}
		return
	}
	if (k.CertFile == "") != (k.KeyFile == "") {
		name, other := "cert-file", "key-file"
		if k.CertFile == "" {
			name, other = other, name
		}
		l.refuseIn(section, name, "needs "+other, "Set both, or remove both")
	}
}

// checkLogin refuses a login that lacks something, and warns of options that have no
// effect and of secrets that travel unencrypted.
func (l *loader) checkLogin(section string, k KafkaConnection) {
	need := map[string]string{"sasl-username": k.SASLUsername, "sasl-password-file": k.SASLPasswordFile}
	idle := []string{"sasl-token-file"}
	switch k.SASLMechanism {
	case SASLNone:
		need, idle = nil, []string{"sasl-username", "sasl-password-file", "sasl-token-file"}
	case SASLOAuthBearer:
		need, idle = map[string]string{"sasl-token-file": k.SASLTokenFile}, []string{"sasl-username", "sasl-password-file"}
	}
	for _, name := range []string{"sasl-username", "sasl-password-file", "sasl-token-file"} {
		value, needed := need[name]
		if _, refused := l.doc.Lookup(section, name); needed && value == "" && !refused {
			l.refuseIn(section, "sasl-mechanism", "needs "+name, "Set "+name+" in ["+section+"]")
		}
	}
	for _, name := range idle {
		with := "sasl-mechanism = " + string(k.SASLMechanism)
		if k.SASLMechanism == SASLNone {
			with = "sasl-mechanism"
			l.warnOwn(section, name, "no effect without "+with, "Set sasl-mechanism in ["+section+"], or remove this option")
			continue
		}
		l.warnOwn(section, name, "no effect with "+with, "Remove this option")
	}
	if !k.TLS && (k.SASLMechanism == SASLPlain || k.SASLMechanism == SASLOAuthBearer) {
		l.warnOwn(section, "sasl-mechanism", "the secret is sent unencrypted", "Set tls = true in ["+section+"]")
	}
}

// refuseOwnTopics refuses sections that send metrics to a topic that has something else,
// where another program would find records that it can't use.
func (l *loader) refuseOwnTopics(topics ...string) {
	ours, _ := l.config.Kafkas.Get("")
	for _, s := range l.kinds["kafka"] {
		k, _ := l.config.Kafkas.Get(s.instance)
		if k.Topic != "" && slices.Contains(topics, k.Topic) && slices.Equal(k.Brokers, ours.Brokers) {
			l.refuseIn(s.name, "topic", "haproxystats-central reads or writes this topic itself, and would find metrics there that it can't use", "Give metrics a topic of their own")
		}
	}
}

// defaultTopic returns the topic that an option of [central] has by default.
func defaultTopic(name string) string {
	o, _ := lookupOption("central", name)
	return o.Default
}
