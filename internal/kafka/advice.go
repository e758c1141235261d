package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/tlsfile"
)

// joined returns a list of brokers as the configuration has it, shortened.
func joined(brokers []string) string {
	const shown = 3
	if len(brokers) > shown {
		return strings.Join(brokers[:shown], ", ") + " and others"
	}
	return strings.Join(brokers, ", ")
}

// advice returns what to do about an error, or nothing.
func (o Options) advice(err error) string {
	if o.Advise != nil {
		if hint := o.Advise(err); hint != "" {
			return hint
		}
	}
	in := "[" + o.Section + "]"
	if hint := o.adviceOnTLS(err, in); hint != "" {
		return hint
	}
	if hint := adviceOfBroker(err, in); hint != "" {
		return hint
	}
	var (
		dns *net.DNSError
		eof *kgo.ErrFirstReadEOF
	)
	switch {
	case errors.As(err, &eof), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return o.adviceOnClosed(in)
	case isForeign(err) && strings.Contains(err.Error(), "tls alert"):
		return "Set tls = true in " + in + ": the broker speaks TLS on that port"
	case isForeign(err):
		return "Set brokers in " + in + " to the port of Kafka: something else answers there"
	case errors.As(err, &dns):
		return "Check the names in option brokers and in advertised.listeners of the brokers, and the resolver"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Check that the broker runs, and that brokers in " + in + " and advertised.listeners of the broker name its port"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "Check the route to it"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "Check the firewall of this host"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "Check the limit of open files"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "Check the load of the brokers, the firewalls, and that advertised.listeners of the brokers can be reached from here"
	}
	return ""
}

// adviceOnClosed is for a broker that closes a connection without a word.
func (o Options) adviceOnClosed(in string) string {
	switch {
	case o.TLS != nil && o.Login == nil:
		return "Set sasl-mechanism in " + in + " if the broker wants a login, or tls = false if it does not speak TLS on that port"
	case o.TLS != nil:
		return "Set tls = false in " + in + " if the broker does not speak TLS on that port"
	case o.Login == nil:
		return "Set tls = true in " + in + " if the broker speaks TLS on that port, or sasl-mechanism if it wants a login"
	}
	return "Set tls = true in " + in + " if the broker speaks TLS on that port, or remove sasl-mechanism if it wants no login"
}

// adviceOfBroker is for what a broker says.
func adviceOfBroker(err error, in string) string {
	var fault *kerr.Error
	if !errors.As(err, &fault) {
		return ""
	}
	switch fault.Code {
	case kerr.SaslAuthenticationFailed.Code:
		return "Check sasl-username and the file with the password or token in " + in
	case kerr.UnsupportedSaslMechanism.Code:
		return "Set sasl-mechanism in " + in + " to one that the broker has enabled on that port"
	case kerr.IllegalSaslState.Code:
		return "Remove sasl-mechanism in " + in + ", or set brokers to a port that wants a login"
	case kerr.TopicAuthorizationFailed.Code:
		return "Allow the user to write and describe the topic, with kafka-acls.sh --producer"
	case kerr.GroupAuthorizationFailed.Code:
		return "Allow the user to read the consumer group, with kafka-acls.sh --consumer"
	case kerr.ClusterAuthorizationFailed.Code:
		return "Allow the user to write the topic, with kafka-acls.sh --producer; old brokers also want IdempotentWrite on the cluster, or idempotent = false in " + in
	case kerr.UnknownTopicOrPartition.Code:
		return "Create the topic with kafka-topics.sh --create, or set create-topic = true in " + in
	case kerr.InvalidTopicException.Code:
		return "Set topic in " + in + " to a name that Kafka takes"
	case kerr.LeaderNotAvailable.Code:
		return "Start the brokers that are down: none of those that run may lead a partition of the topic"
	case kerr.CoordinatorNotAvailable.Code:
		return "Wait a minute if the brokers have just started. Otherwise check that they can make the topic __consumer_offsets: offsets.topic.replication.factor must not exceed their number"
	case kerr.NotEnoughReplicas.Code, kerr.NotEnoughReplicasAfterAppend.Code:
		return "Start the brokers that are down: fewer replicas of the topic are in sync than min.insync.replicas asks for"
	case kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code:
		return "Raise max.message.bytes of the topic, or lower max-record-bytes in " + in
	case kerr.InvalidTimestamp.Code:
		return "Check the clocks of this host and of the broker, or create the topic with message.timestamp.type=LogAppendTime"
	case kerr.PolicyViolation.Code:
		return "Ask the administrator of Kafka which policy of the topic refuses the records"
	case kerr.UnsupportedVersion.Code, kerr.UnsupportedCompressionType.Code:
		return "Set compression in " + in + " to one that the broker knows; zstd needs Kafka 2.1"
	case kerr.UnknownTopicID.Code, kerr.InconsistentTopicID.Code:
		return "Create the topic again: it was removed"
	}
	return ""
}

func (o Options) adviceOnTLS(err error, in string) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
		file      *tlsfile.Error
	)
	switch {
	case errors.As(err, &file):
		return "Correct the file"
	case errors.As(err, &authority):
		return "Set ca-file in " + in + " to the authority that has signed the broker's certificate"
	case errors.As(err, &name):
		return "Set server-name in " + in + " to a name in the broker's certificate, or brokers and advertised.listeners to names that it has"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "Renew the broker's certificate, and check the clocks of both hosts"
	case errors.As(err, &header):
		return "Set tls = false in " + in + ", or brokers to a port on which the broker speaks TLS"
	case isAlert(err) && strings.Contains(err.Error(), "certificate"):
		return "Set cert-file and key-file in " + in + " to a certificate that the broker trusts"
	case isAlert(err):
		return "Check the log of the broker: its versions and ciphers may be too old, or it wants a client certificate"
	case errors.Is(err, errHandshake) && !errors.Is(err, context.DeadlineExceeded):
		return "Set tls = false in " + in + ", or brokers to a port on which the broker speaks TLS"
	}
	return ""
}

// isAlert reports whether the peer has ended TLS with a reason.
func isAlert(err error) bool {
	var fault *net.OpError
	return errors.As(err, &fault) && fault.Op == "remote error"
}

// isForeign reports whether something answers that does not speak Kafka's protocol. The
// library has no type for it.
func isForeign(err error) bool {
	text := err.Error()
	return strings.Contains(text, "invalid large response size") || strings.Contains(text, "invalid negative response size")
}

// isOperators reports whether an error that is not a broker's lasts until somebody
// changes something.
func isOperators(err error) bool {
	var (
		file *tlsfile.Error
		dns  *net.DNSError
		eof  *kgo.ErrFirstReadEOF
		cert *tls.CertificateVerificationError
	)
	return errors.As(err, &file) || errors.As(err, &eof) || isForeign(err) || errors.As(err, &cert) ||
		errors.As(err, &dns) && dns.IsNotFound || isAlert(err) || errors.Is(err, fs.ErrPermission)
}
