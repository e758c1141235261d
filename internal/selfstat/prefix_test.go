package selfstat

import "testing"

func TestPrefix(t *testing.T) {
	for name, want := range map[string]string{
		"graphite": "Graphite", "local-store": "LocalStore", "kafka": "Kafka", "kafka:archive": "KafkaArchive", "kafka:a.b_c-d": "KafkaABCD",
	} {
		if got := (Sink{Name: name}).Prefix(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
