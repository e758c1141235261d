package kafka

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"haproxystats/internal/doctor"
	"haproxystats/internal/kafka"
	"haproxystats/test/faults/harness"
	"haproxystats/test/real"
)

// TestDoctor has every kind of fault at once: doctor names each, with its remedy, and
// changes nothing.
func TestDoctor(t *testing.T) {
	t.Parallel()
	k := broker(t)
	f := newFiles(t, k)
	good := createTopic(t, k, 2, 1, nil)
	compacted := createTopic(t, k, 1, 1, map[string]string{"cleanup.policy": "compact,delete"})
	starved := createTopic(t, k, 1, 1, map[string]string{"min.insync.replicas": "2"})
	closed := createTopic(t, k, 1, 1, nil)
	readOnly := createTopic(t, k, 1, 1, nil)
	allow(t, k, "carol", onTopic(readOnly), kadm.OpRead, kadm.OpDescribe)
	tables := createTopic(t, k, 2, 1, map[string]string{"message.timestamp.type": "CreateTime", "retention.ms": "30000", "max.message.bytes": "20000"})
	web := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	type with = map[string]string
	token := func(topic string) with {
		return with{"brokers": k.Token, "sasl-mechanism": "OAUTHBEARER", "sasl-token-file": f.token, "topic": topic}
	}
	set := harness.Options{"graphite": {"enabled": "no"}, "kafka": {"topic": good, "brokers": k.Addr}}
	cases := []struct {
		name    string
		options with
		// The finding, whose subject is the topic or the brokers.
		subject, text, remedy string
	}{
		{"authority", with{"brokers": k.TLS, "tls": "yes", "ca-file": f.otherCA}, k.TLS, "x509", "Set ca-file in [kafka:authority]"},
		{"password", with{"brokers": k.Login, "sasl-mechanism": "SCRAM-SHA-256", "sasl-username": real.KafkaScramUser, "sasl-password-file": f.wrong}, k.Login, "SASL_AUTHENTICATION_FAILED", "Check sasl-username and the file with the password or token in [kafka:password]"},
		{"tls", with{"tls": "yes", "ca-file": f.ca}, k.Addr, "TLS", "Set tls = false in [kafka:tls]"},
		{"web", with{"brokers": web}, web, "HTTP", "Set brokers in [kafka:web] to the port of Kafka"},
		{"nobody", with{"brokers": "127.0.0.1:1"}, "127.0.0.1:1", "connection refused", "Check that the broker runs"},
		{"missing", with{"topic": good + ".none"}, good + ".none", "it does not exist, and is needed for metrics", "Run: kafka-topics.sh --bootstrap-server " + k.Addr + " --create --topic " + good + ".none "},
		{"compacted", with{"topic": compacted}, compacted, "removes all records of a key but the newest", "--add-config cleanup.policy=delete"},
		{"starved", with{"topic": starved}, starved, "min.insync.replicas is 2", "--add-config min.insync.replicas=1"},
		{"closed", token(closed), closed, "TOPIC_AUTHORIZATION_FAILED", "kafka-acls.sh --producer"},
		{"readonly", token(readOnly), readOnly, "write the topic: TOPIC_AUTHORIZATION_FAILED", "kafka-acls.sh --producer"},
	}
	set["central"] = with{"kafka": "yes", "tables-topic": tables, "snapshots-topic": good + ".snapshots", "group": "doctor"}
	for _, c := range cases {
		set["kafka:"+c.name] = c.options
	}
	s := harness.NewSite(t)
	conf := s.Configure(harness.Config{Set: set})
	// The broker makes its topic of groups when it is first asked about one.
	admin := kadm.NewClient(client(t, options(k.Addr)))
	s.Until("the broker knows groups", time.Minute, func() bool {
		_, err := admin.FetchOffsets(s.Ctx, "doctor.tables")
		return err == nil
	})
	out, err := exec.CommandContext(s.Ctx, s.Binary("haproxystats"), "doctor", "--json", "-f", conf).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("got %v from doctor, want status 1: %s", err, out)
	}
	var report struct{ Findings []doctor.Finding }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	has := func(subject string, verdict doctor.Verdict, text, remedy string) bool {
		for _, f := range report.Findings {
			if (f.Check == "kafka" || f.Check == "topic" || f.Check == "group") && f.Subject == subject && f.Verdict == verdict &&
				strings.Contains(f.Text, text) && strings.Contains(f.Remedy, remedy) {
				return true
			}
		}
		return false
	}
	for _, c := range cases {
		if !has(c.subject, doctor.Error, c.text, c.remedy) {
			t.Errorf("%s: got no error about %s with %q and the remedy %q", c.name, c.subject, c.text, c.remedy)
		}
	}
	for _, want := range [][2]string{
		{"message.timestamp.type is CreateTime", "--add-config message.timestamp.type=LogAppendTime"},
		{"retention.ms keeps records for 30s", "--add-config retention.ms="},
		{"max.message.bytes is 20000", "--add-config max.message.bytes="},
	} {
		if !has(tables, doctor.Error, want[0], want[1]) {
			t.Errorf("got no error about %s with %q and the remedy %q", tables, want[0], want[1])
		}
	}
	if !has(good+".snapshots", doctor.Error, "is needed for snapshots", "message.timestamp.type=LogAppendTime") {
		t.Errorf("got no error that %s.snapshots is missing", good)
	}
	if !has("doctor.tables", doctor.Warning, "nobody reads topic "+tables, "Start haproxystats-central") {
		t.Errorf("got no warning that nobody reads %s", tables)
	}
	if !has(k.Addr, doctor.OK, "they answer within", "") {
		t.Errorf("got no finding that %s answers", k.Addr)
	}
	if !has(good, doctor.Warning, "each record is on one broker only", "three replicas") {
		t.Errorf("got no warning about the one replica of %s", good)
	}
	for _, f := range report.Findings {
		if f.Subject == good && f.Verdict == doctor.Error {
			t.Errorf("got the error %+v about a topic in order", f)
		}
	}
	if t.Failed() {
		t.Logf("doctor said: %s", out)
	}
	if found, err := admin.ListTopics(s.Ctx); err != nil || found.Has(good+".none") {
		t.Errorf("got that %s exists: %t, %v; want that doctor creates nothing", good+".none", found.Has(good+".none"), err)
	}
}

// TestDoctorOfRights has haproxystats-central log in as users who lack one right each.
func TestDoctorOfRights(t *testing.T) {
	t.Parallel()
	k := broker(t)
	tables := createTopic(t, k, 12, 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	onGroup := func(b *kadm.ACLBuilder) *kadm.ACLBuilder { return b.Groups("rights.tables") }
	read, write, describe := kadm.OpRead, kadm.OpWrite, kadm.OpDescribe
	users := []struct {
		name         string
		topic, group []kadm.ACLOperation
		want         []string
	}{
		{"rights-all", []kadm.ACLOperation{read, write, describe}, []kadm.ACLOperation{read, describe}, nil},
		{"rights-unread", []kadm.ACLOperation{write, describe}, []kadm.ACLOperation{read, describe}, []string{"read the topic: TOPIC_AUTHORIZATION_FAILED"}},
		{"rights-unwritten", []kadm.ACLOperation{read, describe}, []kadm.ACLOperation{read, describe}, []string{"write the topic: TOPIC_AUTHORIZATION_FAILED"}},
		{"rights-unjoined", []kadm.ACLOperation{read, write, describe}, []kadm.ACLOperation{describe}, []string{"join the consumer group: GROUP_AUTHORIZATION_FAILED"}},
		{"rights-ungrouped", []kadm.ACLOperation{read, write, describe}, nil, []string{"ask about the consumer group: GROUP_AUTHORIZATION_FAILED"}},
	}
	s := harness.NewSite(t)
	admin := kadm.NewClient(client(t, options(k.Addr)))
	s.Until("the broker knows groups", time.Minute, func() bool {
		_, err := admin.FetchOffsets(s.Ctx, "rights.tables")
		return err == nil
	})
	for _, u := range users {
		allow(t, k, u.name, onTopic(tables), u.topic...)
		if u.group != nil {
			allow(t, k, u.name, onGroup, u.group...)
		}
		login := user(t, u.name)
		o := options(k.Token)
		o.Login = login
		own := client(t, o)
		s.Until("the broker knows what "+u.name+" may do", time.Minute, func() bool {
			topics, err := kafka.Describe(s.Ctx, own, tables)
			if err != nil || topics[0].Err != nil || topics[0].Leaderless > 0 {
				return false
			}
			_, err = kadm.NewClient(own).FetchOffsets(s.Ctx, "rights.tables")
			return (err == nil) == (u.group != nil)
		})
		conf := s.Configure(harness.Config{Set: harness.Options{
			"graphite":    {"enabled": "no"},
			"local-store": {"dir": t.TempDir()},
			"kafka":       {"topic": "", "brokers": k.Token, "sasl-mechanism": "OAUTHBEARER", "sasl-token-file": login.TokenFile},
			"central":     {"kafka": "yes", "tables-topic": tables, "snapshots-topic": "", "group": "rights"},
		}})
		out, err := exec.CommandContext(s.Ctx, s.Binary("haproxystats"), "doctor", "--json", "-f", conf).Output()
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		var report struct{ Findings []doctor.Finding }
		if err := json.Unmarshal(out, &report); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var got []string
		answered := false
		for _, f := range report.Findings {
			answered = answered || f.Check == "kafka" && f.Verdict == doctor.OK
			if f.Verdict == doctor.Error && (f.Check == "kafka" || f.Check == "topic" || f.Check == "group") {
				got = append(got, f.Text)
				if f.Remedy == "" {
					t.Errorf("%s: got no remedy for %q", u.name, f.Text)
				}
			}
		}
		if !answered {
			t.Errorf("%s: got no answer of the brokers: %s", u.name, out)
		}
		if len(got) != len(u.want) {
			t.Errorf("%s: got the errors %q, want %q: %s", u.name, got, u.want, out)
			continue
		}
		for i, want := range u.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q", u.name, got[i], want)
			}
		}
	}
}
