package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"haproxystats/internal/kafka"
	"haproxystats/internal/status"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// hand puts a recorded snapshot into the spool of a site.
func hand(s *harness.Site, epoch int64) {
	s.T.Helper()
	from, err := filepath.Glob("../../testdata/recordings/3.4.0-single/*")
	if err != nil || len(from) != 1 {
		s.T.Fatalf("got recordings %q, %v; want one", from, err)
	}
	tmp, to := s.Path("base", "next"), filepath.Join(s.Mkdir("base", "incoming"), fmt.Sprint(epoch))
	s.Must(os.CopyFS(tmp, os.DirFS(from[0])))
	s.Must(os.Rename(tmp, to))
}

// TestProgram: haproxystats-process delivers over every kind of connection. Where a
// broker takes nothing, the log and the status of the program have the cause within a
// second or so, whatever delivery-timeout is, and the other destinations go on.
func TestProgram(t *testing.T) {
	t.Parallel()
	k := broker(t)
	f := newFiles(t, k)
	topic := createTopic(t, k, 2, 1, nil)
	allow(t, k, "*", onTopic(topic), kadm.OpWrite, kadm.OpDescribe)
	s := harness.NewSite(t)
	base := map[string]string{"topic": topic, "delivery-timeout": "25", "retries": "-1", "interval": "1", "backoff": "1"}
	set := harness.Options{"graphite": {"enabled": "no"}, "kafka": base}
	base["brokers"] = k.Addr
	type with = map[string]string
	good := map[string]with{
		"mtls":  {"brokers": k.MutualTLS, "tls": "yes", "ca-file": f.ca, "cert-file": f.cert, "key-file": f.key},
		"scram": {"brokers": k.LoginTLS, "tls": "yes", "ca-file": f.ca, "sasl-mechanism": "SCRAM-SHA-512", "sasl-username": real.KafkaScramUser, "sasl-password-file": f.scram},
		"plain": {"brokers": k.Login, "sasl-mechanism": "PLAIN", "sasl-username": real.KafkaPlainUser, "sasl-password-file": f.password},
		"token": {"brokers": k.Token, "sasl-mechanism": "OAUTHBEARER", "sasl-token-file": f.token},
		"gzip":  {"compression": "gzip", "format": "json"}, "snappy": {"compression": "snappy", "format": "influx"}, "lz4": {"compression": "lz4", "format": "otlp"},
	}
	bad := map[string]struct {
		with
		cause, hint string
	}{
		"authority": {with{"brokers": k.TLS, "tls": "yes", "ca-file": f.otherCA}, "x509", "Set ca-file in [kafka:authority]"},
		"password":  {with{"brokers": k.Login, "sasl-mechanism": "SCRAM-SHA-256", "sasl-username": real.KafkaScramUser, "sasl-password-file": f.wrong}, "SASL_AUTHENTICATION_FAILED", "Check sasl-username and the file with the password or token in [kafka:password]"},
		"mechanism": {with{"brokers": k.Token, "sasl-mechanism": "PLAIN", "sasl-username": real.KafkaPlainUser, "sasl-password-file": f.password}, "UNSUPPORTED_SASL_MECHANISM", "Set sasl-mechanism in [kafka:mechanism]"},
		"login":     {with{"brokers": k.Login}, "SASL", "sasl-mechanism"},
		"tls":       {with{"tls": "yes", "ca-file": f.ca}, "TLS", "Set tls = false in [kafka:tls]"},
		"acl":       {with{"brokers": k.Token, "sasl-mechanism": "OAUTHBEARER", "sasl-token-file": f.token, "topic": topic + ".secret"}, "TOPIC_AUTHORIZATION_FAILED", "kafka-acls.sh --producer"},
		"topic":     {with{"topic": topic + ".none"}, "UNKNOWN_TOPIC_OR_PARTITION", "set create-topic = true in [kafka:topic]"},
		"nobody":    {with{"brokers": "127.0.0.1:1"}, "connection refused", "Check that the broker runs"},
	}
	for name, options := range good {
		set["kafka:"+name] = options
	}
	for name, c := range bad {
		set["kafka:"+name] = c.with
	}
	conf := s.Configure(harness.Config{Set: set})
	hand(s, 1700000100)
	p := s.Start(harness.Process, conf)
	p.WaitSays(time.Minute, "snapshot processed", "snapshot=1700000100")

	started := at(t, p.Lines("msg=started")[0])
	for name, c := range bad {
		lines := p.Lines("destination is down", "sink=kafka:"+name+" ")
		if len(lines) == 0 || !strings.Contains(lines[0], c.cause) || !strings.Contains(lines[0], c.hint) {
			t.Errorf("%s: got %q, want a message with %q and %q", name, lines, c.cause, c.hint)
			continue
		}
		// A second on a quiet machine; the limit is far below delivery-timeout.
		took := at(t, lines[0]).Sub(started)
		t.Logf("%s: the cause was told %v after the start", name, took)
		if limit := real.Loaded(5 * time.Second); took > limit {
			t.Errorf("%s: the cause was told after %v, want less than %v", name, took, limit)
		}
	}
	document, err := status.Ask(s.Ctx, s.Path("base", "process.status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sink := range document.Process.Sinks {
		name := strings.TrimPrefix(sink.Name, "kafka:")
		c, broken := bad[name]
		switch {
		case broken && (sink.Reachable || !strings.Contains(sink.Cause, c.cause) || sink.Queue.Batches != 1):
			t.Errorf("%s: got reachable %t, cause %q and %d batches that wait, want the cause %q and one", sink.Name, sink.Reachable, sink.Cause, sink.Queue.Batches, c.cause)
		case !broken && (!sink.Reachable || sink.Batches != 1 || sink.Metrics == 0):
			t.Errorf("%s: got reachable %t, %d batches and %d metrics, want one batch", sink.Name, sink.Reachable, sink.Batches, sink.Metrics)
		}
	}
	if want := len(good) + len(bad) + 1; len(document.Process.Sinks) != want {
		t.Errorf("got %d sinks, want %d", len(document.Process.Sinks), want)
	}

	// The topic is made, and what has waited comes.
	c := client(t, options(k.Addr))
	if err := kafka.Create(t.Context(), c, topic+".none", 1, 1, nil); err != nil {
		t.Fatal(err)
	}
	p.WaitSays(time.Minute, "destination is up again", "sink=kafka:topic ")
	if took := p.End(15); took > 5*time.Second {
		t.Errorf("the program took %v to end, want less than 5s", took)
	}
}

var logTime = regexp.MustCompile(`time=(\S+)`)

// at returns the time of a line of a log.
func at(t *testing.T, line string) time.Time {
	t.Helper()
	match := logTime.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("no time in %q", line)
	}
	when, err := time.Parse(time.RFC3339Nano, match[1])
	if err != nil {
		t.Fatal(err)
	}
	return when
}
