package real

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func startKafka(t *testing.T, c KafkaConfig) *Kafka {
	t.Helper()
	c.Dir = t.TempDir()
	k, err := StartKafka(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Kill)
	return k
}

// kcat runs kcat, a client that shares no code with Kafka or with ours.
func kcat(t *testing.T, input string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Need(t, "kcat"), args...)
	cmd.Stdin = strings.NewReader(input)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat %q: %v: %s", args, err, failure.String())
	}
	return string(out)
}

// TestKafka has a broker keep its records over what the fault tests do to it.
func TestKafka(t *testing.T) {
	for _, component := range []string{"kafka", "kafka-3.9"} {
		t.Run(component, func(t *testing.T) {
			k := startKafka(t, KafkaConfig{Jars: Need(t, component)})
			if err := k.CreateTopic(t.Context(), "topic", 1, "max.message.bytes=100000"); err != nil {
				t.Fatal(err)
			}
			kcat(t, "key:one\n", "-P", "-b", k.Addr, "-t", "topic", "-K:", "-H", "host=lb1", "-X", "acks=all")
			if err := k.Pause(); err != nil {
				t.Fatal(err)
			}
			if err := reachable(t.Context(), k.Addr); err != nil {
				t.Errorf("the kernel of a paused broker refuses connections: %v", err)
			}
			if err := k.Resume(); err != nil {
				t.Fatal(err)
			}
			k.Kill()
			if err := reachable(t.Context(), k.Addr); err == nil {
				t.Error("a killed broker still accepts connections")
			}
			if err := k.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := k.Consume(t.Context(), "topic", 1)
			if want := "host:lb1\tkey\tone\n"; err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			if err := k.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestKafkaListeners logs in at each listener as kcat does. Its SCRAM is refused by
// Kafka 4, so PLAIN stands for both.
func TestKafkaListeners(t *testing.T) {
	k := startKafka(t, KafkaConfig{Jars: Need(t, "kafka"), Secure: true})
	cert, key, err := k.Authority.Sign("client")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, certFile, keyFile := file("ca.pem", k.Authority.PEM), file("cert.pem", cert), file("key.pem", key)
	plain := []string{"-X", "sasl.mechanisms=PLAIN", "-X", "sasl.username=" + KafkaPlainUser, "-X", "sasl.password=" + KafkaPlainPassword}
	trust := []string{"-X", "ssl.ca.location=" + ca}
	for _, c := range []struct {
		name, addr, protocol string
		args                 []string
	}{
		{"plain", k.Addr, "PLAINTEXT", nil},
		{"TLS", k.TLS, "SSL", trust},
		{"mutual TLS", k.MutualTLS, "SSL", append([]string{"-X", "ssl.certificate.location=" + certFile, "-X", "ssl.key.location=" + keyFile}, trust...)},
		{"login", k.Login, "SASL_PLAINTEXT", plain},
		{"login over TLS", k.LoginTLS, "SASL_SSL", append(append([]string{}, plain...), trust...)},
		{"token", k.Token, "SASL_PLAINTEXT", []string{
			"-X", "sasl.mechanisms=OAUTHBEARER", "-X", "enable.sasl.oauthbearer.unsecure.jwt=true", "-X", "sasl.oauthbearer.config=principal=carol",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := kcat(t, "", append([]string{"-L", "-b", c.addr, "-X", "security.protocol=" + c.protocol, "-m", "30"}, c.args...)...)
			if want := "broker 1 at " + c.addr; !strings.Contains(got, want) {
				t.Errorf("got %q, want it to contain %q", got, want)
			}
		})
	}
}

func TestKafkaOfTwoBrokers(t *testing.T) {
	jars := Need(t, "kafka")
	first := startKafka(t, KafkaConfig{Jars: jars})
	second := startKafka(t, KafkaConfig{Jars: jars, Join: first})
	if err := first.CreateReplicated(t.Context(), "topic", 2, "min.insync.replicas=2"); err != nil {
		t.Fatal(err)
	}
	got := kcat(t, "", "-L", "-b", second.Addr, "-t", "topic")
	if want := "isrs: 1,2"; !strings.Contains(got, want) && !strings.Contains(got, "isrs: 2,1") {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}
