package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// KafkaSection returns the section of a connection's name; "" is [kafka].
func KafkaSection(name string) string {
	if name == "" {
		return "kafka"
	}
	return "kafka:" + name
}

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

// kafkaOptions are the options of [kafka] and [kafka:NAME].
func kafkaOptions() []Option {
	options := connectionOptions()
	for i := range options {
		options[i].New = true
	}
	return options
}

// checkKafka refuses connections that can't work.
func (l *loader) checkKafka() {
	for _, s := range l.kinds["kafka"] {
		k, _ := l.config.Kafkas.Get(s.instance)
		l.checkBrokersTLS(s.name, k.KafkaConnection)
		l.checkLogin(s.name, k.KafkaConnection)
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
	p := l.problem(section, name, reason, hint)
	if s, ok := l.doc.Section(section); ok && p.Pos.IsZero() {
		p.Pos, p.Section = s.Pos, section
	}
	l.problems = append(l.problems, p)
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
