package brokers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"haproxystats/internal/config"
	"haproxystats/internal/kafka"
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
