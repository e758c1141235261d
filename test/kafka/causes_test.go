package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"haproxystats/internal/kafka"
	"haproxystats/internal/tlsfile"
	"haproxystats/test/real"
)

// files has what the logins of a test need.
type files struct {
	ca, cert, key, otherCA           string
	password, scram, wrong, multi    string
	token, expired                   string
	empty                            string
	plain, sha256, sha512, tokenUser kafka.Login
}

func unsigned(subject string, expires time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now().Add(-time.Minute).Unix()
	return encode([]byte(`{"alg":"none"}`)) + "." +
		encode([]byte(`{"sub":"`+subject+`","iat":`+strconv.FormatInt(now, 10)+`,"exp":`+strconv.FormatInt(expires.Unix(), 10)+`}`)) + "."
}

func newFiles(t *testing.T, k *real.Kafka) files {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key, err := k.Authority.Sign("client")
	if err != nil {
		t.Fatal(err)
	}
	other, err := real.NewAuthority("another")
	if err != nil {
		t.Fatal(err)
	}
	f := files{
		ca: put("ca.pem", k.Authority.PEM), otherCA: put("other.pem", other.PEM),
		cert: put("cert.pem", cert), key: put("key.pem", key),
		password: put("password", []byte(real.KafkaPlainPassword+"\n")), scram: put("scram", []byte(real.KafkaScramPassword)),
		wrong: put("wrong", []byte("not it")), multi: put("multi", []byte("a\nb")), empty: put("empty", nil),
		token:   put("token", []byte(unsigned("carol", time.Now().Add(time.Hour))+"\n")),
		expired: put("expired", []byte(unsigned("carol", time.Now().Add(-time.Hour)))),
	}
	f.plain = kafka.Login{Mechanism: kafka.Plain, Username: real.KafkaPlainUser, PasswordFile: f.password}
	f.sha256 = kafka.Login{Mechanism: kafka.ScramSHA256, Username: real.KafkaScramUser, PasswordFile: f.scram}
	f.sha512 = kafka.Login{Mechanism: kafka.ScramSHA512, Username: real.KafkaScramUser, PasswordFile: f.scram}
	f.tokenUser = kafka.Login{Mechanism: kafka.OAuthBearer, TokenFile: f.token}
	return f
}

// TestCauses has every way to connect, and every wrong one: the cause is told soon.
func TestCauses(t *testing.T) {
	k := broker(t)
	f := newFiles(t, k)
	with := func(l kafka.Login, change func(*kafka.Login)) *kafka.Login {
		change(&l)
		return &l
	}
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	web := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	closed := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<10)) })
	trusted := &tlsfile.Files{CAFile: f.ca}
	mutual := &tlsfile.Files{CAFile: f.ca, CertFile: f.cert, KeyFile: f.key}
	for _, c := range []struct {
		name    string
		address string
		tls     *tlsfile.Files
		login   *kafka.Login
		class   kafka.Class
		want    string // in the error; empty for none
		hint    string
	}{
		{"plain", k.Addr, nil, nil, 0, "", ""},
		{"TLS", k.TLS, trusted, nil, 0, "", ""},
		{"mutual TLS", k.MutualTLS, mutual, nil, 0, "", ""},
		{"PLAIN", k.Login, nil, &f.plain, 0, "", ""},
		{"SCRAM-SHA-256", k.Login, nil, &f.sha256, 0, "", ""},
		{"SCRAM-SHA-512 over TLS", k.LoginTLS, trusted, &f.sha512, 0, "", ""},
		{"token", k.Token, nil, &f.tokenUser, 0, "", ""},

		{"nobody", "127.0.0.1:1", nil, nil, kafka.Wait, "connection refused", "Check that the broker runs"},
		{"no such name", "broker.invalid:9092", nil, nil, kafka.Operator, "broker.invalid", "Check the names in option brokers"},
		{"silent", silent, nil, nil, kafka.Wait, "no answer within", "Check the load of the brokers"},
		{"web server", web, nil, nil, kafka.Operator, "HTTP", "Set brokers in [kafka] to the port of Kafka"},
		{"closes at once", closed, nil, nil, kafka.Operator, "closed the connection", "Set tls = true in [kafka]"},
		{"wrong authority", k.TLS, &tlsfile.Files{CAFile: f.otherCA}, nil, kafka.Operator, "x509", "Set ca-file in [kafka]"},
		{"wrong name", k.TLS, &tlsfile.Files{CAFile: f.ca, ServerName: "other.example.com"}, nil, kafka.Operator, "x509", "Set server-name in [kafka]"},
		{"TLS to plain", k.Addr, trusted, nil, kafka.Operator, "", "tls = false"},
		{"plain to TLS", k.TLS, nil, nil, kafka.Operator, "", "Set tls = true in [kafka]"},
		{"no client certificate", k.MutualTLS, trusted, nil, kafka.Operator, "certificate", "Set cert-file and key-file in [kafka]"},
		{"no login", k.Login, nil, nil, kafka.Operator, "", "sasl-mechanism"},
		{"login where none is", k.Addr, nil, &f.plain, kafka.Operator, "", "sasl-mechanism"},
		{"wrong password", k.Login, nil, with(f.plain, func(l *kafka.Login) { l.PasswordFile = f.wrong }), kafka.Operator, "SASL_AUTHENTICATION_FAILED", "Check sasl-username"},
		{"wrong password of SCRAM", k.Login, nil, with(f.sha256, func(l *kafka.Login) { l.PasswordFile = f.wrong }), kafka.Operator, "SASL_AUTHENTICATION_FAILED", "Check sasl-username"},
		{"no such user", k.Login, nil, with(f.sha512, func(l *kafka.Login) { l.Username = "mallory" }), kafka.Operator, "SASL_AUTHENTICATION_FAILED", "Check sasl-username"},
		{"mechanism not enabled", k.Token, nil, &f.plain, kafka.Operator, "UNSUPPORTED_SASL_MECHANISM", "Set sasl-mechanism in [kafka] to one"},
		{"expired token", k.Token, nil, with(f.tokenUser, func(l *kafka.Login) { l.TokenFile = f.expired }), kafka.Operator, "", "sasl-"},
		{"no file of a password", k.Login, nil, with(f.plain, func(l *kafka.Login) { l.PasswordFile = "/does/not/exist" }), kafka.Operator, "sasl-password-file /does/not/exist", "Correct the file"},
		{"empty password", k.Login, nil, with(f.plain, func(l *kafka.Login) { l.PasswordFile = f.empty }), kafka.Operator, "holds no password", "Correct the file"},
		{"two lines", k.Login, nil, with(f.plain, func(l *kafka.Login) { l.PasswordFile = f.multi }), kafka.Operator, "more than one line", "Correct the file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(c.address)
			o.TLS, o.Login = c.tls, c.login
			if c.want == "" && c.hint == "" {
				// The first handshake of a broker that has just started may take seconds.
				if err := o.Ping(t.Context(), client(t, o), time.Minute); err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			bound := 10 * time.Second // of a busy machine
			if c.address == silent {
				bound = 2 * time.Second
			}
			start := time.Now()
			err := o.Ping(t.Context(), client(t, o), bound)
			took := time.Since(start)
			hint, bare := kafka.Advice(err)
			if err == nil || !strings.Contains(bare.Error(), c.want) || !strings.Contains(hint, c.hint) || kafka.ClassOf(err) != c.class {
				t.Errorf("got %v, hint %q, class %d; want %q, hint %q, class %d", err, hint, kafka.ClassOf(err), c.want, c.hint, c.class)
			}
			if limit := 5 * time.Second; took > real.Loaded(limit) {
				t.Errorf("the cause was found after %v, want less than %v", took, limit)
			}
		})
	}
}

// TestSecretsAreReadAgain changes a password that was wrong, without a new client.
func TestSecretsAreReadAgain(t *testing.T) {
	k := broker(t)
	f := newFiles(t, k)
	f.plain.PasswordFile = f.wrong
	o := options(k.Login)
	o.Login = &f.plain
	c := client(t, o)
	if err := o.Ping(t.Context(), c, 10*time.Second); kafka.ClassOf(err) != kafka.Operator {
		t.Fatalf("got %v, want a failed login", err)
	}
	if err := os.WriteFile(f.wrong, []byte(real.KafkaPlainPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.Ping(t.Context(), c, 10*time.Second); err != nil {
		t.Errorf("got %v after the password was corrected, want no error", err)
	}
}

// TestDescribe reads the settings of topics, and what is known of one that is missing.
func TestDescribe(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 3, 1, map[string]string{
		"max.message.bytes": "20000", "message.timestamp.type": "LogAppendTime", "retention.ms": "60000",
		"retention.bytes": "1000000", "cleanup.policy": "compact",
	})
	got, err := kafka.Describe(t.Context(), client(t, options(k.Addr)), topic, "missing")
	if err != nil {
		t.Fatal(err)
	}
	want := kafka.Settings{
		MaxMessageBytes: 20000, MinInSync: 1, Retention: time.Minute, RetentionBytes: 1000000, AppendTime: true, Compacted: true,
	}
	if a := got[0]; a.Err != nil || a.Partitions != 3 || a.Replicas != 1 || a.InSync != 1 || a.Settings == nil || *a.Settings != want {
		t.Errorf("got %+v, settings %+v; want %+v", a, a.Settings, want)
	}
	if b := got[1]; b.Err == nil || b.Settings != nil {
		t.Errorf("got %+v for a topic that is missing, want an error", b)
	}
	if err := kafka.Create(t.Context(), client(t, options(k.Addr)), topic, 3, 1, nil); err != nil {
		t.Errorf("got %v for a topic that is there, want no error", err)
	}
}

// TestDescribeIsNotAllowed has a user who may write to the topic and nothing else.
func TestDescribeIsNotAllowed(t *testing.T) {
	k := broker(t)
	topic := createTopic(t, k, 1, 1, nil)
	f := newFiles(t, k)
	o := options(k.Login)
	o.Login = &f.plain
	c := client(t, o)
	got, err := kafka.Describe(t.Context(), c, topic)
	if err != nil || kafka.ClassOf(got[0].Err) != kafka.Operator {
		t.Errorf("got %+v, %v; want that the topic is not allowed", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
	hint, _ := kafka.Advice(o.Explain("produce", err))
	if !strings.Contains(hint, "kafka-acls.sh --producer") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, hint %q; want advice on access", err, hint)
	}
}
