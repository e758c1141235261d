package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRelays(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []Relay
		err  string
	}{
		{"127.0.0.1", []Relay{{"127.0.0.1", 0}}, ""},
		{"Graphite.example.com", []Relay{{"Graphite.example.com", 0}}, ""},
		{"::1", []Relay{{"::1", 0}}, ""},
		{"[::1]", []Relay{{"::1", 0}}, ""},
		{"[2001:db8::1]:2003", []Relay{{"2001:db8::1", 2003}}, ""},
		{"fe80::1%eth0", []Relay{{"fe80::1%eth0", 0}}, ""},
		{"a:1", []Relay{{"a", 1}}, ""},
		{"a:0080,", []Relay{{"a", 80}}, ""},
		{" a ,b:2,\n[::1]:3, ::2", []Relay{{"a", 0}, {"b", 2}, {"::1", 3}, {"::2", 0}}, ""},

		{"", nil, "the host is empty"},
		{" , ", nil, "the host is empty"},
		{"a,,b", nil, "entry 2 is empty"},
		{"a b", nil, `" " can't be part of a host name`},
		{"a b, c:x", nil, `"a b": " " can't be part of a host name; "c:x": the port "x" is not a number from 1 to 65535`},
		{"http://graphite", nil, "a URL is not accepted"},
		{"a:", nil, `the port "" is not a number from 1 to 65535`},
		{"a:0", nil, `the port "0" is not a number from 1 to 65535`},
		{"a:65536", nil, `the port "65536" is not a number from 1 to 65535`},
		{"a:+1", nil, `the port "+1" is not a number from 1 to 65535`},
		{"a:1/x", nil, `the port "1/x" is not a number from 1 to 65535`},
		{":1", nil, "the host is empty"},
		{"u@h:1", nil, `"@" can't be part of a host name`},
		{"[127.0.0.1]:1", nil, "only an IPv6 address stands in brackets"},
		{"[::1:1", nil, "neither host:port nor an IPv6 address"},
		{"1::2::3", nil, "neither host:port nor an IPv6 address"},
	} {
		got, err := parseRelays(tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("parseRelays(%q) (-want +got):\n%s", tt.text, diff)
		}
		if message(err) != tt.err {
			t.Errorf("parseRelays(%q): %q, want %q", tt.text, message(err), tt.err)
		}
	}
}

func TestRelaysWithoutPort(t *testing.T) {
	got := load(t, ForProcess, "[graphite]\nserver = a, b:2, a:1, ::1\nport = 1\n").Graphite.Server
	if diff := cmp.Diff([]Relay{{"a", 1}, {"b", 2}, {"::1", 1}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProblemOfACheck: Load adds the position and the value, and keeps the rest.
func TestProblemOfACheck(t *testing.T) {
	check := func(*Config) []Problem {
		return []Problem{{Section: "graphite", Option: "key-file", Reason: "no good", Allowed: "a good one", Hint: "Make it good"}}
	}
	file := write1(t, "[DEFAULT]\nx = /k\n[graphite]\ntls = on\ncert-file = /c\nkey-file = ${x}.pem\n")
	_, err := Load(ForProcess, Files{File: file}, check)
	if want := file + `:6: [graphite] key-file = "/k.pem": no good; allowed: a good one. Make it good`; message(err) != want {
		t.Errorf("got %q, want %q", message(err), want)
	}
}
