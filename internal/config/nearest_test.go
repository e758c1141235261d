package config

import "testing"

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "abcd", 1},
		{"abc", "bc", 1},
		{"abc", "acb", 1},
		{"kitten", "sitting", 3},
		{"loglevel", "log-level", 1},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"port", "prefix-hostname", "retries", "dir", "fqdn"}
	for name, want := range map[string]string{
		"prefix_hostname": "prefix-hostname",
		"Prefix-Hostname": "prefix-hostname",
		"prefixhostname":  "prefix-hostname",
		"prot":            "port",
		"retires":         "retries",
		"dirs":            "dir",
		" dir":            "dir",
		"fqn":             "fqdn",
		"server":          "",
		"":                "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
