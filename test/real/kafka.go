package real

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// The users of a broker with Secure, and their passwords. Alice logs in by SCRAM, Bob
// by PLAIN, and a token may name anyone. Users may do nothing that
// no access control list allows them: only the plain listener is the administrator's.
const (
	KafkaScramUser     = "alice"
	KafkaScramPassword = "alice-secret"
	KafkaPlainUser     = "bob"
	KafkaPlainPassword = "bob-secret"
)

// KafkaConfig says what kind of broker to start.
type KafkaConfig struct {
	Jars string // as Find and Need return it for "kafka" or "kafka-3.9"
	Dir  string // gets its configuration and its log; a directory of its own
	// Join is the broker whose cluster this one joins; nil for a cluster of its own.
	Join *Kafka
	// Secure adds the listeners with TLS and logins, and the access control lists.
	Secure bool
	// Properties are further lines of server.properties.
	Properties []string
}

// Kafka is a broker, running or not.
type Kafka struct {
	// Addr is the address of the plain listener.
	Addr string
	// The addresses of the other listeners, if the broker has them: TLS, TLS that asks
	// for a client certificate, logins by PLAIN and SCRAM, the same over TLS, and
	// tokens of OAUTHBEARER.
	TLS, MutualTLS, Login, LoginTLS, Token string
	// Authority has signed the certificate of the broker, and may sign those of clients.
	Authority *Authority
	Process   *Process

	config  KafkaConfig
	java    string
	cluster string // the id that the storage was formatted with
	node    int
	voter   string // of the controller
	nodes   int    // of the cluster, if this is its first broker
}

// javaOptions make a broker that starts in seconds and takes 200 MB.
var javaOptions = []string{"-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

var kafkaTemplate = template.Must(template.New("server.properties").Parse(`process.roles={{if .First}}broker,controller{{else}}broker{{end}}
node.id={{.Node}}
controller.quorum.voters={{.Voter}}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners={{range $i, $l := .Listeners}}{{if $i}},{{end}}{{$l.Name}}://{{$l.Addr}}{{end}}
advertised.listeners={{.Advertised}}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,TLS:SSL,MTLS:SSL,LOGIN:SASL_PLAINTEXT,LOGINTLS:SASL_SSL,TOKEN:SASL_PLAINTEXT
log.dirs={{.Dir}}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
{{if .ShareGroups}}share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
{{end}}group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
{{if .Secure}}authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location={{.Dir}}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={{.Dir}}/ca.pem
listener.name.mtls.ssl.client.auth=required
{{range .LoginListeners}}listener.name.{{.}}.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
listener.name.{{.}}.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{{.}}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{{.}}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{{$.PlainUser}}="{{$.PlainPassword}}";
{{end}}listener.name.token.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.token.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
{{end}}{{range .Properties}}{{.}}
{{end}}`))

// kafkaListener is a name of server.properties and the field that gets the address.
type kafkaListener struct {
	Name, Addr string
	to         *string
}

// StartKafka starts a broker. It returns when it accepts connections.
func StartKafka(ctx context.Context, c KafkaConfig) (*Kafka, error) {
	java, err := findProgram("default-jre-headless", "java")
	if err != nil {
		return nil, err
	}
	for range 3 { // a port may be taken meanwhile
		var k *Kafka
		if k, err = newKafka(ctx, java, c); err != nil {
			return nil, fmt.Errorf("start kafka: %w", err)
		}
		if err = k.Start(ctx); err == nil {
			if c.Join != nil {
				c.Join.nodes++
			}
			return k, nil
		}
		if err := os.RemoveAll(filepath.Join(c.Dir, "data")); err != nil {
			return nil, fmt.Errorf("start kafka: %w", err)
		}
	}
	return nil, err
}

// newKafka writes the configuration of a broker and formats its storage.
func newKafka(ctx context.Context, java string, c KafkaConfig) (*Kafka, error) {
	ctx, cancel := context.WithTimeout(ctx, Loaded(startTimeout))
	defer cancel()
	k := &Kafka{config: c, java: java, node: 1, nodes: 1}
	listeners := []kafkaListener{{Name: "PLAINTEXT", to: &k.Addr}}
	if c.Secure {
		listeners = append(listeners,
			kafkaListener{Name: "TLS", to: &k.TLS}, kafkaListener{Name: "MTLS", to: &k.MutualTLS},
			kafkaListener{Name: "LOGIN", to: &k.Login}, kafkaListener{Name: "LOGINTLS", to: &k.LoginTLS},
			kafkaListener{Name: "TOKEN", to: &k.Token})
	}
	var controller string
	if c.Join == nil {
		listeners = append(listeners, kafkaListener{Name: "CONTROLLER", to: &controller})
	}
	if err := freeAddresses(listeners); err != nil {
		return nil, err
	}
	var advertised []string
	for _, l := range listeners {
		if l.Name != "CONTROLLER" {
			advertised = append(advertised, l.Name+"://"+l.Addr)
		}
	}
	if c.Join != nil {
		k.node, k.cluster, k.voter = c.Join.nodes+1, c.Join.cluster, c.Join.voter
	} else {
		k.voter = "1@" + controller
		id, err := k.Tool(ctx, "kafka.tools.StorageTool", "random-uuid")
		if err != nil {
			return nil, err
		}
		k.cluster = lastLine([]byte(id))
	}
	if c.Secure {
		if err := k.writeCertificates(); err != nil {
			return nil, err
		}
	}
	if err := k.writeLogging(); err != nil {
		return nil, err
	}
	err := writeTemplate(k.path("server.properties"), kafkaTemplate, map[string]any{
		"First": c.Join == nil, "Node": k.node, "Voter": k.voter, "Listeners": listeners,
		"Advertised": strings.Join(advertised, ","), "Dir": c.Dir, "Secure": c.Secure,
		"ShareGroups":    !k.isOld(),
		"LoginListeners": []string{"login", "logintls"},
		"PlainUser":      KafkaPlainUser, "PlainPassword": KafkaPlainPassword, "Properties": c.Properties,
	})
	if err != nil {
		return nil, err
	}
	format := []string{"format", "-t", k.cluster, "-c", k.path("server.properties")}
	if c.Secure {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			format = append(format, "--add-scram", mechanism+"=[name="+KafkaScramUser+",password="+KafkaScramPassword+"]")
		}
	}
	_, err = k.Tool(ctx, "kafka.tools.StorageTool", format...)
	return k, err
}

// isOld reports whether the broker is older than Kafka 4.
func (k *Kafka) isOld() bool {
	found, _ := filepath.Glob(filepath.Join(k.config.Jars, "kafka_2.13-3.*.jar")) // the pattern is valid
	return len(found) > 0
}

func (k *Kafka) path(name string) string { return filepath.Join(k.config.Dir, name) }

// writeCertificates makes an authority and the broker's certificate.
func (k *Kafka) writeCertificates() error {
	var err error
	if k.config.Join != nil {
		k.Authority = k.config.Join.Authority
	} else if k.Authority, err = NewAuthority("kafka"); err != nil {
		return err
	}
	cert, key, err := k.Authority.Sign("localhost")
	if err != nil {
		return err
	}
	if err := os.WriteFile(k.path("broker.pem"), append(key, cert...), 0o600); err != nil {
		return err
	}
	return os.WriteFile(k.path("ca.pem"), k.Authority.PEM, 0o640)
}

func (k *Kafka) writeLogging() error {
	for _, name := range []string{"log4j.properties", "log4j2.xml"} {
		text, err := kafkaFiles.ReadFile("kafka/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(k.path(name), text, 0o640); err != nil {
			return err
		}
	}
	return nil
}

// freeAddresses gives each listener an address on a port that was free a moment ago.
// All are held until the last one is found, so that no port comes twice.
func freeAddresses(listeners []kafkaListener) error {
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("look for a free port: %w", err)
		}
		defer l.Close()
		listeners[i].Addr = l.Addr().String()
		*listeners[i].to = listeners[i].Addr
	}
	return nil
}

// arguments returns the command line of a class of Kafka's.
func (k *Kafka) arguments(class string, args ...string) []string {
	all := append([]string{}, javaOptions...)
	all = append(all,
		"-Dlog4j.configuration=file:"+k.path("log4j.properties"),
		"-Dlog4j2.configurationFile="+k.path("log4j2.xml"),
		"-cp", filepath.Join(k.config.Jars, "*"), class)
	return append(all, args...)
}

// Start starts a broker that was stopped or killed, with what its disk has. It returns
// when the broker accepts connections on the address that it had before.
func (k *Kafka) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Loaded(startTimeout))
	defer cancel()
	p, err := StartProcess(Command{
		Name: "kafka", Path: k.java, Args: k.arguments("kafka.Kafka", k.path("server.properties")), Dir: k.config.Dir,
	})
	if err != nil {
		return err
	}
	k.Process = p
	return p.await(ctx, func(ctx context.Context) error { return reachable(ctx, k.Addr) })
}

// Stop ends the broker in order.
func (k *Kafka) Stop() error { return k.Process.Stop() }

// Kill ends the broker with SIGKILL.
func (k *Kafka) Kill() { k.Process.Kill() }

// Pause stops the broker's process until Resume: its kernel still accepts connections,
// and nobody answers.
func (k *Kafka) Pause() error { return k.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (k *Kafka) Resume() error { return k.Process.Signal(syscall.SIGCONT) }

// Tool runs one of Kafka's command line tools, by its class, and returns what it wrote
// to its standard output.
func (k *Kafka) Tool(ctx context.Context, class string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.java, k.arguments(class, args...)...)
	cmd.Dir = k.config.Dir
	cmd.WaitDelay = time.Second
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s%s", class, err, out, failure.String())
	}
	return string(out), nil
}

// CreateTopic makes a topic with a number of partitions, each on one broker, with
// settings such as "max.message.bytes=10000".
func (k *Kafka) CreateTopic(ctx context.Context, topic string, partitions int, settings ...string) error {
	return k.createTopic(ctx, topic, partitions, 1, settings)
}

// CreateReplicated makes a topic with one partition on that many brokers.
func (k *Kafka) CreateReplicated(ctx context.Context, topic string, replicas int, settings ...string) error {
	return k.createTopic(ctx, topic, 1, replicas, settings)
}

func (k *Kafka) createTopic(ctx context.Context, topic string, partitions, replicas int, settings []string) error {
	args := []string{
		"--bootstrap-server", k.Addr, "--create", "--topic", topic,
		"--partitions", strconv.Itoa(partitions), "--replication-factor", strconv.Itoa(replicas),
	}
	for _, s := range settings {
		args = append(args, "--config", s)
	}
	_, err := k.Tool(ctx, "org.apache.kafka.tools.TopicCommand", args...)
	return err
}

// Consume returns the first records of the topics that match a regular expression, as
// another program than ours reads them: Kafka's own console consumer, with the key and the
// headers of each.
func (k *Kafka) Consume(ctx context.Context, topics string, records int) (string, error) {
	option := "--formatter-property"
	if k.isOld() {
		option = "--property"
	}
	return k.Tool(ctx, "org.apache.kafka.tools.consumer.ConsoleConsumer",
		"--bootstrap-server", k.Addr, "--include", topics, "--from-beginning", "--max-messages", strconv.Itoa(records),
		"--timeout-ms", "60000", option, "print.key=true", option, "print.headers=true")
}
