package config

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServers(t *testing.T) {
	tcp := func(address string) Server { return Server{"tcp", address} }
	unix := func(path string) Server { return Server{"unix", path} }
	for _, tt := range []struct {
		text string
		want []Server
		err  string
	}{
		{"tcp://127.0.0.1:5555", []Server{tcp("127.0.0.1:5555")}, ""},
		{"tcp://foo.bar.com:4444", []Server{tcp("foo.bar.com:4444")}, ""},
		{"TCP://Foo:1/", []Server{tcp("foo:1")}, ""},
		{"tcp://[fe80::3f2f:46b3:ef0c:a420]:4444", []Server{tcp("[fe80::3f2f:46b3:ef0c:a420]:4444")}, ""},
		{"tcp://[fe80::1%eth0]:1", []Server{tcp("[fe80::1%eth0]:1")}, ""},
		{"tcp://a:0080", []Server{tcp("a:80")}, ""},
		{"unix:///run/haproxy.sock", []Server{unix("/run/haproxy.sock")}, ""},
		{"unix:/run/haproxy.sock", []Server{unix("/run/haproxy.sock")}, ""},
		{"UNIX:///run/A:b?c#d", []Server{unix("/run/A:b?c#d")}, ""},
		{" tcp://a:1 ,\nunix:///b\n, tcp://c:2,", []Server{tcp("a:1"), unix("/b"), tcp("c:2")}, ""},
		{"tcp://a:1,tcp://A:1", []Server{tcp("a:1")}, ""},

		{"", nil, "the list is empty"},
		{" , ", nil, "the list is empty"},
		{",tcp://a:1", nil, "entry 1 is empty"},
		{"tcp://a:1,,tcp://b:1", nil, "entry 2 is empty"},
		{"a:1,http://b", nil, `"a:1": starts with neither tcp:// nor unix://; "http://b": starts with neither tcp:// nor unix://`},
		{"/run/haproxy.sock", nil, `"/run/haproxy.sock": starts with neither tcp:// nor unix://`},
		{"tcp://a", nil, `"tcp://a": the port is missing`},
		{"tcp://[::1]", nil, `"tcp://[::1]": the port is missing`},
		{"tcp:a:1", nil, `"tcp:a:1": two slashes are missing`},
		{"tcp://a:", nil, `"tcp://a:": the port "" is not a number from 1 to 65535`},
		{"tcp://a:0", nil, `"tcp://a:0": the port "0" is not a number from 1 to 65535`},
		{"tcp://a:65536", nil, `"tcp://a:65536": the port "65536" is not a number from 1 to 65535`},
		{"tcp://a:+1", nil, `"tcp://a:+1": the port "+1" is not a number from 1 to 65535`},
		{"tcp://a:1/x", nil, `"tcp://a:1/x": the port "1/x" is not a number from 1 to 65535`},
		{"tcp://::1:1", nil, `"tcp://::1:1": an IPv6 address needs brackets`},
		{"tcp://[127.0.0.1]:1", nil, `"tcp://[127.0.0.1]:1": [127.0.0.1] is not an IPv6 address in brackets`},
		{"tcp://[::1:1", nil, `"tcp://[::1:1": [::1 is not an IPv6 address in brackets`},
		{"tcp://:1", nil, `"tcp://:1": the host is empty`},
		{"tcp://u@h:1", nil, `"tcp://u@h:1": "@" can't be part of a host name`},
		{"tcp://a:1 tcp://b:1", nil, `"tcp://a:1 tcp://b:1": contains white space`},
		{"unix://run/x", nil, `"unix://run/x": the path of a UNIX socket is not absolute`},
		{"unix://", nil, `"unix://": the path is missing`},
		{"unix:///", nil, `"unix:///": the path is missing`},
		{"unix:", nil, `"unix:": the path is missing`},
		{"unix:x", nil, `"unix:x": the path is missing`},
	} {
		got, err := parseServers(tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("parseServers(%q) (-want +got):\n%s", tt.text, diff)
		}
		if message(err) != tt.err {
			t.Errorf("parseServers(%q): %q, want %q", tt.text, message(err), tt.err)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestHost(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "graphite.example.com": "graphite.example.com",
		"::1": "::1", "[::1]": "::1", "fe80::1%eth0": "fe80::1%eth0",
		"": "", "[::1": "", "::1]": "", "graphite:2003": "", "a b": "", "a/b": "", "tcp://a": "", "a\n": "",
	} {
		if got, err := parseHost(text); got != want || (err == nil) != (want != "") {
			t.Errorf("parseHost(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

// What is taken is an address that net can take apart, and reads the same when
// it is written as a URL again.
func FuzzServers(f *testing.F) {
	for _, text := range []string{
		"tcp://127.0.0.1:5555,unix:///run/haproxy.sock,", "tcp://[fe80::1%eth0]:1", "unix:/x", "tcp://a:1/,\n tcp://B:2",
		"tcp://[::ffff:1.2.3.4]:9", "tcp://]:1", "tcp://[]:1", "tcp://[fe80::1%eth6]:th6]:1", "unix://x", "tcp://a:99999", ",", "tcp://a:1,,",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		servers, err := parseServers(text)
		if (err == nil) == (len(servers) == 0) {
			t.Fatalf("%d servers and error %v", len(servers), err)
		}
		for _, s := range servers {
			if strings.ContainsAny(s.Address, " \t\r\n\x00") {
				t.Errorf("address %q holds white space", s.Address)
			}
			if s.Network == "tcp" {
				if host, port, err := net.SplitHostPort(s.Address); err != nil || host == "" || port == "" {
					t.Errorf("net can't split %q: %v", s.Address, err)
				}
			} else if s.Network != "unix" || s.Address[0] != '/' {
				t.Errorf("odd server %#v", s)
			}
			again, err := parseServer(s.String())
			if err != nil || again != s {
				t.Errorf("%v reads as %v, %v", s, again, err)
			}
		}
	})
}
